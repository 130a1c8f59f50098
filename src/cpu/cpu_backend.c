/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/cpu_backend.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpus.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cpu/cpu_int.h"
#include "tensor/number.h"

/* Elements of one work item of operations without rows. */
#define FLAT_ITEM 4096

/* What an elementwise operation works on; each uses some of it. */
struct flat_job {
    const struct cpu_backend *cpu;
    float *y;
    const float *x, *gain, *table;
    const struct tensor *w;
    const int32_t *ids;
    const double *freq;
    const int *positions;
    size_t n_total;
    int n, stride, n_heads;
    float eps, magnitude;
    enum rope_layout layout;
};

static struct cpu_backend *cpu_of(struct backend *b)
{
    return (struct cpu_backend *)(void *)b;
}

int cpu_grain(int64_t cost_per_item)
{
    /* About 10 microseconds of work: several times what starting a loop costs. */
    const int64_t chunk = 100000;
    if (cost_per_item >= chunk)
        return 1;
    int64_t grain = chunk / (cost_per_item > 0 ? cost_per_item : 1);
    return (int)(grain > 65536 ? 65536 : grain);
}

static void *cpu_alloc(struct backend *b, size_t n_bytes, struct err *err)
{
    (void)b;
    return mem_map(n_bytes, err);
}

static void cpu_release(struct backend *b, void *p, size_t n_bytes)
{
    (void)b;
    mem_unmap(p, n_bytes);
}

static const void *cpu_adopt(struct backend *b, const void *host, size_t n_bytes, struct err *err)
{
    (void)b;
    (void)n_bytes;
    (void)err;
    return host;
}

static void cpu_read(struct backend *b, void *host, const void *device, size_t n_bytes)
{
    (void)b;
    if (n_bytes)
        memcpy(host, device, n_bytes);
}

static void cpu_write(struct backend *b, void *device, const void *host, size_t n_bytes)
{
    (void)b;
    if (n_bytes)
        memcpy(device, host, n_bytes);
}

static void embed_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct flat_job *job = arg;
    const struct tensor *w = job->w;
    for (int t = begin; t < end; t++)
        cpu_decode_row(job->cpu, w, job->ids[t], 0, (int)w->n_cols,
                       job->y + (size_t)t * (size_t)w->n_cols);
}

static void cpu_embed(struct backend *b, float *y, const struct tensor *w, const int32_t *ids,
                      int n_tok)
{
    struct flat_job job = {.cpu = cpu_of(b), .w = w, .ids = ids};
    job.y = y;
    assert(!w->transposed);
    for (int t = 0; t < n_tok; t++)
        assert(ids[t] >= 0 && ids[t] < w->n_rows);
    pool_run(job.cpu->pool, n_tok, cpu_grain(w->n_cols), embed_items, &job);
    cpu_embed_lora(cpu_of(b), w, ids, y, n_tok);
}

static void rms_norm_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct flat_job *job = arg;
    for (int t = begin; t < end; t++) {
        size_t at = (size_t)t * (size_t)job->stride;
        job->cpu->ops.rms_norm(job->y + at, job->x + at, job->gain, job->n, job->eps);
    }
}

static void cpu_rms_norm(struct backend *b, float *y, const float *x, const float *gain, int n_tok,
                         int n, int stride, float eps)
{
    assert(n > 0 && n <= stride);
    struct flat_job job = {.cpu = cpu_of(b), .x = x, .gain = gain, .n = n, .eps = eps};
    job.stride = stride;
    job.y = y;
    pool_run(job.cpu->pool, n_tok, cpu_grain(n), rms_norm_items, &job);
}

static void rope_table_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct flat_job *job = arg;
    for (int t = begin; t < end; t++)
        for (int i = 0; i < job->n; i++) {
            double angle = job->positions[t] * job->freq[i];
            float *pair = job->y + ((size_t)t * (size_t)job->n + (size_t)i) * 2;
            pair[0] = (float)(cos(angle) * (double)job->magnitude);
            pair[1] = (float)(sin(angle) * (double)job->magnitude);
        }
}

static void cpu_rope_table(struct backend *b, float *table, const double *freq, int n_freq,
                           const int *positions, int n_tok, float magnitude)
{
    struct flat_job job = {.cpu = cpu_of(b),
                           .freq = freq,
                           .n = n_freq,
                           .positions = positions,
                           .magnitude = magnitude};
    job.y = table;
    pool_run(job.cpu->pool, n_tok, cpu_grain((int64_t)n_freq * 64), rope_table_items, &job);
}

static void rope_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct flat_job *job = arg;
    size_t head_dim = (size_t)job->stride, n_heads = (size_t)job->n_heads;
    for (size_t t = (size_t)begin; t < (size_t)end; t++)
        for (size_t h = 0; h < n_heads; h++) {
            float *behind = job->y + (t * n_heads + h + 1) * head_dim;
            job->cpu->ops.rotate(behind - job->n, job->table + t * (size_t)job->n, job->n / 2,
                                 job->layout == ROPE_HALF_SPLIT);
        }
}

static void cpu_rope(struct backend *b, float *x, const float *table, int n_tok, int n_heads,
                     int head_dim, int n_rot, enum rope_layout layout)
{
    assert(n_rot % 2 == 0 && n_rot <= head_dim);
    struct flat_job job = {
        .cpu = cpu_of(b), .table = table, .n = n_rot, .n_heads = n_heads, .layout = layout};
    job.stride = head_dim;
    job.y = x;
    pool_run(job.cpu->pool, n_tok, cpu_grain((int64_t)n_heads * n_rot), rope_items, &job);
}

/* Elements of an item of a flat operation. */
static int flat_span(const struct flat_job *job, int item, size_t *at)
{
    *at = (size_t)item * FLAT_ITEM;
    return (int)(job->n_total - *at < FLAT_ITEM ? job->n_total - *at : FLAT_ITEM);
}

static void run_flat(const struct flat_job *job, pool_fn *fn, int cost)
{
    size_t n_items = (job->n_total + FLAT_ITEM - 1) / FLAT_ITEM;
    struct flat_job copy = *job;
    pool_run(job->cpu->pool, (int)n_items, cpu_grain((int64_t)FLAT_ITEM * cost), fn, &copy);
}

static void silu_mul_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct flat_job *job = arg;
    for (int item = begin; item < end; item++) {
        size_t at;
        int n = flat_span(job, item, &at);
        job->cpu->ops.silu_mul(job->y + at, job->x + at, n);
    }
}

static void cpu_silu_mul(struct backend *b, float *gate, const float *up, size_t n)
{
    run_flat(&(struct flat_job){.cpu = cpu_of(b), .y = gate, .x = up, .n_total = n}, silu_mul_items,
             8);
}

static void add_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct flat_job *job = arg;
    for (int item = begin; item < end; item++) {
        size_t at;
        int n = flat_span(job, item, &at);
        float *y = job->y + at;
        const float *x = job->x + at;
        for (int i = 0; i < n; i++)
            y[i] += x[i];
    }
}

static void cpu_add(struct backend *b, float *x, const float *y, size_t n)
{
    run_flat(&(struct flat_job){.cpu = cpu_of(b), .y = x, .x = y, .n_total = n}, add_items, 1);
}

static void cpu_close(struct backend *b)
{
    if (!b)
        return;
    struct cpu_backend *cpu = cpu_of(b);
    pool_close(cpu->pool);
    mem_unmap(cpu->acts, ACTS_BYTES);
    mem_unmap(cpu->panels, cpu->panels_bytes);
    mem_unmap(cpu->tiles, TILE_ROOM * sizeof *cpu->tiles);
    mem_unmap(cpu->tile_rooms, cpu->tile_rooms_bytes);
    mem_unmap(cpu->inputs, INPUT_FLOATS * sizeof *cpu->inputs);
    mem_unmap(cpu->lora, LORA_FLOATS * sizeof *cpu->lora);
    mem_unmap(cpu->prompt, cpu->prompt_bytes);
    mem_unmap(cpu->attend, ATTEND_FLOATS * sizeof *cpu->attend);
    free(cpu);
}

static const struct backend cpu_table = {
    .alloc = cpu_alloc,
    .release = cpu_release,
    .adopt = cpu_adopt,
    .read = cpu_read,
    .write = cpu_write,
    .embed = cpu_embed,
    .rms_norm = cpu_rms_norm,
    .matmul = cpu_matmul,
    .rope_table = cpu_rope_table,
    .rope = cpu_rope,
    .kv_write = cpu_kv_write,
    .attention = cpu_attention,
    .latent_attention = cpu_latent_attention,
    .experts = cpu_experts,
    .silu_mul = cpu_silu_mul,
    .add = cpu_add,
    .close = cpu_close,
};

static const char *backend_name(unsigned flags)
{
    if (flags & CPU_AMX)
        return "cpu amx";
    return flags & CPU_AVX512 ? "cpu avx512" : flags & CPU_AVX2 ? "cpu avx2" : "cpu c";
}

static bool open_tiles(struct cpu_backend *cpu, int n_threads, struct err *err)
{
    cpu->tiles = mem_map(TILE_ROOM * sizeof *cpu->tiles, err);
    if (!cpu->tiles)
        return false;
    cpu->tile_rooms_bytes = (size_t)n_threads * sizeof *cpu->tile_rooms;
    cpu->tile_rooms = mem_map(cpu->tile_rooms_bytes, err);
    return cpu->tile_rooms != NULL;
}

struct backend *cpu_backend_open(const struct cpu_options *options, struct err *err)
{
    unsigned flags = options->flags & cpu_detect();
    int n_threads = options->n_threads > 0 ? options->n_threads : cpus_n_threads();
    if (n_threads > LIMIT_THREADS)
        n_threads = LIMIT_THREADS;
    struct cpu_backend *cpu = mem_new(1, sizeof *cpu, err);
    if (!cpu)
        return NULL;
    cpu->base = cpu_table;
    cpu->base.name = backend_name(flags);
    cpu->base.exact = options->exact;
    cpu->base.kv_type = options->kv_q8 ? DTYPE_Q8_0 : options->exact ? DTYPE_F32 : DTYPE_BF16;
    cpu->base.round_inputs = options->round_inputs;
    cpu_ops_init(&cpu->ops, flags);
    cpu->panels_bytes = (size_t)n_threads * PANEL_FLOATS * sizeof *cpu->panels;
    cpu->panels = mem_map(cpu->panels_bytes, err);
    if (!cpu->panels)
        goto fail;
    cpu->acts = mem_map(ACTS_BYTES, err);
    if (!cpu->acts)
        goto fail;
    /* Touched only by checkpoints that need them, so they cost nothing else. */
    cpu->inputs = mem_map(INPUT_FLOATS * sizeof *cpu->inputs, err);
    if (!cpu->inputs)
        goto fail;
    cpu->lora = mem_map(LORA_FLOATS * sizeof *cpu->lora, err);
    if (!cpu->lora)
        goto fail;
    cpu->attend = mem_map(ATTEND_FLOATS * sizeof *cpu->attend, err);
    if (!cpu->attend)
        goto fail;
    cpu->prompt_bytes = cpu->ops.attend_prompt ? (size_t)n_threads * sizeof *cpu->prompt : 0;
    if (cpu->prompt_bytes && !(cpu->prompt = mem_map(cpu->prompt_bytes, err)))
        goto fail;
    if (cpu->ops.tiled && !open_tiles(cpu, n_threads, err))
        goto fail;
    cpu->pool = pool_open(n_threads, err);
    if (!cpu->pool)
        goto fail;
    return &cpu->base;
fail:
    cpu_close(&cpu->base);
    return NULL;
}
