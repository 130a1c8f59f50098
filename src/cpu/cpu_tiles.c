/* SPDX-License-Identifier: Apache-2.0 */
/* Products in bf16 tiles.
 *
 * An item is a block of rows, TILE_BLOCK_COLS columns of it at a time.  Of these, two tiles of rows
 * are decoded to float32, rounded and laid out in the first-level cache, and meet the tiles of all
 * tokens.  Those, and the sums of the block, stay in the second-level cache; the taller a block,
 * the less often the inputs come from behind it. */
#include <assert.h>
#include <string.h>

#include "cpu/cpu_int.h"

#define AHEAD 8 /* stored rows between asking and reading */

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
    while (rows > 2 * TILE_ROWS && p->n_rows / 8 < rows)
        rows /= 2;
    return rows;
}

/* Rounds n columns from k0 on of a row into its place in tiles. */
static void lay_row(const struct cpu_backend *cpu, const struct tensor *w, int64_t row, int64_t k0,
                    int n, uint16_t *tiles, float *room)
{
    if (row + AHEAD < w->n_rows)
        cpu_prefetch_row(w, row + AHEAD, k0, n);
    if (w->dtype == DTYPE_BF16 && w->scale == 0.0f && !w->scales.data && n % TILE_COLS == 0) {
        const uint16_t *src = (const uint16_t *)w->data + row * w->n_cols + k0;
        for (int i = 0; i < n; i += TILE_COLS, tiles += TILE_INPUTS)
            memcpy(tiles, src + i, TILE_COLS * sizeof *src);
        return;
    }
    cpu_decode_row(cpu, w, row, k0, n, room);
    cpu->ops.tile_weights(tiles, room, n);
}

/* Two tiles of rows, some columns of them: of n_rows rows from row on of the product, n columns
 * from k0 on; y: their sums. */
static void two_tiles(const struct cpu_backend *cpu, const struct cpu_product *p, int64_t row,
                      int n_rows, int64_t k0, struct tile_room *room, float *y)
{
    int n = min_int(TILE_BLOCK_COLS, (int)(p->w->n_cols - k0)),
        n_col_tiles = tiles_of(n, TILE_COLS);
    for (int r = 0; r < n_rows; r++) {
        uint16_t *tiles = room->w + (size_t)(r / TILE_ROWS) * (size_t)n_col_tiles * TILE_INPUTS;
        lay_row(cpu, p->w, p->first + row + r, k0, n, tiles + (size_t)(r % TILE_ROWS) * TILE_COLS,
                room->row);
    }
    cpu->ops.tile_products(&(struct tile_job){
        .w = room->w,
        .x = p->tiles + k0 / TILE_COLS * TILE_INPUTS,
        .y = y,
        .x_stride = cpu_tile_stride(p->w->n_cols),
        .n_tok_tiles = tiles_of(p->n_tok, TILE_ROWS),
        .n_col_tiles = n_col_tiles,
        .add = k0 > 0,
    });
}

/* The sums of n_rows rows from row on to where they belong. */
static void store_sums(const struct cpu_backend *cpu, const struct cpu_product *p, int64_t row,
                       int n_rows, const float *tile)
{
    for (int t = 0; t < p->n_tok; t += TILE_ROWS)
        for (int r = 0; r < 2 * TILE_ROWS; r += TILE_ROWS, tile += TILE_SUMS)
            if (r < n_rows)
                cpu->ops.untile(p->y + (size_t)t * p->y_stride + row + r, p->y_stride, tile,
                                min_int(TILE_ROWS, p->n_tok - t), min_int(TILE_ROWS, n_rows - r));
}

void cpu_tile_rows(const struct cpu_backend *cpu, const struct cpu_product *p, int64_t row,
                   int n_rows, int worker)
{
    struct tile_room *room = &cpu->tile_rooms[worker];
    int64_t n_cols = p->w->n_cols;
    size_t n_sums = (size_t)tiles_of(p->n_tok, TILE_ROWS) * 2 * TILE_SUMS;
    assert(n_rows <= TILE_BLOCK_ROWS && p->n_tok <= TILE_BLOCK_TOKENS);
    for (int64_t k0 = 0; k0 < n_cols; k0 += TILE_BLOCK_COLS)
        for (int r = 0; r < n_rows; r += 2 * TILE_ROWS) {
            float *y = room->y + (size_t)(r / (2 * TILE_ROWS)) * n_sums;
            int n = min_int(2 * TILE_ROWS, n_rows - r);
            two_tiles(cpu, p, row + r, n, k0, room, y);
            if (k0 + TILE_BLOCK_COLS >= n_cols)
                store_sums(cpu, p, row + r, n, y);
        }
}
