/* SPDX-License-Identifier: Apache-2.0 */
/* Products in bf16 tiles.
 *
 * An item is a block of rows.  TILE_BLOCK_COLS columns of it at a time are decoded to float32,
 * rounded and laid out as tiles, which stay in a core's second-level cache while they meet the
 * tiles of all tokens; these stream past, so the taller a block, the less they cost. */
#include <assert.h>

#include "cpu/cpu_int.h"

#define AHEAD 8 /* stored rows between asking and reading */

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

static int tiles_of(int64_t n, int size)
{
    return (int)((n + size - 1) / size);
}

size_t cpu_tile_stride(int64_t n)
{
    return (size_t)tiles_of(n, TILE_COLS) * TILE_INPUTS;
}

int cpu_tile_tokens(int64_t n)
{
    size_t n_tiles = TILE_ROOM / cpu_tile_stride(n);
    return n_tiles < TILE_BLOCK_TOKENS / TILE_ROWS ? (int)n_tiles * TILE_ROWS : TILE_BLOCK_TOKENS;
}

int cpu_tile_block_rows(const struct cpu_product *p)
{
    int rows = TILE_BLOCK_ROWS;
    while (rows > 2 * TILE_ROWS && p->n_rows < 8 * rows)
        rows /= 2;
    return rows;
}

/* Lays out n columns from k0 on of n_rows rows. */
static void lay_out(const struct cpu_backend *cpu, const struct tensor *w, int64_t row, int n_rows,
                    int64_t k0, int n, struct tile_room *room)
{
    size_t n_tiles = (size_t)tiles_of(n, TILE_COLS);
    for (int r = 0; r < n_rows; r++) {
        if (row + r + AHEAD < w->n_rows)
            cpu_prefetch_row(w, row + r + AHEAD, k0, n);
        cpu_decode_row(cpu, w, row + r, k0, n, room->row);
        cpu->ops.tile_weights(room->w + (size_t)(r / TILE_ROWS) * n_tiles * TILE_INPUTS +
                                  r % TILE_ROWS * TILE_COLS,
                              room->row, n);
    }
}

void cpu_tile_rows(const struct cpu_backend *cpu, const struct cpu_product *p, int64_t row,
                   int n_rows, int worker)
{
    struct tile_room *room = &cpu->tile_rooms[worker];
    int n_row_tiles = tiles_of(n_rows, 2 * TILE_ROWS) * 2;
    assert(n_rows <= TILE_BLOCK_ROWS && p->n_tok <= TILE_BLOCK_TOKENS);
    for (int64_t k0 = 0; k0 < p->w->n_cols; k0 += TILE_BLOCK_COLS) {
        int n = min_int(TILE_BLOCK_COLS, (int)(p->w->n_cols - k0));
        lay_out(cpu, p->w, p->first + row, n_rows, k0, n, room);
        cpu->ops.tile_products(&(struct tile_job){
            .w = room->w,
            .x = p->tiles + k0 / TILE_COLS * TILE_INPUTS,
            .y = room->y,
            .x_stride = cpu_tile_stride(p->w->n_cols),
            .n_row_tiles = n_row_tiles,
            .n_tok_tiles = tiles_of(p->n_tok, TILE_ROWS),
            .n_col_tiles = tiles_of(n, TILE_COLS),
            .add = k0 > 0,
        });
    }
    const float *tile = room->y;
    for (int t = 0; t < p->n_tok; t += TILE_ROWS)
        for (int r = 0; r < n_row_tiles * TILE_ROWS; r += TILE_ROWS, tile += TILE_SUMS)
            if (r < n_rows)
                cpu->ops.untile(p->y + (size_t)t * p->y_stride + row + r, p->y_stride, tile,
                                min_int(TILE_ROWS, p->n_tok - t), min_int(TILE_ROWS, n_rows - r));
}
