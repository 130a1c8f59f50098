/* SPDX-License-Identifier: Apache-2.0 */
/* Products in bf16 tiles.
 *
 * An item is a block of rows, TILE_BLOCK_COLS columns of it at a time.  Of these, two tiles of rows
 * are decoded to float32, rounded and laid out in the first-level cache, and meet the tiles of all
 * tokens.  Those, and the sums of the block, stay in the second-level cache; the taller a block,
 * the less often the inputs come from behind it. */
#include <assert.h>

#include "cpu/cpu_int.h"

#define AHEAD 8 /* stored rows between asking and reading */

/* As many tokens' inputs stay in a cache with all their columns: rows are then read in full, one
 * run of memory after the other. */
#define FEW_TOKENS 32

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
    /* Tall blocks save inputs from coming again, which few tokens' do not. */
    int rows = TILE_BLOCK_ROWS, most = p->n_tok <= FEW_TOKENS ? 32 : 8;
    while (rows > 2 * TILE_ROWS && p->n_rows / most < rows)
        rows /= 2;
    return rows;
}

/* Where the inputs of columns from k0 on lie: those of a strip together, for all tokens, because
 * rows of tiles that are a power of two apart would meet in few sets of a cache. */
static size_t strip_at(int64_t k0, int n_tok_tiles)
{
    return (size_t)(k0 / TILE_COLS) * (size_t)n_tok_tiles * TILE_INPUTS;
}

void cpu_tile_inputs(const struct cpu_backend *cpu, uint16_t *tiles, int n_tok, int tile,
                     const float *x, int n)
{
    int n_tok_tiles = tiles_of(n_tok, TILE_ROWS);
    for (int k0 = 0; k0 < n; k0 += TILE_BLOCK_COLS) {
        int part = min_int(TILE_BLOCK_COLS, n - k0);
        size_t at = (size_t)tile * (size_t)tiles_of(part, TILE_COLS) * TILE_INPUTS;
        cpu->ops.tile_inputs(tiles + strip_at(k0, n_tok_tiles) + at, x + k0, (size_t)n,
                             min_int(TILE_ROWS, n_tok - tile * TILE_ROWS), part);
    }
}

/* Columns k0..k0+n-1 of a matrix. */
struct strip {
    struct tensor w;      /* without its scale, which sums are multiplied with */
    const uint8_t *src;   /* of row 0 */
    const uint8_t *ahead; /* what is read behind two tiles of rows, as much as of these, or NULL */
    size_t row_bytes, n_bytes;
    int64_t k0;
    int n;
};

static struct strip strip_of(const struct tensor *w, int64_t k0)
{
    struct strip s = {.w = *w, .row_bytes = tensor_row_bytes(w), .k0 = k0};
    s.w.scale = 0.0f;
    s.n = min_int(TILE_BLOCK_COLS, (int)(w->n_cols - k0));
    s.src = (const uint8_t *)w->data + dtype_bytes(w->dtype, k0);
    s.n_bytes = dtype_bytes(w->dtype, s.n);
    return s;
}

/* Rounds blocks of columns that share an entry of the scales.  Returns false where they have to be
 * decoded first. */
static bool lay_scaled(const struct cpu_backend *cpu, const struct strip *s, int64_t row,
                       const uint8_t *src, uint16_t *tiles)
{
    const struct tensor_scales *scales = &s->w.scales;
    if (s->w.dtype != DTYPE_E4M3)
        return false;
    const uint8_t *entries = cpu_scale_row(scales, row);
    for (int i = 0, n; i < s->n; i += n) {
        int64_t block = (s->k0 + i) / scales->n_cols;
        n = min_int(s->n - i, (int)((block + 1) * scales->n_cols - s->k0 - i));
        float entry = cpu_scale_entry(entries, scales->dtype, (size_t)block);
        if (!cpu->ops.tile_stored(tiles + (size_t)(i / TILE_COLS) * TILE_INPUTS, DTYPE_E4M3,
                                  src + i, entry, n))
            return false;
    }
    return true;
}

/* Rounds a row into its place in tiles. */
static void lay_row(const struct cpu_backend *cpu, const struct strip *s, int64_t row,
                    uint16_t *tiles, float *room)
{
    const struct tensor *w = &s->w;
    const uint8_t *src = s->src + (size_t)row * s->row_bytes;
    if (!s->ahead && row + AHEAD < w->n_rows)
        cpu_prefetch(src + AHEAD * s->row_bytes, s->n_bytes);
    bool done = w->scales.data ? lay_scaled(cpu, s, row, src, tiles)
                               : cpu->ops.tile_stored(tiles, w->dtype, src, 1.0f, s->n);
    if (done)
        return;
    cpu_decode_row(cpu, w, row, s->k0, s->n, room);
    cpu->ops.tile_weights(tiles, room, s->n);
}

/* Multiplies few tokens with weights from where they are stored.  Returns false where they have to
 * be laid into tiles before: of many tokens that is faster, since rows of a matrix share few sets
 * of a cache. */
static bool multiply_stored(const struct cpu_backend *cpu, const struct strip *s, int64_t row,
                            int n_rows, struct tile_job *job, uint16_t *room)
{
    const uint8_t *src = s->src + (size_t)row * s->row_bytes;
    if (n_rows < 2 * TILE_ROWS || s->w.scales.data || s->n % (2 * TILE_COLS))
        return false;
    job->ahead = s->ahead;
    if (s->w.dtype == DTYPE_BF16) {
        job->w = (const uint16_t *)(const void *)src;
        job->w_tile = TILE_COLS;
        job->w_row = (size_t)s->w.n_cols;
        job->w_second = TILE_ROWS * job->w_row;
        cpu->ops.tile_products(job);
    } else if (s->w.dtype == DTYPE_E4M3) {
        cpu->ops.tile_e4m3(job, room, src, s->row_bytes);
    } else {
        return false;
    }
    return true;
}

/* Two tiles of rows, a strip of them: n_rows from row on of the product; y: their sums. */
static void two_tiles(const struct cpu_backend *cpu, const struct cpu_product *p,
                      const struct strip *s, int64_t row, int n_rows, struct tile_room *room,
                      float *y)
{
    int n_col_tiles = tiles_of(s->n, TILE_COLS), n_tok_tiles = tiles_of(p->n_tok, TILE_ROWS);
    struct tile_job job = {
        .w = room->w,
        .x = p->tiles + strip_at(s->k0, n_tok_tiles),
        .w_tile = TILE_INPUTS,
        .w_row = TILE_COLS,
        .w_second = (size_t)n_col_tiles * TILE_INPUTS,
        .n_tok_tiles = n_tok_tiles,
        .n_col_tiles = n_col_tiles,
        .add = s->k0 > 0,
    };
    job.y = y;
    if (p->n_tok <= FEW_TOKENS && multiply_stored(cpu, s, p->first + row, n_rows, &job, room->w))
        return;
    for (int r = 0; r < n_rows; r++) {
        if (s->ahead)
            cpu_prefetch(s->ahead + (size_t)r * s->n_bytes, s->n_bytes);
        uint16_t *tiles = room->w + (size_t)(r / TILE_ROWS) * job.w_second;
        lay_row(cpu, s, p->first + row + r, tiles + (size_t)(r % TILE_ROWS) * TILE_COLS, room->row);
    }
    cpu->ops.tile_products(&job);
}

/* The sums of an item to where they belong: token by token, so that few pages are written at a
 * time. */
static void store_sums(const struct cpu_backend *cpu, const struct cpu_product *p, int64_t row,
                       int n_rows, const float *sums)
{
    size_t n_sums = (size_t)tiles_of(p->n_tok, TILE_ROWS) * 2 * TILE_SUMS;
    float scale = p->w->scale != 0.0f ? p->w->scale : 1.0f;
    for (int t = 0; t < p->n_tok; t += TILE_ROWS, sums += 2 * TILE_SUMS)
        for (int r = 0; r < n_rows; r += TILE_ROWS)
            cpu->ops.untile(p->y + (size_t)t * p->y_stride + row + r, p->y_stride,
                            sums + (size_t)(r / (2 * TILE_ROWS)) * n_sums +
                                (size_t)(r / TILE_ROWS % 2) * TILE_SUMS,
                            scale, min_int(TILE_ROWS, p->n_tok - t),
                            min_int(TILE_ROWS, n_rows - r));
}

/* What this thread reads behind the two tiles of rows from row on, of which the item has n_rows
 * more: a part of it for each strip.  Threads take items in turns. */
static const uint8_t *rows_ahead(const struct cpu_backend *cpu, const struct cpu_product *p,
                                 int64_t row, int n_rows, int64_t k0)
{
    const int pair = 2 * TILE_ROWS;
    int64_t next = row + pair;
    if (n_rows <= pair)
        next += (int64_t)cpu_tile_block_rows(p) * (pool_n_threads(cpu->pool) - 1);
    if (next + pair > p->n_rows)
        return NULL;
    return (const uint8_t *)p->w->data + (size_t)(p->first + next) * tensor_row_bytes(p->w) +
           (size_t)pair * dtype_bytes(p->w->dtype, k0);
}

void cpu_tile_rows(const struct cpu_backend *cpu, const struct cpu_product *p, int64_t row,
                   int n_rows, int worker)
{
    struct tile_room *room = &cpu->tile_rooms[worker];
    const int pair = 2 * TILE_ROWS;
    size_t n_sums = (size_t)tiles_of(p->n_tok, TILE_ROWS) * 2 * TILE_SUMS;
    assert(n_rows <= TILE_BLOCK_ROWS && p->n_tok <= TILE_BLOCK_TOKENS);
    bool few = p->n_tok <= FEW_TOKENS;
    int rows = few ? pair : n_rows;
    for (int r0 = 0; r0 < n_rows; r0 += rows)
        for (int64_t k0 = 0; k0 < p->w->n_cols; k0 += TILE_BLOCK_COLS) {
            struct strip strip = strip_of(p->w, k0);
            if (few)
                strip.ahead = rows_ahead(cpu, p, row + r0, n_rows - r0, k0);
            for (int r = r0; r < r0 + rows && r < n_rows; r += pair)
                two_tiles(cpu, p, &strip, row + r, min_int(pair, n_rows - r), room,
                          room->y + (size_t)(r / pair) * n_sums);
        }
    store_sums(cpu, p, row, n_rows, room->y);
}
