/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of heads on AVX-512: rotated, and stored as keys and values. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "cpu/cpu_ops.h"

#define INLINE static inline __attribute__((always_inline))

/* The lowest n of 16 lanes. */
INLINE __mmask16 lanes(size_t n)
{
    return n >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << n) - 1);
}

/* Eight pairs: {a, b} times c, then {-b, a} times s added. */
static void rotate_neighbours(float *x, const float *table, size_t n_pairs)
{
    for (size_t i = 0; i < 2 * n_pairs; i += 16) {
        __mmask16 m = lanes(2 * n_pairs - i);
        __m512 v = _mm512_maskz_loadu_ps(m, x + i), t = _mm512_maskz_loadu_ps(m, table + i);
        __m512 turned = _mm512_mul_ps(_mm512_permute_ps(v, 0xb1), _mm512_movehdup_ps(t));
        _mm512_mask_storeu_ps(x + i, m, _mm512_fmaddsub_ps(v, _mm512_moveldup_ps(t), turned));
    }
}

static void rotate_halves(float *x, const float *table, size_t n_pairs)
{
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    for (size_t i = 0; i < n_pairs; i += 16) {
        size_t left = n_pairs - i;
        __mmask16 m = lanes(left);
        __m512 t0 = _mm512_maskz_loadu_ps(lanes(2 * left), table + 2 * i);
        __m512 t1 = _mm512_maskz_loadu_ps(lanes(left > 8 ? 2 * left - 16 : 0), table + 2 * i + 16);
        __m512 c = _mm512_permutex2var_ps(t0, even, t1), s = _mm512_permutex2var_ps(t0, odd, t1);
        __m512 a = _mm512_maskz_loadu_ps(m, x + i);
        __m512 b = _mm512_maskz_loadu_ps(m, x + n_pairs + i);
        _mm512_mask_storeu_ps(x + i, m, _mm512_fmsub_ps(a, c, _mm512_mul_ps(b, s)));
        _mm512_mask_storeu_ps(x + n_pairs + i, m, _mm512_fmadd_ps(b, c, _mm512_mul_ps(a, s)));
    }
}

static void rotate_avx512(float *x, const float *table, int n_pairs, bool halves)
{
    if (halves)
        rotate_halves(x, table, (size_t)n_pairs);
    else
        rotate_neighbours(x, table, (size_t)n_pairs);
}

/* As number_to_bf16(). */
INLINE __m256i to_bf16(__m512 v)
{
    __m512i bits = _mm512_castps_si512(v), high = _mm512_srli_epi32(bits, 16);
    __m512i last = _mm512_and_si512(high, _mm512_set1_epi32(1));
    __m512i round = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), last);
    round = _mm512_srli_epi32(round, 16);
    round = _mm512_mask_or_epi32(round, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), high,
                                 _mm512_set1_epi32(0x40));
    return _mm512_cvtepi32_epi16(round);
}

INLINE __m512i magnitude(__m512 v)
{
    return _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x7fffffff));
}

INLINE __m128i to_i8(__m512 v, __m512 inverse)
{
    const __m512 limit = _mm512_set1_ps(127.0f);
    __m512 q = _mm512_min_ps(limit, _mm512_mul_ps(v, inverse));
    q = _mm512_max_ps(_mm512_sub_ps(_mm512_setzero_ps(), limit), q);
    return _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(q));
}

static void store_avx512(enum dtype type, void *row, const float *src, int n)
{
    uint8_t *block = row;
    switch (type) {
    case DTYPE_F32:
        memcpy(row, src, (size_t)n * sizeof *src);
        break;
    case DTYPE_BF16:
        for (int i = 0; i < n; i += 16) {
            __mmask16 m = lanes((size_t)(n - i));
            _mm256_mask_storeu_epi16((uint16_t *)row + i, m,
                                     to_bf16(_mm512_maskz_loadu_ps(m, src + i)));
        }
        break;
    default: /* Q8_0 */
        for (int i = 0; i < n; i += 32, block += 34) {
            __m512 v0 = _mm512_loadu_ps(src + i), v1 = _mm512_loadu_ps(src + i + 16);
            __m512i top = _mm512_max_epu32(magnitude(v0), magnitude(v1));
            float inverse = cpu_kv_scale(block, _mm512_reduce_max_epu32(top));
            if (inverse == 0.0f) /* also of what is not finite */
                v0 = v1 = _mm512_setzero_ps();
            _mm_storeu_si128((__m128i *)(void *)(block + 2), to_i8(v0, _mm512_set1_ps(inverse)));
            _mm_storeu_si128((__m128i *)(void *)(block + 18), to_i8(v1, _mm512_set1_ps(inverse)));
        }
    }
}

void cpu_rows_avx512(struct cpu_ops *ops)
{
    ops->rotate = rotate_avx512;
    ops->store = store_avx512;
}

#endif
