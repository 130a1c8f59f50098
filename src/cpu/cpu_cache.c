/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and values on their way into the pages. */
#include "cpu/cpu_int.h"

struct write_job {
    const struct cpu_backend *cpu;
    const struct kv_view *kv;
    const float *k, *v;
    const struct kv_span *spans;
};

static void write_items(void *arg, int begin, int end, int worker)
{
    (void)worker;
    const struct write_job *job = arg;
    const struct kv_view *kv = job->kv;
    size_t row_bytes = dtype_bytes(kv->dtype, kv->head_dim);
    size_t head_bytes = BACKEND_PAGE_TOKENS * row_bytes;
    for (int t = begin; t < end; t++) {
        struct cpu_token token = cpu_token_at(job->spans, t);
        uint8_t *row = cpu_kv_row(kv, token.span, token.pos);
        for (int h = 0; h < kv->n_kv_heads; h++, row += head_bytes) {
            size_t at = ((size_t)t * (size_t)kv->n_kv_heads + (size_t)h) * (size_t)kv->head_dim;
            job->cpu->ops.store(kv->dtype, row, job->k + at, kv->head_dim);
            if (job->v)
                job->cpu->ops.store(kv->dtype, row + (size_t)kv->n_kv_heads * head_bytes,
                                    job->v + at, kv->head_dim);
        }
    }
}

void cpu_kv_write(struct backend *b, const struct kv_view *kv, const float *k, const float *v,
                  const struct kv_span *spans, int n_spans)
{
    struct cpu_backend *cpu = (struct cpu_backend *)(void *)b;
    struct write_job job = {.cpu = cpu, .kv = kv, .k = k, .v = v, .spans = spans};
    pool_run(cpu->pool, kv_span_tokens(spans, n_spans),
             cpu_grain((int64_t)2 * kv->n_kv_heads * kv->head_dim), write_items, &job);
}
