/* SPDX-License-Identifier: Apache-2.0 */
/* Decodes block-quantised weights, and rounds activations, on AVX-512. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "cpu/cpu_group_avx512.h"
#include "cpu/cpu_ops.h"
#include "tensor/block.h"

INLINE void decode(enum dtype type, const uint8_t *src, float *dst, int64_t n, load_fn *load)
{
    size_t group_bytes = dtype_bytes(type, ACT_GROUP);
    for (; n >= ACT_GROUP; n -= ACT_GROUP, src += group_bytes) {
        struct group g;
        uint8_t q[ACT_GROUP];
        float scale[16], min[16];
        load(src, &g);
        for (size_t i = 0; i < 4; i++)
            _mm512_storeu_si512(q + 64 * i, g.q[i]);
        _mm512_storeu_ps(scale, g.scale);
        _mm512_storeu_ps(min, g.min);
        for (size_t i = 0; i < 16; i++, dst += 16) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(q + 16 * i));
            _mm512_storeu_ps(dst,
                             _mm512_fmsub_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)),
                                             _mm512_set1_ps(scale[i]), _mm512_set1_ps(min[i])));
        }
    }
    block_decode(type, src, dst, n);
}

static void decode_avx512(enum dtype type, const void *src, float *dst, int64_t n)
{
    switch (type) {
    case DTYPE_Q4_0:
        decode(type, src, dst, n, load_q4_0);
        break;
    case DTYPE_Q4_1:
        decode(type, src, dst, n, load_q4_1);
        break;
    case DTYPE_Q5_0:
        decode(type, src, dst, n, load_q5_0);
        break;
    case DTYPE_Q5_1:
        decode(type, src, dst, n, load_q5_1);
        break;
    case DTYPE_Q8_0:
        decode(type, src, dst, n, load_q8_0);
        break;
    case DTYPE_Q4_K:
        decode(type, src, dst, n, load_q4_k);
        break;
    case DTYPE_Q5_K:
        decode(type, src, dst, n, load_q5_k);
        break;
    case DTYPE_Q6_K:
        decode(type, src, dst, n, load_q6_k);
        break;
    case DTYPE_IQ4_NL:
        decode(type, src, dst, n, load_iq4_nl);
        break;
    case DTYPE_IQ4_XS:
        decode(type, src, dst, n, load_iq4_xs);
        break;
    case DTYPE_NVFP4:
        decode(type, src, dst, n, load_nvfp4);
        break;
    default: /* MXFP4 too: its range exceeds that of q * scale - min */
        cpu_decode_float_avx512(type, src, dst, n);
    }
}

static void round_act_avx512(void *act, const float *x, int n)
{
    size_t n_pad = act_padded(n);
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    for (int k = 0; k < (int)n_pad; k += ACT_BLOCK) {
        int left = n - k < 0 ? 0 : n - k > ACT_BLOCK ? ACT_BLOCK : n - k;
        uint32_t mask = (uint32_t)((1ull << left) - 1);
        /* An address behind the vector is only formed, never read: its lanes are off. */
        const float *from = left ? x + k : x;
        __m512 a = _mm512_maskz_loadu_ps((__mmask16)mask, from);
        __m512 b = _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), left > 16 ? from + 16 : x);
        __m512i top = _mm512_max_epu32(_mm512_and_si512(_mm512_castps_si512(a), magnitude),
                                       _mm512_and_si512(_mm512_castps_si512(b), magnitude));
        float inverse, step = act_step(_mm512_reduce_max_epu32(top), &inverse);
        __m512i qa = _mm512_cvtps_epi32(_mm512_mul_ps(a, _mm512_set1_ps(inverse)));
        __m512i qb = _mm512_cvtps_epi32(_mm512_mul_ps(b, _mm512_set1_ps(inverse)));
        if (inverse == 0.0f)
            qa = qb = _mm512_setzero_si512();
        struct act_group *group = (struct act_group *)act + k / ACT_GROUP;
        int8_t *q = group->q + k % ACT_GROUP;
        _mm_store_si128((__m128i *)(void *)q, _mm512_cvtepi32_epi8(qa));
        _mm_store_si128((__m128i *)(void *)(q + 16), _mm512_cvtepi32_epi8(qb));
        act_put_block(group, (size_t)k, step, _mm512_reduce_add_epi32(qa),
                      _mm512_reduce_add_epi32(qb));
    }
}

void cpu_quant_avx512(struct cpu_ops *ops)
{
    ops->decode = decode_avx512;
    ops->round_act = round_act_avx512;
}

#endif
