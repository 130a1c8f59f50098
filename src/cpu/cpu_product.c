/* SPDX-License-Identifier: Apache-2.0 */
/* Products of activations with one stored matrix, two ways.
 *
 * Wide: a panel of rows is decoded to float32 once and multiplied with all tokens.
 * Narrow: kernels read the stored weights directly, for few tokens at a time, and
 * quantised formats round the activations to 8 bits first.  Both give a (row, token)
 * the same sum in any company, because panels are cut at fixed columns. */
#include <assert.h>
#include <math.h>

#include "cpu/cpu_int.h"

/* Rows of one item.  The panel's height for wide ones; for narrow ones enough bytes that
 * the hardware's prefetch gets going. */
#define NARROW_ROWS 16

/* A transposed matrix is read in pieces of its stored rows: TURNED_ROWS rows of the matrix, a
 * multiple of every block, and TURNED_COLS columns at a time.  An odd number of cache lines
 * between the rows of a panel spreads a stored row over the cache. */
#define TURNED_ROWS   256
#define TURNED_COLS   112
#define TURNED_TOKENS 4 /* that share the reading of a piece, without a panel */
static_assert(TURNED_ROWS * TURNED_COLS <= PANEL_FLOATS, "a turned panel must fit");

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

enum cpu_path cpu_path(const struct cpu_backend *cpu, const struct tensor *w, enum phase phase)
{
    if (phase == PHASE_PROMPT || cpu->base.exact)
        return CPU_WIDE;
    if (w->scales.data)
        return cpu_narrow_scales(w->dtype, &w->scales) ? CPU_NARROW : CPU_WIDE;
    return act_rounded(w->dtype) && !w->transposed ? CPU_ROUNDED : CPU_NARROW;
}

static int rows_per_item(const struct cpu_product *p)
{
    return p->w->transposed ? TURNED_ROWS : p->path == CPU_WIDE ? PANEL_ROWS : NARROW_ROWS;
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

/* Columns k0..k0+n-1 of a panel of n_rows rows from row on. */
static void multiply_panel(const struct cpu_backend *cpu, const struct cpu_product *p,
                           const float *panel, size_t stride, int64_t row, int n_rows, int64_t k0,
                           int n)
{
    cpu->ops.wide(&(struct wide_job){
        .w = panel,
        .x = p->x + k0,
        .y = p->y + row,
        .w_stride = stride,
        .x_stride = p->x_stride,
        .y_stride = p->y_stride,
        .n_rows = n_rows,
        .n_tok = p->n_tok,
        .n = n,
        .add = p->add || k0 > 0,
    });
}

static void wide_rows(const struct cpu_backend *cpu, const struct cpu_product *p, int64_t row,
                      int n_rows, float *panel)
{
    for (int64_t k0 = 0; k0 < p->w->n_cols; k0 += PANEL_COLS) {
        int n = (int)min_i64(PANEL_COLS, p->w->n_cols - k0);
        for (int r = 0; r < n_rows; r++)
            cpu_decode_row(cpu, p->w, p->first + row + r, k0, n, panel + (size_t)r * PANEL_COLS);
        multiply_panel(cpu, p, panel, PANEL_COLS, row, n_rows, k0, n);
    }
}

static void wide_turned(const struct cpu_backend *cpu, const struct cpu_product *p, int64_t row,
                        int n_rows, float *panel)
{
    float line[TURNED_ROWS];
    for (int64_t k0 = 0; k0 < p->w->n_cols; k0 += TURNED_COLS) {
        int n = (int)min_i64(TURNED_COLS, p->w->n_cols - k0);
        for (int k = 0; k < n; k++) {
            cpu_decode_row(cpu, p->w, k0 + k, p->first + row, n_rows, line);
            for (int r = 0; r < n_rows; r++)
                panel[r * TURNED_COLS + k] = line[r];
        }
        multiply_panel(cpu, p, panel, TURNED_COLS, row, n_rows, k0, n);
    }
}

static void narrow_rows(const struct cpu_backend *cpu, const struct cpu_product *p, int64_t row,
                        int n_rows)
{
    const struct tensor *w = p->w;
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
    if (job.act)
        cpu->ops.narrow_rounded(&job);
    else
        cpu->ops.narrow(&job);
}

/* Adds what columns k0.. and tokens t0.. contribute to rows row.. of y, or stores it. */
static void turned_part(const struct cpu_backend *cpu, const struct cpu_product *p, int64_t row,
                        int n_rows, int64_t k0, int t0)
{
    float line[TURNED_ROWS], sums[TURNED_TOKENS][TURNED_ROWS] = {0};
    int64_t end = min_i64(k0 + TURNED_COLS, p->w->n_cols);
    int n_tok = (int)min_i64(TURNED_TOKENS, p->n_tok - t0);
    for (int64_t k = k0; k < end; k++) {
        cpu_decode_row(cpu, p->w, k, p->first + row, n_rows, line);
        for (int t = 0; t < n_tok; t++) {
            float x = p->x[(size_t)(t0 + t) * p->x_stride + (size_t)k];
            for (int r = 0; r < n_rows; r++)
                sums[t][r] += x * line[r];
        }
    }
    for (int t = 0; t < n_tok; t++) {
        float *y = p->y + (size_t)(t0 + t) * p->y_stride + row;
        for (int r = 0; r < n_rows; r++)
            y[r] = k0 > 0 ? y[r] + sums[t][r] : sums[t][r];
    }
}

static void narrow_turned(const struct cpu_backend *cpu, const struct cpu_product *p, int64_t row,
                          int n_rows)
{
    for (int t0 = 0; t0 < p->n_tok; t0 += TURNED_TOKENS)
        for (int64_t k0 = 0; k0 < p->w->n_cols; k0 += TURNED_COLS)
            turned_part(cpu, p, row, n_rows, k0, t0);
}

void cpu_product_item(const struct cpu_backend *cpu, const struct cpu_product *p, int item,
                      int worker)
{
    int64_t row = (int64_t)item * rows_per_item(p);
    int n_rows = (int)min_i64(rows_per_item(p), p->n_rows - row);
    float *panel = cpu->panels + (size_t)worker * PANEL_FLOATS;
    assert(!p->add || p->path == CPU_WIDE);
    if (p->path == CPU_WIDE && p->w->transposed)
        wide_turned(cpu, p, row, n_rows, panel);
    else if (p->path == CPU_WIDE)
        wide_rows(cpu, p, row, n_rows, panel);
    else if (p->w->transposed)
        narrow_turned(cpu, p, row, n_rows);
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
        /* A scale of 0 is that of a group of zeros, or of numbers that vanish beside others. */
        for (int i = begin; i < end; i++)
            y[i] = scale != 0.0f ? number_e4m3[number_to_e4m3(x[i] / scale)] * scale : 0.0f;
    }
}
