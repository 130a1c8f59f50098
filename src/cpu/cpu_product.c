/* SPDX-License-Identifier: Apache-2.0 */
/* Products of activations with one stored matrix, three ways.
 *
 * Wide: a panel of rows is decoded to float32 once and multiplied with all tokens; of a
 * transposed matrix its stored rows are summed.
 * Tiles: the same for a matrix unit, see cpu_tiles.c.
 * Narrow: kernels read the stored weights directly, best for few tokens at a time, and
 * quantised formats round the activations to 8 bits first, which pays for many as well.  All give a
 * (row, token) the same sum in any company, because panels are cut at fixed columns. */
#include <assert.h>
#include <math.h>

#include "cpu/cpu_int.h"

/* Rows of one narrow item: some times the 16 of the kernels, so that memory is read in long runs,
 * but few enough that a matrix of 512 or more has NARROW_ITEMS of them. */
#define NARROW_ROWS     16
#define NARROW_ROWS_MAX 128
#define NARROW_ITEMS    32

/* A piece of stored rows that is summed along them fills a panel. */
#define FOLD_ROWS  ((int)(PANEL_FLOATS / FOLD_COLS))
#define FOLD_AHEAD 16 /* stored rows between asking and reading */

#define E4M3_MAX 448.0f

static int64_t min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void cpu_decode_row(const struct cpu_backend *cpu, const struct tensor *w, int64_t row, int64_t k0,
                    int n, float *dst)
{
    const uint8_t *src = (const uint8_t *)w->data + (size_t)row * tensor_row_bytes(w);
    cpu->ops.decode(w->dtype, src + dtype_bytes(w->dtype, k0), dst, n);
    for (int i = 0; i < n && w->scale != 0.0f; i++)
        dst[i] *= w->scale;
    if (w->scales.data)
        cpu_apply_scales(&w->scales, row, k0, n, dst);
}

enum cpu_path cpu_float_path(const struct cpu_backend *cpu, const struct tensor *w, int n_tok)
{
    bool reads = w->scales.data ? cpu_narrow_scales(w->dtype, &w->scales) : !act_rounded(w->dtype);
    bool few = n_tok <= cpu->ops.narrow_tokens;
    return few && reads && !w->transposed ? CPU_NARROW : CPU_WIDE;
}

/* Says whether generated tokens, too, take tiles where there are some: those of weights that are
 * bf16 numbers.  One token costs no more than otherwise, and 16 cost as much. */
static bool generates_in_tiles(const struct tensor *w)
{
    return !w->scales.data && (w->dtype == DTYPE_BF16 || w->dtype == DTYPE_E4M3);
}

enum cpu_path cpu_path(const struct cpu_backend *cpu, const struct tensor *w, enum phase phase,
                       int n_tok)
{
    bool rounded = act_rounded(w->dtype) && !w->scales.data;
    if (phase == PHASE_FLOAT || cpu->base.exact || w->transposed)
        return cpu_float_path(cpu, w, n_tok);
    if (cpu->ops.tiled && (phase == PHASE_PROMPT || generates_in_tiles(w)))
        return CPU_TILES;
    if (rounded && (phase == PHASE_GENERATE || cpu->ops.rounds_prompts))
        return CPU_ROUNDED;
    return cpu_float_path(cpu, w, n_tok);
}

static int rows_per_item(const struct cpu_product *p)
{
    if (p->path == CPU_TILES)
        return cpu_tile_block_rows(p);
    if (p->w->transposed)
        return FOLD_COLS;
    if (p->path == CPU_WIDE)
        return PANEL_ROWS;
    int rows = NARROW_ROWS_MAX;
    while (rows > NARROW_ROWS && p->n_rows < (int64_t)rows * NARROW_ITEMS)
        rows /= 2;
    return rows;
}

int cpu_product_items(const struct cpu_product *p)
{
    int rows = rows_per_item(p);
    return (int)((p->n_rows + rows - 1) / rows);
}

int64_t cpu_product_cost(const struct cpu_product *p)
{
    return rows_per_item(p) * p->w->n_cols * p->n_tok;
}

static void wide_rows(const struct cpu_backend *cpu, const struct cpu_product *p, int64_t row,
                      int n_rows, float *panel)
{
    for (int64_t k0 = 0; k0 < p->w->n_cols; k0 += WIDE_COLS) {
        int n = (int)min_i64(WIDE_COLS, p->w->n_cols - k0);
        for (int r = 0; r < n_rows; r++)
            cpu_decode_row(cpu, p->w, p->first + row + r, k0, n, panel + (size_t)r * WIDE_COLS);
        cpu->ops.wide(&(struct wide_job){
            .w = panel,
            .x = p->x + k0,
            .y = p->y + row,
            .w_stride = WIDE_COLS,
            .x_stride = p->x_stride,
            .y_stride = p->y_stride,
            .n_rows = n_rows,
            .n_tok = p->n_tok,
            .n = n,
            .add = p->add || k0 > 0,
        });
    }
}

static void narrow_rows(const struct cpu_backend *cpu, const struct cpu_product *p, int64_t row,
                        int n_rows)
{
    const struct tensor *w = p->w;
    /* Threads take items in turns. */
    int64_t ahead = row + (int64_t)rows_per_item(p) * pool_n_threads(cpu->pool);
    struct narrow_job job = {
        .type = w->dtype,
        .scale = w->scale != 0.0f ? w->scale : 1.0f,
        .scales = w->scales.data ? &w->scales : NULL,
        .row = p->first + row,
        .w = (const uint8_t *)w->data + (size_t)(p->first + row) * tensor_row_bytes(w),
        .x = p->x,
        .act = p->path == CPU_ROUNDED ? p->acts : NULL,
        .y = p->y + row,
        .row_bytes = tensor_row_bytes(w),
        .x_stride = p->x_stride,
        .y_stride = p->y_stride,
        .n_rows = n_rows,
        .n_tok = p->n_tok,
        .n = (int)w->n_cols,
    };
    if (ahead + n_rows <= p->n_rows)
        job.ahead = job.w + (size_t)(ahead - row) * job.row_bytes;
    if (job.act)
        cpu->ops.narrow_rounded(&job);
    else
        cpu->ops.narrow(&job);
}

void cpu_fold(const struct cpu_backend *cpu, const struct tensor *w, int64_t first, int64_t k0,
              const struct wide_job *all, float *panel)
{
    assert(all->n <= FOLD_COLS);
    const uint8_t *src = (const uint8_t *)w->data + dtype_bytes(w->dtype, k0);
    size_t row_bytes = tensor_row_bytes(w), n_bytes = dtype_bytes(w->dtype, all->n);
    for (int row = 0; row < all->n_rows; row += FOLD_ROWS) {
        struct wide_job job = *all;
        job.w = panel;
        job.w_stride = FOLD_COLS;
        job.x += row;
        job.n_rows = (int)min_i64(FOLD_ROWS, all->n_rows - row);
        job.add |= row > 0;
        for (int r = row; r < row + job.n_rows; r++) {
            if (r + FOLD_AHEAD < all->n_rows)
                cpu_prefetch(src + (size_t)(first + r + FOLD_AHEAD) * row_bytes, n_bytes);
            cpu_decode_row(cpu, w, first + r, k0, all->n, panel + (size_t)(r - row) * FOLD_COLS);
        }
        cpu->ops.fold(&job);
    }
}

/* Rows of a transposed matrix are columns of the stored ones. */
static void turned_rows(const struct cpu_backend *cpu, const struct cpu_product *p, int64_t row,
                        int n_rows, float *panel)
{
    const struct wide_job all = {
        .x = p->x,
        .y = p->y + row,
        .x_stride = p->x_stride,
        .y_stride = p->y_stride,
        .n_rows = (int)p->w->n_cols,
        .n_tok = p->n_tok,
        .n = n_rows,
        .add = p->add,
    };
    cpu_fold(cpu, p->w, 0, p->first + row, &all, panel);
}

void cpu_product_item(const struct cpu_backend *cpu, const struct cpu_product *p, int item,
                      int worker)
{
    int64_t row = (int64_t)item * rows_per_item(p);
    int n_rows = (int)min_i64(rows_per_item(p), p->n_rows - row);
    float *panel = cpu->panels + (size_t)worker * PANEL_FLOATS;
    assert(!p->add || p->path == CPU_WIDE);
    if (p->w->transposed)
        turned_rows(cpu, p, row, n_rows, panel);
    else if (p->path == CPU_WIDE)
        wide_rows(cpu, p, row, n_rows, panel);
    else if (p->path == CPU_TILES)
        cpu_tile_rows(cpu, p, row, n_rows, worker);
    else
        narrow_rows(cpu, p, row, n_rows);
}

void cpu_round_input(const struct tensor_input *input, float *y, const float *x, int n)
{
    int group = input->rounding == INPUT_E4M3_DYNAMIC && input->group > 0 ? input->group : n;
    for (int begin = 0; begin < n; begin += group) {
        int end = (int)min_i64(n, (int64_t)begin + group);
        float scale = input->scale;
        if (input->rounding == INPUT_E4M3_DYNAMIC) {
            scale = 0.0f;
            for (int i = begin; i < end; i++)
                scale = fmaxf(scale, fabsf(x[i]));
            scale /= E4M3_MAX;
        }
        /* A scale of 0 is that of a group of zeros, or of numbers that vanish beside others; NaN
         * stays one in a group of nothing else, too. */
        for (int i = begin; i < end; i++)
            y[i] = scale != 0.0f || isnan(x[i]) ? number_e4m3[number_to_e4m3(x[i] / scale)] * scale
                                                : 0.0f;
    }
}
