/* SPDX-License-Identifier: Apache-2.0 */
/* backend.matmul: several matrices times the same tokens, in one loop of the pool.  Tokens go
 * in parts where scratch for their rounded vectors is limited. */
#include <assert.h>

#include "base/limits.h"
#include "cpu/cpu_int.h"

#define TOKEN_SPAN 64 /* that panels, or four tiles, meet at once */

/* Outputs that share an input, with their items in one index space. */
struct matmul_job {
    struct cpu_backend *cpu;
    struct cpu_product products[BACKEND_MAX_OUTPUTS];
    int first_item[BACKEND_MAX_OUTPUTS + 1];
    int n_products;
    bool acts, tiles;                 /* some product is CPU_ROUNDED, or CPU_TILES */
    const struct tensor_input *input; /* how to round the inputs, or NULL */
    const float *x;                   /* of this part of the tokens */
    int n_in, n_tok;
};

static void product_items(void *arg, int begin, int end, int worker)
{
    const struct matmul_job *job = arg;
    for (int item = begin, i = 0; item < end; item++) {
        while (item >= job->first_item[i + 1])
            i++;
        cpu_product_item(job->cpu, &job->products[i], item - job->first_item[i], worker);
    }
}

/* An item is as many tokens as a tile has. */
static void input_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct matmul_job *job = arg;
    struct cpu_backend *cpu = job->cpu;
    size_t n = (size_t)job->n_in, stride = act_bytes(job->n_in);
    const float *from = job->input ? cpu->inputs : job->x;
    for (int item = begin; item < end; item++) {
        size_t t0 = (size_t)item * TILE_ROWS, left = (size_t)job->n_tok - t0;
        size_t n_tok = left < TILE_ROWS ? left : TILE_ROWS;
        for (size_t t = t0; t < t0 + n_tok; t++) {
            if (job->input)
                cpu_round_input(job->input, cpu->inputs + t * n, job->x + t * n, job->n_in);
            if (job->acts)
                cpu->ops.round_act(cpu->acts + t * stride, from + t * n, job->n_in);
        }
        if (job->tiles)
            cpu_tile_inputs(cpu, cpu->tiles, job->n_tok, item, from + t0 * n, job->n_in);
    }
}

static void run_products(struct matmul_job *job)
{
    int64_t cost = 1;
    for (int i = 0; i < job->n_products; i++) {
        int64_t its = cpu_product_cost(&job->products[i]);
        job->first_item[i + 1] = job->first_item[i] + cpu_product_items(&job->products[i]);
        cost = its > cost ? its : cost;
    }
    pool_run(job->cpu->pool, job->first_item[job->n_products], cpu_grain(cost), product_items, job);
}

/* Tokens whose rounded vectors fit into the scratch. */
static int part_tokens(const struct matmul_job *job, int n_tok)
{
    size_t part = (size_t)n_tok, stride = act_bytes(job->n_in);
    if (job->acts && part > ACTS_BYTES / stride)
        part = ACTS_BYTES / stride;
    if (job->tiles && part > (size_t)cpu_tile_tokens(job->n_in))
        part = (size_t)cpu_tile_tokens(job->n_in);
    if (job->input && part > INPUT_FLOATS / (size_t)job->n_in)
        part = INPUT_FLOATS / (size_t)job->n_in;
    /* Parts of about the same size, whole spans of tokens that kernels take at once. */
    int n_parts = (n_tok + (int)part - 1) / (int)part, even = (n_tok + n_parts - 1) / n_parts;
    even = (even + TOKEN_SPAN - 1) / TOKEN_SPAN * TOKEN_SPAN;
    return min_int(even, (int)part);
}

/* Multiplies outputs first..first+n_out-1 of args. */
static void multiply(struct cpu_backend *cpu, const struct matmul_args *args, int first, int n_out,
                     const struct tensor_input *input)
{
    struct matmul_job job = {.cpu = cpu, .n_products = n_out, .input = input, .n_in = args->n_in};
    for (int i = 0; i < n_out; i++) {
        const struct tensor *w = args->out[first + i].w;
        job.products[i] = (struct cpu_product){
            .w = w,
            .path = cpu_path(cpu, w, args->phase, args->n_tok),
            .acts = cpu->acts,
            .tiles = cpu->tiles,
            .x_stride = (size_t)args->n_in,
            .y_stride = (size_t)w->n_rows,
            .n_rows = w->n_rows,
        };
        job.acts |= job.products[i].path == CPU_ROUNDED;
        job.tiles |= job.products[i].path == CPU_TILES;
    }
    int part = part_tokens(&job, args->n_tok);
    for (int tok0 = 0; tok0 < args->n_tok; tok0 += part) {
        job.n_tok = args->n_tok - tok0 < part ? args->n_tok - tok0 : part;
        job.x = args->x + (size_t)tok0 * (size_t)args->n_in;
        if (job.input || job.acts || job.tiles)
            pool_run(cpu->pool, (job.n_tok + TILE_ROWS - 1) / TILE_ROWS,
                     cpu_grain((int64_t)args->n_in * TILE_ROWS), input_items, &job);
        for (int i = 0; i < n_out; i++) {
            struct cpu_product *p = &job.products[i];
            p->x = input ? cpu->inputs : job.x;
            p->y = args->out[first + i].y + (size_t)tok0 * p->y_stride;
            p->n_tok = job.n_tok;
        }
        run_products(&job);
    }
}

/* One product in float32. */
static void multiply_wide(struct cpu_backend *cpu, const struct tensor *w, const float *x, float *y,
                          int n_tok, bool add)
{
    struct matmul_job job = {.cpu = cpu, .n_products = 1};
    job.products[0] = (struct cpu_product){
        .w = w,
        .path = CPU_WIDE,
        .x = x,
        .x_stride = (size_t)w->n_cols,
        .y_stride = (size_t)w->n_rows,
        .n_rows = w->n_rows,
        .n_tok = n_tok,
        .add = add,
    };
    job.products[0].y = y;
    run_products(&job);
}

/* Returns how many tokens the scratch holds for an adapter. */
static int lora_tokens(const struct lora *lora)
{
    int64_t rank = lora->a.n_rows;
    assert(rank > 0 && rank <= LIMIT_LORA_RANK && lora->b.n_cols == rank);
    return (int)(LORA_FLOATS / (size_t)rank);
}

void cpu_add_lora(struct cpu_backend *cpu, const struct tensor *w, const float *x, float *y,
                  int n_tok)
{
    for (const struct lora *lora = w->lora; lora; lora = lora->next) {
        assert(lora->a.n_cols == w->n_cols && lora->b.n_rows == w->n_rows);
        int part = lora_tokens(lora);
        for (int tok0 = 0; tok0 < n_tok; tok0 += part) {
            int n = n_tok - tok0 < part ? n_tok - tok0 : part;
            multiply_wide(cpu, &lora->a, x + (size_t)tok0 * (size_t)w->n_cols, cpu->lora, n, false);
            multiply_wide(cpu, &lora->b, cpu->lora, y + (size_t)tok0 * (size_t)w->n_rows, n, true);
        }
    }
}

/* Column id of a matrix in a float format. */
static void decode_column(const struct cpu_backend *cpu, const struct tensor *a, int64_t id,
                          float *dst)
{
    if (a->transposed)
        cpu_decode_row(cpu, a, id, 0, (int)a->n_rows, dst);
    for (int64_t r = 0; r < a->n_rows && !a->transposed; r++)
        cpu_decode_row(cpu, a, r, id, 1, dst + r);
}

void cpu_embed_lora(struct cpu_backend *cpu, const struct tensor *w, const int32_t *ids, float *y,
                    int n_tok)
{
    for (const struct lora *lora = w->lora; lora; lora = lora->next) {
        assert(lora->a.n_cols == w->n_rows && lora->b.n_rows == w->n_cols);
        int part = lora_tokens(lora);
        for (int tok0 = 0; tok0 < n_tok; tok0 += part) {
            int n = n_tok - tok0 < part ? n_tok - tok0 : part;
            for (int t = 0; t < n; t++)
                decode_column(cpu, &lora->a, ids[tok0 + t],
                              cpu->lora + (size_t)t * (size_t)lora->a.n_rows);
            multiply_wide(cpu, &lora->b, cpu->lora, y + (size_t)tok0 * (size_t)w->n_cols, n, true);
        }
    }
}

void cpu_matmul(struct backend *b, const struct matmul_args *args)
{
    struct cpu_backend *cpu = (struct cpu_backend *)(void *)b;
    assert(args->n_in > 0 && args->n_in <= LIMIT_FFN_DIM && args->n_tok > 0);
    assert(args->n_out > 0 && args->n_out <= BACKEND_MAX_OUTPUTS);
    bool alone = false; /* outputs that round their inputs each go alone */
    for (int o = 0; o < args->n_out; o++) {
        const struct tensor *w = args->out[o].w;
        assert(w->n_cols == args->n_in);
        if (b->observe)
            b->observe(b->observe_arg, w, args->x, args->n_tok);
        alone |= b->round_inputs && w->input.rounding != INPUT_EXACT;
    }
    if (!alone)
        multiply(cpu, args, 0, args->n_out, NULL);
    for (int o = 0; o < args->n_out && alone; o++) {
        const struct tensor_input *input = &args->out[o].w->input;
        multiply(cpu, args, o, 1, input->rounding != INPUT_EXACT ? input : NULL);
    }
    for (int o = 0; o < args->n_out; o++)
        cpu_add_lora(cpu, args->out[o].w, args->x, args->out[o].y, args->n_tok);
}
