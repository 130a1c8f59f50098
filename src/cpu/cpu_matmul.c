/* SPDX-License-Identifier: Apache-2.0 */
/* Products of activations with stored weights, two ways.
 *
 * Wide: a panel of rows is decoded to float32 once and multiplied with all tokens.
 * Narrow: kernels read the stored weights directly, for few tokens at a time, and
 * quantised formats round the activations to 8 bits first.  The weights' format,
 * the phase and b->exact choose; both give a (row, token) the same sum in any
 * company, because panels are cut at fixed columns. */
#include <assert.h>

#include "base/limits.h"
#include "cpu/cpu_int.h"

/* Rows of one work item.  The panel's height for wide ones; for narrow ones enough
 * bytes that the hardware's prefetch gets going. */
#define NARROW_ROWS 16

struct matmul_job {
    struct cpu_backend *cpu;
    const struct matmul_args *args;
    int rows_per_item;
    int first_item[BACKEND_MAX_OUTPUTS + 1]; /* of each output; all share one index space */
    int tok0, n_tok;                         /* tokens of this part of a narrow product */
};

static int64_t min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Finds the output that an item belongs to, and its rows. */
static int locate(const struct matmul_job *job, int item, int64_t *row, int *n_rows)
{
    int o = 0;
    while (item >= job->first_item[o + 1])
        o++;
    *row = (int64_t)(item - job->first_item[o]) * job->rows_per_item;
    *n_rows = (int)min_i64(job->rows_per_item, job->args->out[o].w->n_rows - *row);
    return o;
}

static void wide_item(const struct matmul_job *job, int item, float *panel)
{
    const struct matmul_args *args = job->args;
    const struct cpu_ops *ops = &job->cpu->ops;
    int64_t row;
    int n_rows;
    int o = locate(job, item, &row, &n_rows);
    const struct tensor *w = args->out[o].w;
    size_t row_bytes = tensor_row_bytes(w);
    for (int k0 = 0; k0 < args->n_in; k0 += PANEL_COLS) {
        int n = (int)min_i64(PANEL_COLS, args->n_in - k0);
        const uint8_t *src =
            (const uint8_t *)w->data + (size_t)row * row_bytes + dtype_bytes(w->dtype, k0);
        for (int r = 0; r < n_rows; r++)
            ops->decode(w->dtype, src + (size_t)r * row_bytes, panel + (size_t)r * PANEL_COLS, n);
        ops->wide(&(struct wide_job){
            .w = panel,
            .x = args->x + k0,
            .y = args->out[o].y + row,
            .w_stride = PANEL_COLS,
            .x_stride = (size_t)args->n_in,
            .y_stride = (size_t)w->n_rows,
            .n_rows = n_rows,
            .n_tok = args->n_tok,
            .n = n,
            .add = k0 > 0,
        });
    }
}

static void wide_items(void *arg, int begin, int end, int worker)
{
    const struct matmul_job *job = arg;
    for (int item = begin; item < end; item++)
        wide_item(job, item, job->cpu->panels + (size_t)worker * PANEL_FLOATS);
}

static void narrow_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct matmul_job *job = arg;
    const struct matmul_args *args = job->args;
    for (int item = begin; item < end; item++) {
        int64_t row;
        int n_rows;
        int o = locate(job, item, &row, &n_rows);
        const struct tensor *w = args->out[o].w;
        size_t row_bytes = tensor_row_bytes(w);
        struct narrow_job part = {
            .type = w->dtype,
            .w = (const uint8_t *)w->data + (size_t)row * row_bytes,
            .x = args->x + (size_t)job->tok0 * (size_t)args->n_in,
            .act = act_rounded(w->dtype) ? job->cpu->acts : NULL,
            .y = args->out[o].y + (size_t)job->tok0 * (size_t)w->n_rows + row,
            .row_bytes = row_bytes,
            .y_stride = (size_t)w->n_rows,
            .n_rows = n_rows,
            .n_tok = job->n_tok,
            .n = args->n_in,
        };
        if (part.act)
            job->cpu->ops.narrow_rounded(&part);
        else
            job->cpu->ops.narrow(&part);
    }
}

static void round_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct matmul_job *job = arg;
    int n = job->args->n_in;
    size_t stride = act_bytes(act_padded(n));
    for (int t = begin; t < end; t++)
        job->cpu->ops.round_act(job->cpu->acts + (size_t)t * stride,
                                job->args->x + (size_t)(job->tok0 + t) * (size_t)n, n);
}

/* Lays the items of all outputs into one index space. */
static void plan(struct matmul_job *job, int rows_per_item)
{
    job->rows_per_item = rows_per_item;
    job->first_item[0] = 0;
    for (int o = 0; o < job->args->n_out; o++) {
        int64_t n = (job->args->out[o].w->n_rows + rows_per_item - 1) / rows_per_item;
        job->first_item[o + 1] = job->first_item[o] + (int)n;
    }
}

static void multiply(struct matmul_job *job, int n_tok, pool_fn *fn)
{
    int64_t cost = (int64_t)job->rows_per_item * job->args->n_in * n_tok;
    pool_run(job->cpu->pool, job->first_item[job->args->n_out], cpu_grain(cost), fn, job);
}

static void narrow(struct matmul_job *job, bool rounded)
{
    const struct matmul_args *args = job->args;
    size_t stride = act_bytes(act_padded(args->n_in));
    int part = rounded ? (int)min_i64((int64_t)(ACTS_BYTES / stride), args->n_tok) : args->n_tok;
    plan(job, NARROW_ROWS);
    for (job->tok0 = 0; job->tok0 < args->n_tok; job->tok0 += part) {
        job->n_tok = (int)min_i64(part, args->n_tok - job->tok0);
        if (rounded)
            pool_run(job->cpu->pool, job->n_tok, cpu_grain(args->n_in), round_items, job);
        multiply(job, job->n_tok, narrow_items);
    }
}

void cpu_matmul(struct backend *b, const struct matmul_args *args)
{
    assert(args->n_in > 0 && args->n_in <= LIMIT_FFN_DIM && args->n_tok > 0);
    assert(args->n_out > 0 && args->n_out <= BACKEND_MAX_OUTPUTS);
    struct matmul_job job = {.cpu = (struct cpu_backend *)(void *)b, .args = args};
    bool rounded = false;
    for (int o = 0; o < args->n_out; o++) {
        assert(args->out[o].w->n_cols == args->n_in);
        rounded |= act_rounded(args->out[o].w->dtype);
    }
    if (args->phase == PHASE_GENERATE && !b->exact) {
        narrow(&job, rounded);
        return;
    }
    plan(&job, PANEL_ROWS);
    multiply(&job, args->n_tok, wide_items);
}
