/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and values on their way into the pages. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "cpu/cpu_int.h"
#include "tensor/number.h"

/* One block of Q8_0: the scale, then 32 numbers.  A block that is not finite gets a scale that
 * is not, so that it shows in the logits. */
static void store_q8_0(uint8_t *block, const float *src)
{
    uint32_t top = 0;
    for (int i = 0; i < 32; i++) {
        uint32_t bits = number_bits(fabsf(src[i]));
        top = bits > top ? bits : top;
    }
    uint16_t scale = number_to_f16(number_from_bits(top) / 127.0f);
    float step = number_from_f16(scale);
    float inverse = step > 0.0f && isfinite(step) ? 1.0f / step : 0.0f;
    block[0] = (uint8_t)scale;
    block[1] = (uint8_t)(scale >> 8);
    for (int i = 0; i < 32; i++) {
        float q = inverse > 0.0f ? rintf(src[i] * inverse) : 0.0f;
        block[2 + i] = (uint8_t)(int8_t)(q > 127.0f ? 127.0f : q < -127.0f ? -127.0f : q);
    }
}

void cpu_store_row(enum dtype type, void *row, const float *src, int n)
{
    uint16_t *bf16 = row;
    switch (type) {
    case DTYPE_F32:
        memcpy(row, src, (size_t)n * sizeof *src);
        break;
    case DTYPE_BF16:
        for (int i = 0; i < n; i++)
            bf16[i] = number_to_bf16(src[i]);
        break;
    default:
        assert(type == DTYPE_Q8_0 && n % 32 == 0);
        for (int i = 0; i < n; i += 32)
            store_q8_0((uint8_t *)row + dtype_bytes(type, i), src + i);
    }
}

struct write_job {
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
            cpu_store_row(kv->dtype, row, job->k + at, kv->head_dim);
            if (job->v)
                cpu_store_row(kv->dtype, row + (size_t)kv->n_kv_heads * head_bytes, job->v + at,
                              kv->head_dim);
        }
    }
}

void cpu_kv_write(struct backend *b, const struct kv_view *kv, const float *k, const float *v,
                  const struct kv_span *spans, int n_spans)
{
    struct write_job job = {.kv = kv, .k = k, .v = v, .spans = spans};
    struct cpu_backend *cpu = (struct cpu_backend *)(void *)b;
    pool_run(cpu->pool, kv_span_tokens(spans, n_spans),
             cpu_grain((int64_t)2 * kv->n_kv_heads * kv->head_dim), write_items, &job);
}
