/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_floats_avx512.h - float weights to vectors. */
#ifndef CPU_CPU_FLOATS_AVX512_H
#define CPU_CPU_FLOATS_AVX512_H

#if defined(__AVX512BW__)
#include <immintrin.h>

#include "cpu/cpu_ops.h"
#include "cpu/cpu_vector_avx512.h"
#include "tensor/number.h"

INLINE __m512 from_bf16(__m256i v)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16));
}

/* 32 E4M3 codes as halves: exponent and mantissa three bits higher, the sign on top.
 * The biases differ by 8, so what comes out is 2^-8 of the value; no NaN. */
INLINE void from_e4m3_scaled(__m256i codes, __m512 to[2])
{
    __m512i v = _mm512_slli_epi16(_mm512_cvtepi8_epi16(codes), 7);
    v = _mm512_and_si512(v, _mm512_set1_epi16((short)0xbf80));
    to[0] = _mm512_cvtph_ps(_mm512_castsi512_si256(v));
    to[1] = _mm512_cvtph_ps(_mm512_extracti64x4_epi64(v, 1));
}

/* For permutations, which look at four bits only. */
INLINE __m512 e2m1_values(void)
{
    return _mm512_loadu_ps(number_e2m1);
}

/* Eight bytes of two E2M1 codes each. */
INLINE __m512 from_e2m1(__m128i bytes)
{
    /* The low nibble to the low half of 8 bytes, the high nibble to the high half. */
    __m512i v = _mm512_cvtepu8_epi64(bytes);
    return _mm512_permutexvar_ps(_mm512_or_si512(v, _mm512_slli_epi64(v, 28)), e2m1_values());
}

/* Sixteen weights from element i on, 0 where fewer are left. */
INLINE __m512 load_16(enum dtype type, const uint8_t *w, size_t i, int left)
{
    __mmask16 m = lanes(left);
    switch (type) {
    case DTYPE_F32:
        return _mm512_maskz_loadu_ps(m, w + 4 * i);
    case DTYPE_F16:
        return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, w + 2 * i));
    case DTYPE_BF16:
        return from_bf16(_mm256_maskz_loadu_epi16(m, w + 2 * i));
    default:
        return from_e2m1(_mm_maskz_loadu_epi8(lanes(left / 2) & 0xff, w + i / 2));
    }
}

#endif
#endif
