/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_e4m3_avx512.h - weights, above all E4M3 codes, to their place in bf16 tiles. */
#ifndef CPU_CPU_E4M3_AVX512_H
#define CPU_CPU_E4M3_AVX512_H

#if defined(__AVX512BF16__)
#include <immintrin.h>

#include "cpu/cpu_ops.h"

/* The two vectors of 32 weights, rounded, to their place. */
static inline void put(uint16_t *tiles, __m512 low, __m512 high, __m512 factor)
{
    _mm512_store_si512(tiles, (__m512i)_mm512_cvtne2ps_pbh(_mm512_mul_ps(high, factor),
                                                           _mm512_mul_ps(low, factor)));
}

/* n codes, whole rows of tiles. */
static inline void e4m3_scaled(uint16_t *tiles, const uint8_t *src, float scale, int n)
{
    const __m256i seven_bits = _mm256_set1_epi8(127);
    for (int i = 0; i < n; i += TILE_COLS, src += 32, tiles += TILE_INPUTS) {
        __m256i codes = _mm256_loadu_si256((const __m256i *)(const void *)src);
        __mmask32 nan = _mm256_cmpeq_epi8_mask(_mm256_and_si256(codes, seven_bits), seven_bits);
        /* Exponent and mantissa where a half has them, the sign on top; the biases differ by 8. */
        __m512i v = _mm512_slli_epi16(_mm512_cvtepi8_epi16(codes), 7);
        v = _mm512_and_si512(v, _mm512_set1_epi16((short)0xbf80));
        v = _mm512_mask_mov_epi16(v, nan, _mm512_set1_epi16(0x7e00));
        put(tiles, _mm512_cvtph_ps(_mm512_castsi512_si256(v)),
            _mm512_cvtph_ps(_mm512_extracti64x4_epi64(v, 1)), _mm512_set1_ps(scale * 0x1p8f));
    }
}

/* 64 codes without a scale, which loses nothing: exponent and mantissa move to where bf16 has them.
 * Numbers with an exponent of 0, and NaN, are rare and go the long way. */
static inline void e4m3_64(uint16_t *tiles, const uint8_t *src)
{
    __m512i codes = _mm512_loadu_si512(src);
    __m512i above =
        _mm512_sub_epi8(_mm512_and_si512(codes, _mm512_set1_epi8(127)), _mm512_set1_epi8(8));
    if (_mm512_cmpgt_epu8_mask(above, _mm512_set1_epi8(0x76))) {
        e4m3_scaled(tiles, src, 1.0f, 64);
        return;
    }
    /* Unpacking takes the low halves of quarters of a register, then the high ones. */
    codes = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7), codes);
    __m512i half[2] = {_mm512_unpacklo_epi8(_mm512_setzero_si512(), codes),
                       _mm512_unpackhi_epi8(_mm512_setzero_si512(), codes)};
    for (size_t k = 0; k < 2; k++) {
        __m512i v =
            _mm512_and_si512(_mm512_srai_epi16(half[k], 4), _mm512_set1_epi16((short)0x87f0));
        v = _mm512_add_epi16(v, _mm512_set1_epi16((127 - 7) << 7));
        _mm512_store_si512(tiles + k * TILE_INPUTS, v);
    }
}

#endif
#endif
