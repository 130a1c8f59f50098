/* SPDX-License-Identifier: Apache-2.0 */
/* A work item is one query token and one KV head: all query heads that share the
 * head read its keys once.  Pages are visited in order of absolute position, so a
 * query's result does not depend on what else the call holds. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "cpu/cpu_int.h"

struct attention_job {
    const struct cpu_backend *cpu;
    const struct attention_args *args;
};

static_assert((size_t)2 * BACKEND_PAGE_TOKENS * LIMIT_HEAD_DIM <= PANEL_FLOATS,
              "a decoded page must fit");

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

/* Runs over the pages that query position pos sees, for n heads from head on.  Blocks of a
 * quantised cache are decoded into room: [2][BACKEND_PAGE_TOKENS][head_dim]. */
static void attend_heads(const struct attention_job *job, int t, int head, int n, float *room)
{
    const struct attention_args *a = job->args;
    struct cpu_token token = cpu_token_at(a->spans, t);
    const struct kv_view *kv = a->kv;
    size_t dim = (size_t)kv->head_dim;
    size_t head_bytes = BACKEND_PAGE_TOKENS * dtype_bytes(kv->dtype, kv->head_dim);
    int group = a->n_heads / kv->n_kv_heads, pos = token.pos;
    int first = a->window > 0 && pos >= a->window ? pos - a->window + 1 : 0;
    float max[ATTEND_HEADS], sum[ATTEND_HEADS], scales[ATTEND_HEADS];
    bool decoded = dtype_info(kv->dtype)->block > 1;
    size_t offset = ((size_t)t * (size_t)a->n_heads + (size_t)head) * dim;
    float *out = a->out + offset;
    memset(out, 0, (size_t)n * dim * sizeof *out);
    for (int h = 0; h < n; h++) {
        max[h] = -INFINITY;
        sum[h] = 0.0f;
        scales[h] = a->scales[t];
    }
    for (int key = first; key <= pos;) {
        int n_keys = min_int(BACKEND_PAGE_TOKENS - key % BACKEND_PAGE_TOKENS, pos - key + 1);
        const uint8_t *k = cpu_kv_row(kv, token.span, key) + (size_t)(head / group) * head_bytes;
        const void *keys = k, *values = k + (size_t)kv->n_kv_heads * head_bytes;
        if (decoded) {
            int64_t n_elements = (int64_t)n_keys * kv->head_dim;
            float *v = room + BACKEND_PAGE_TOKENS * dim;
            job->cpu->ops.decode(kv->dtype, keys, room, n_elements);
            job->cpu->ops.decode(kv->dtype, values, v, n_elements);
            keys = room;
            values = v;
        }
        job->cpu->ops.attend(&(struct attend_job){
            .q = a->q + offset,
            .k = keys,
            .v = values,
            .out = out,
            .max = max,
            .sum = sum,
            .scales = scales,
            .q_stride = dim,
            .k_stride = dim,
            .v_stride = dim,
            .out_stride = dim,
            .dtype = decoded ? DTYPE_F32 : kv->dtype,
            .n_heads = n,
            .n_keys = n_keys,
            .k_dim = kv->head_dim,
            .v_dim = kv->head_dim,
        });
        key += n_keys;
    }
    for (int h = 0; h < n; h++)
        for (int i = 0; i < kv->head_dim; i++)
            out[h * kv->head_dim + i] /= sum[h];
}

static void attend_items(void *arg, int begin, int end, int worker)
{
    const struct attention_job *job = arg;
    const struct attention_args *a = job->args;
    int n_kv = a->kv->n_kv_heads, group = a->n_heads / n_kv;
    for (int item = begin; item < end; item++)
        for (int h = 0; h < group; h += ATTEND_HEADS)
            attend_heads(job, item / n_kv, item % n_kv * group + h,
                         min_int(ATTEND_HEADS, group - h),
                         job->cpu->panels + (size_t)worker * PANEL_FLOATS);
}

void cpu_attention(struct backend *b, const struct attention_args *args)
{
    const struct kv_view *kv = args->kv;
    assert(args->n_heads % kv->n_kv_heads == 0);
    int n_tok = kv_span_tokens(args->spans, args->n_spans), n_keys = 0;
    struct attention_job job = {.cpu = (struct cpu_backend *)(void *)b, .args = args};
    for (int i = 0; i < args->n_spans; i++)
        n_keys = max_int(n_keys, args->spans[i].pos0 + args->spans[i].n_tok);
    if (args->window > 0)
        n_keys = min_int(n_keys, args->window);
    int64_t cost = (int64_t)2 * n_keys * args->n_heads / kv->n_kv_heads * kv->head_dim;
    pool_run(job.cpu->pool, n_tok * kv->n_kv_heads, cpu_grain(cost), attend_items, &job);
}
