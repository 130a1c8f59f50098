/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_floats_avx2.h - float weights to vectors. */
#ifndef CPU_CPU_FLOATS_AVX2_H
#define CPU_CPU_FLOATS_AVX2_H

#if defined(__AVX2__)
#include <immintrin.h>
#include <string.h>

#include "cpu/cpu_ops.h"
#include "cpu/cpu_vector_avx2.h"

INLINE __m256 from_bf16(__m128i v)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(v), 16));
}

/* E4M3 codes as halves: exponent and mantissa three bits higher, the sign on top.
 * The biases differ by 8; the NaN codes come out as 480. */
INLINE __m256 from_e4m3(__m128i codes)
{
    __m128i v = _mm_slli_epi16(_mm_cvtepi8_epi16(codes), 7);
    v = _mm_and_si128(v, _mm_set1_epi16((short)0xbf80));
    return _mm256_mul_ps(_mm256_cvtph_ps(v), _mm256_set1_ps(0x1p8f));
}

/* Eight E2M1 codes in four bytes. */
INLINE __m256 from_e2m1(const uint8_t *p)
{
    int bytes;
    memcpy(&bytes, p, sizeof bytes);
    __m256i codes =
        _mm256_srlv_epi32(_mm256_set1_epi32(bytes), _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
    __m256 values = _mm256_setr_ps(0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f);
    __m256i sign = _mm256_slli_epi32(_mm256_srli_epi32(codes, 3), 31);
    /* The permutation looks at the three bits below the sign. */
    return _mm256_xor_ps(_mm256_permutevar8x32_ps(values, codes), _mm256_castsi256_ps(sign));
}

/* Eight weights from element i on. */
INLINE __m256 load_weights(enum dtype type, const uint8_t *w, size_t i)
{
    switch (type) {
    case DTYPE_F32:
        return _mm256_loadu_ps((const float *)(const void *)(w + 4 * i));
    case DTYPE_F16:
        return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(w + 2 * i)));
    case DTYPE_BF16:
        return from_bf16(_mm_loadu_si128((const __m128i *)(const void *)(w + 2 * i)));
    case DTYPE_E4M3:
        return from_e4m3(_mm_loadl_epi64((const __m128i *)(const void *)(w + i)));
    default:
        return from_e2m1(w + i / 2);
    }
}

/* Has a lane of 480, which only a NaN code gives. */
INLINE bool has_nan_code(__m256 largest)
{
    return _mm256_movemask_ps(_mm256_cmp_ps(largest, _mm256_set1_ps(480.0f), _CMP_EQ_OQ)) != 0;
}

INLINE __m256 magnitude(__m256 v)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v);
}

#endif
#endif
