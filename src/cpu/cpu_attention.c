/* SPDX-License-Identifier: Apache-2.0 */
/* Attention over pages.
 *
 * A unit is one query token with the query heads that share a KV head, which read its keys
 * once.  A generated token meets its keys in parts, cut at fixed positions so that many threads
 * have something to do; what comes out of the parts is put together in their order.  Within a
 * part, and for prompts, pages, or blocks of them, are visited in order of absolute position.  So a
 * query's result depends neither on what else the call holds nor on who computes it.
 *
 * On a matrix unit, blocks of prompt tokens meet their keys together. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "cpu/cpu_int.h"

/* All parts of one unit at least. */
static_assert(ATTEND_FLOATS >= (size_t)MAX_PARTS * ATTEND_HEADS * (LIMIT_HEAD_DIM + 2),
              "a unit must fit");

struct attention_job {
    const struct cpu_backend *cpu;
    const struct attention_args *args;
    int n_blocks;       /* of the heads that share a KV head: at most ATTEND_HEADS each */
    int first, n_units; /* what this loop works at */
    int max_parts;      /* of any of these units; 1: they go straight to where they belong */
    size_t part_floats; /* from one part to the next */
};

/* A token, some query heads from head on, and the keys that they see. */
struct unit {
    struct cpu_token token;
    int t, head, n_heads;
    int begin, end; /* keys */
    struct cpu_parts parts;
};

static struct unit unit_at(const struct attention_job *job, int i)
{
    const struct attention_args *a = job->args;
    int n_kv = a->kv->n_kv_heads, group = a->n_heads / n_kv, of_token = n_kv * job->n_blocks;
    int block = i % job->n_blocks * ATTEND_HEADS;
    struct unit u = {.t = i / of_token};
    u.token = cpu_token_at(a->spans, u.t);
    u.head = i % of_token / job->n_blocks * group + block;
    u.n_heads = min_int(ATTEND_HEADS, group - block);
    u.end = u.token.pos + 1;
    u.begin = a->window > 0 ? max_int(0, u.end - a->window) : 0;
    u.parts = (struct cpu_parts){.n_keys = u.end, .n = 1};
    if (a->phase == PHASE_GENERATE)
        u.parts = cpu_parts_of(u.begin, u.token.pos, MAX_PARTS);
    return u;
}

static float *out_of(const struct attention_job *job, const struct unit *u)
{
    const struct attention_args *a = job->args;
    size_t at = (size_t)u->t * (size_t)a->n_heads + (size_t)u->head;
    return a->out + at * (size_t)a->kv->head_dim;
}

/* Where the parts of a unit lie. */
static float *parts_room(const struct attention_job *job, int unit)
{
    size_t at = (size_t)(unit - job->first) * (size_t)job->max_parts;
    return job->cpu->attend + at * job->part_floats;
}

/* A token that sees fewer keys meets them page by page, which begins faster. */
#define PART_KEYS_MIN 64

/* Says whether a kernel takes a part of a token's keys at once; that depends on the shape and the
 * token's position only. */
static bool takes_parts(const struct cpu_backend *cpu, const struct attention_args *a,
                        const struct unit *u)
{
    const struct kv_view *kv = a->kv;
    return !cpu->base.exact && cpu->ops.attend_part && u->end - u->begin >= PART_KEYS_MIN &&
           kv->dtype != DTYPE_F32 && kv->head_dim % 32 == 0 && kv->head_dim <= PART_DIM;
}

/* Lets a unit meet keys begin..end-1 at once. */
static void attend_part(const struct attention_job *job, const struct unit *u, int begin, int end,
                        struct cpu_part *to)
{
    const struct attention_args *a = job->args;
    const struct kv_view *kv = a->kv;
    size_t head_bytes = BACKEND_PAGE_TOKENS * dtype_bytes(kv->dtype, kv->head_dim);
    size_t kv_head = (size_t)(u->head / (a->n_heads / kv->n_kv_heads));
    job->cpu->ops.attend_part(&(struct part_job){
        .q = a->q + ((size_t)u->t * (size_t)a->n_heads + (size_t)u->head) * (size_t)kv->head_dim,
        .out = to->out,
        .max = to->max,
        .sum = to->sum,
        .keys = (const uint8_t *)kv->data + kv->layer_offset + kv_head * head_bytes,
        .page_bytes = kv->page_bytes,
        .values_at = (size_t)kv->n_kv_heads * head_bytes,
        .page_ids = u->token.span->page_ids,
        .dtype = kv->dtype,
        .scale = a->scales[u->t],
        .begin = begin,
        .end = end,
        .n_heads = u->n_heads,
        .dim = kv->head_dim,
    });
}

/* Runs over the pages of keys begin..end-1. */
static void attend_keys(const struct attention_job *job, const struct unit *u, int begin, int end,
                        struct cpu_part *to)
{
    const struct attention_args *a = job->args;
    const struct kv_view *kv = a->kv;
    size_t dim = (size_t)kv->head_dim, n_heads = (size_t)u->n_heads;
    size_t head_bytes = BACKEND_PAGE_TOKENS * dtype_bytes(kv->dtype, kv->head_dim);
    size_t keys_at = (size_t)(u->head / (a->n_heads / kv->n_kv_heads)) * head_bytes;
    size_t values_at = (size_t)kv->n_kv_heads * head_bytes;
    float scales[ATTEND_HEADS];
    memset(to->out, 0, n_heads * dim * sizeof *to->out);
    for (size_t h = 0; h < n_heads; h++) {
        to->max[h] = -INFINITY;
        to->sum[h] = 0.0f;
        scales[h] = a->scales[u->t];
    }
    struct attend_job page = {
        .q = a->q + ((size_t)u->t * (size_t)a->n_heads + (size_t)u->head) * dim,
        .out = to->out,
        .max = to->max,
        .sum = to->sum,
        .scales = scales,
        .q_stride = dim,
        .k_stride = dim,
        .v_stride = dim,
        .out_stride = dim,
        .dtype = kv->dtype,
        .n_heads = u->n_heads,
        .k_dim = kv->head_dim,
        .v_dim = kv->head_dim,
    };
    for (int key = begin; key < end; key += page.n_keys) {
        page.n_keys = min_int(BACKEND_PAGE_TOKENS - key % BACKEND_PAGE_TOKENS, end - key);
        const uint8_t *keys = cpu_kv_row(kv, u->token.span, key) + keys_at;
        page.k = keys;
        page.v = keys + values_at;
        if (key + page.n_keys < end) {
            const uint8_t *next = cpu_kv_row(kv, u->token.span, key + page.n_keys) + keys_at;
            cpu_prefetch(next, head_bytes);
            cpu_prefetch(next + values_at, head_bytes);
        }
        job->cpu->ops.attend(&page);
    }
}

/* Parts of units, the same part of all units after another. */
static void part_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct attention_job *job = arg;
    for (int item = begin; item < end; item++) {
        int unit = job->first + item % job->n_units, part = item / job->n_units;
        struct unit u = unit_at(job, unit);
        if (part >= u.parts.n)
            continue;
        int dim = job->args->kv->head_dim;
        float max[ATTEND_HEADS], sum[ATTEND_HEADS];
        struct cpu_part to = {.out = out_of(job, &u), .max = max, .sum = sum};
        if (job->max_parts > 1)
            to = cpu_part_at(parts_room(job, unit) + (size_t)part * job->part_floats, u.n_heads,
                             dim);
        int from = (u.parts.first + part) * u.parts.n_keys;
        int first = max_int(from, u.begin), behind = min_int(from + u.parts.n_keys, u.end);
        if (takes_parts(job->cpu, job->args, &u))
            attend_part(job, &u, first, behind, &to);
        else
            attend_keys(job, &u, first, behind, &to);
        for (int h = 0; h < u.n_heads && job->max_parts == 1; h++)
            cpu_divide(to.out + (size_t)h * (size_t)dim, dim, sum[h]);
    }
}

static void unit_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct attention_job *job = arg;
    for (int unit = job->first + begin; unit < job->first + end; unit++) {
        struct unit u = unit_at(job, unit);
        cpu_join_parts(out_of(job, &u), parts_room(job, unit), job->part_floats, u.parts.n,
                       u.n_heads, job->args->kv->head_dim);
    }
}

/* Tokens of a block of rows for the matrix unit. */
static int block_tokens(const struct attention_args *a)
{
    return PROMPT_ROWS / (a->n_heads / a->kv->n_kv_heads);
}

static int span_blocks(const struct attention_args *a, const struct kv_span *span)
{
    return (span->n_tok + block_tokens(a) - 1) / block_tokens(a);
}

/* Blocks of a span, each with every KV head. */
static void prompt_items(void *arg, int begin, int end, int worker)
{
    const struct attention_job *job = arg;
    const struct attention_args *a = job->args;
    const struct kv_view *kv = a->kv;
    int group = a->n_heads / kv->n_kv_heads;
    size_t head_bytes = BACKEND_PAGE_TOKENS * dtype_bytes(kv->dtype, kv->head_dim);
    for (int item = begin; item < end; item++) {
        const struct kv_span *span = a->spans;
        int block = item / kv->n_kv_heads, head = item % kv->n_kv_heads, first = 0;
        for (; block >= span_blocks(a, span); first += (span++)->n_tok)
            block -= span_blocks(a, span);
        int t = block * block_tokens(a);
        size_t stride = (size_t)a->n_heads * (size_t)kv->head_dim;
        size_t at = (size_t)(first + t) * stride + (size_t)(head * group * kv->head_dim);
        job->cpu->ops.attend_prompt(&(struct prompt_job){
            .q = a->q + at,
            .out = a->out + at,
            .stride = stride,
            .scales = a->scales + first + t,
            .keys = (const uint8_t *)kv->data + kv->layer_offset + (size_t)head * head_bytes,
            .page_bytes = kv->page_bytes,
            .values_at = (size_t)kv->n_kv_heads * head_bytes,
            .page_ids = span->page_ids,
            .dtype = kv->dtype,
            .n_tok = min_int(block_tokens(a), span->n_tok - t),
            .pos0 = span->pos0 + t,
            .window = a->window,
            .group = group,
            .dim = kv->head_dim,
            .room = &job->cpu->prompt[worker],
        });
    }
}

/* Says whether prompt tokens can go to the matrix unit; that depends on the shape only. */
static bool fits_matrix_unit(const struct cpu_backend *cpu, const struct attention_args *a)
{
    const struct kv_view *kv = a->kv;
    return a->phase == PHASE_PROMPT && !cpu->base.exact && cpu->ops.attend_prompt &&
           kv->dtype != DTYPE_F32 && kv->head_dim % 32 == 0 && kv->head_dim <= PROMPT_DIM &&
           a->n_heads / kv->n_kv_heads <= PROMPT_ROWS;
}

void cpu_attention(struct backend *b, const struct attention_args *args)
{
    const struct kv_view *kv = args->kv;
    assert(args->n_heads % kv->n_kv_heads == 0);
    struct attention_job job = {.cpu = (struct cpu_backend *)(void *)b, .args = args};
    if (fits_matrix_unit(job.cpu, args)) {
        int n_blocks = 0;
        for (int i = 0; i < args->n_spans; i++)
            n_blocks += span_blocks(args, &args->spans[i]);
        pool_run(job.cpu->pool, n_blocks * kv->n_kv_heads, 1, prompt_items, &job);
        return;
    }
    int group = args->n_heads / kv->n_kv_heads, heads = min_int(group, ATTEND_HEADS);
    job.n_blocks = (group + ATTEND_HEADS - 1) / ATTEND_HEADS;
    job.part_floats = cpu_part_floats(heads, kv->head_dim);
    int of_token = kv->n_kv_heads * job.n_blocks, n_keys = 0;
    int n_units = kv_span_tokens(args->spans, args->n_spans) * of_token;
    job.max_parts = 1;
    for (int i = 0; i < n_units; i += of_token) {
        struct unit u = unit_at(&job, i);
        job.max_parts = max_int(job.max_parts, u.parts.n);
        n_keys = max_int(n_keys, min_int(u.parts.n_keys, u.end - u.begin));
    }
    int most = (int)(ATTEND_FLOATS / (job.part_floats * (size_t)job.max_parts));
    int64_t cost = (int64_t)2 * n_keys * heads * kv->head_dim;
    for (job.first = 0; job.first < n_units; job.first += job.n_units) {
        job.n_units = min_int(job.max_parts > 1 ? most : n_units, n_units - job.first);
        pool_run(job.cpu->pool, job.n_units * job.max_parts, cpu_grain(cost), part_items, &job);
        if (job.max_parts > 1)
            pool_run(job.cpu->pool, job.n_units,
                     cpu_grain((int64_t)job.max_parts * (int64_t)job.part_floats), unit_items,
                     &job);
    }
}
