/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of heads on AVX2: rotated, and stored as keys and values. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "cpu/cpu_ops.h"

#define INLINE static inline __attribute__((always_inline))

/* The lowest n of 8 lanes. */
INLINE __m256i lanes(size_t n)
{
    const __m256i count = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n > 8 ? 8 : (int)n), count);
}

/* What is whole goes the fast way: masked moves cost several times as much. */
INLINE __m256 load(const float *p, size_t left)
{
    return left >= 8 ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, lanes(left));
}

INLINE void store(float *p, __m256 v, size_t left)
{
    if (left >= 8)
        _mm256_storeu_ps(p, v);
    else
        _mm256_maskstore_ps(p, lanes(left), v);
}

/* Four pairs: {a, b} times c, then {-b, a} times s added. */
static void rotate_neighbours(float *x, const float *table, size_t n_pairs)
{
    for (size_t i = 0; i < 2 * n_pairs; i += 8) {
        size_t left = 2 * n_pairs - i;
        __m256 v = load(x + i, left), t = load(table + i, left);
        __m256 turned = _mm256_mul_ps(_mm256_permute_ps(v, 0xb1), _mm256_movehdup_ps(t));
        store(x + i, _mm256_fmaddsub_ps(v, _mm256_moveldup_ps(t), turned), left);
    }
}

/* The even or odd elements of 16: of each half first those of t0, then of t1, so the middle
 * quarters change places. */
INLINE __m256 in_order(__m256 v)
{
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), 0xd8));
}

static void rotate_halves(float *x, const float *table, size_t n_pairs)
{
    for (size_t i = 0; i < n_pairs; i += 8) {
        size_t left = n_pairs - i;
        __m256 t0 = load(table + 2 * i, 2 * left);
        __m256 t1 = load(table + 2 * i + 8, left > 4 ? 2 * left - 8 : 0);
        __m256 c = in_order(_mm256_shuffle_ps(t0, t1, 0x88));
        __m256 s = in_order(_mm256_shuffle_ps(t0, t1, 0xdd));
        __m256 a = load(x + i, left), b = load(x + n_pairs + i, left);
        store(x + i, _mm256_fmsub_ps(a, c, _mm256_mul_ps(b, s)), left);
        store(x + n_pairs + i, _mm256_fmadd_ps(b, c, _mm256_mul_ps(a, s)), left);
    }
}

static void rotate_avx2(float *x, const float *table, int n_pairs, bool halves)
{
    if (halves)
        rotate_halves(x, table, (size_t)n_pairs);
    else
        rotate_neighbours(x, table, (size_t)n_pairs);
}

/* As number_to_bf16(), in the low halves of 32-bit lanes. */
INLINE __m256i to_bf16(__m256 v)
{
    __m256i bits = _mm256_castps_si256(v), high = _mm256_srli_epi32(bits, 16);
    __m256i last = _mm256_and_si256(high, _mm256_set1_epi32(1));
    __m256i round = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), last);
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    return _mm256_blendv_epi8(_mm256_srli_epi32(round, 16),
                              _mm256_or_si256(high, _mm256_set1_epi32(0x40)), nan);
}

static void store_bf16(uint16_t *row, const float *src, int n)
{
    int i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i v = _mm256_packus_epi32(to_bf16(_mm256_loadu_ps(src + i)),
                                        to_bf16(_mm256_loadu_ps(src + i + 8)));
        _mm256_storeu_si256((__m256i *)(void *)(row + i), _mm256_permute4x64_epi64(v, 0xd8));
    }
    for (; i < n; i++)
        row[i] = number_to_bf16(src[i]);
}

INLINE uint32_t largest(__m256i v)
{
    __m128i m = _mm_max_epu32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4e));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(m);
}

INLINE __m256i to_i32(__m256 v, float inverse)
{
    __m256 q = _mm256_min_ps(_mm256_set1_ps(127.0f), _mm256_mul_ps(v, _mm256_set1_ps(inverse)));
    return _mm256_cvtps_epi32(_mm256_max_ps(_mm256_set1_ps(-127.0f), q));
}

static void store_q8_0(uint8_t *block, const float *src)
{
    const __m256i abs = _mm256_set1_epi32(0x7fffffff);
    __m256 v[4];
    __m256i top = _mm256_setzero_si256();
    for (size_t i = 0; i < 4; i++) {
        v[i] = _mm256_loadu_ps(src + 8 * i);
        top = _mm256_max_epu32(top, _mm256_and_si256(_mm256_castps_si256(v[i]), abs));
    }
    float inverse = cpu_kv_scale(block, largest(top));
    __m256i q = _mm256_setzero_si256();
    if (inverse != 0.0f) { /* 0 also of what is not finite */
        __m256i low = _mm256_packs_epi32(to_i32(v[0], inverse), to_i32(v[1], inverse));
        __m256i high = _mm256_packs_epi32(to_i32(v[2], inverse), to_i32(v[3], inverse));
        q = _mm256_packs_epi16(low, high);
        q = _mm256_permutevar8x32_epi32(q, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    }
    _mm256_storeu_si256((__m256i *)(void *)(block + 2), q);
}

static void store_avx2(enum dtype type, void *row, const float *src, int n)
{
    switch (type) {
    case DTYPE_F32:
        memcpy(row, src, (size_t)n * sizeof *src);
        break;
    case DTYPE_BF16:
        store_bf16(row, src, n);
        break;
    default: /* Q8_0 */
        for (int i = 0; i < n; i += 32)
            store_q8_0((uint8_t *)row + dtype_bytes(type, i), src + i);
    }
}

void cpu_rows_avx2(struct cpu_ops *ops)
{
    ops->rotate = rotate_avx2;
    ops->store = store_avx2;
}

#endif
