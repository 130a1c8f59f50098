/* SPDX-License-Identifier: Apache-2.0 */
/* Stored weights straight to bf16 tiles, without a row of floats between. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "cpu/cpu_group_avx512.h"
#include "cpu/cpu_ops.h"

/* The two vectors of 32 weights, rounded, to their place. */
INLINE void put(uint16_t *tiles, __m512 low, __m512 high, __m512 factor)
{
    _mm512_store_si512(tiles, (__m512i)_mm512_cvtne2ps_pbh(_mm512_mul_ps(high, factor),
                                                           _mm512_mul_ps(low, factor)));
}

/* Sixteen weights of a group, from byte i on. */
INLINE __m512 sixteen(const uint8_t *q, const float *scale, const float *min, size_t i)
{
    __m128i bytes = _mm_load_si128((const __m128i *)(const void *)(q + i));
    return _mm512_fmsub_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)),
                           _mm512_set1_ps(scale[i / 16]), _mm512_set1_ps(min[i / 16]));
}

/* Whole groups; group_bytes is a constant, so that nothing is divided. */
INLINE void groups(uint16_t *tiles, size_t group_bytes, const uint8_t *src, float scale, int n,
                   load_fn *load)
{
    __m512 factor = _mm512_set1_ps(scale);
    for (; n > 0; n -= ACT_GROUP, src += group_bytes) {
        struct group g;
        _Alignas(64) uint8_t q[ACT_GROUP];
        _Alignas(64) float scales[16], mins[16];
        load(src, &g);
        for (size_t i = 0; i < 4; i++)
            _mm512_store_si512(q + 64 * i, g.q[i]);
        _mm512_store_ps(scales, g.scale);
        _mm512_store_ps(mins, g.min);
        for (size_t i = 0; i < ACT_GROUP; i += TILE_COLS, tiles += TILE_INPUTS)
            put(tiles, sixteen(q, scales, mins, i), sixteen(q, scales, mins, i + 16), factor);
    }
}

static void halves(uint16_t *tiles, const uint8_t *src, float scale, int n)
{
    for (int i = 0; i < n; i += TILE_COLS, src += 64, tiles += TILE_INPUTS) {
        __m512i v = _mm512_loadu_si512(src);
        put(tiles, _mm512_cvtph_ps(_mm512_castsi512_si256(v)),
            _mm512_cvtph_ps(_mm512_extracti64x4_epi64(v, 1)), _mm512_set1_ps(scale));
    }
}

static void bf16(uint16_t *tiles, const uint8_t *src, int n)
{
    for (int i = 0; i < n; i += TILE_COLS, src += 64, tiles += TILE_INPUTS)
        _mm512_store_si512(tiles, _mm512_loadu_si512(src));
}

static void e4m3(uint16_t *tiles, const uint8_t *src, float scale, int n)
{
    const __m256i seven_bits = _mm256_set1_epi8(127);
    for (int i = 0; i < n; i += TILE_COLS, src += 32, tiles += TILE_INPUTS) {
        __m256i codes = _mm256_loadu_si256((const __m256i *)(const void *)src);
        __mmask32 nan = _mm256_cmpeq_epi8_mask(_mm256_and_si256(codes, seven_bits), seven_bits);
        /* Exponent and mantissa where a half has them, the sign on top; the biases differ by 8. */
        __m512i v = _mm512_slli_epi16(_mm512_cvtepi8_epi16(codes), 7);
        v = _mm512_and_si512(v, _mm512_set1_epi16((short)0xbf80));
        v = _mm512_mask_mov_epi16(v, nan, _mm512_set1_epi16(0x7e00));
        const __m512 bias = _mm512_set1_ps(0x1p8f);
        put(tiles, _mm512_mul_ps(_mm512_cvtph_ps(_mm512_castsi512_si256(v)), bias),
            _mm512_mul_ps(_mm512_cvtph_ps(_mm512_extracti64x4_epi64(v, 1)), bias),
            _mm512_set1_ps(scale));
    }
}

static bool tile_stored_amx(uint16_t *tiles, enum dtype type, const void *src, float scale, int n)
{
    if (n % (type < DTYPE_Q4_0 ? TILE_COLS : ACT_GROUP))
        return false;
    switch (type) {
    case DTYPE_F16:
        halves(tiles, src, scale, n);
        return true;
    case DTYPE_BF16:
        if (scale != 1.0f)
            return false;
        bf16(tiles, src, n);
        return true;
    case DTYPE_E4M3:
        e4m3(tiles, src, scale, n);
        return true;
    case DTYPE_Q4_0:
        groups(tiles, 8 * 18, src, scale, n, load_q4_0);
        return true;
    case DTYPE_Q4_1:
        groups(tiles, 8 * 20, src, scale, n, load_q4_1);
        return true;
    case DTYPE_Q5_0:
        groups(tiles, 8 * 22, src, scale, n, load_q5_0);
        return true;
    case DTYPE_Q5_1:
        groups(tiles, 8 * 24, src, scale, n, load_q5_1);
        return true;
    case DTYPE_Q8_0:
        groups(tiles, 8 * 34, src, scale, n, load_q8_0);
        return true;
    case DTYPE_Q4_K:
        groups(tiles, 144, src, scale, n, load_q4_k);
        return true;
    case DTYPE_Q5_K:
        groups(tiles, 176, src, scale, n, load_q5_k);
        return true;
    case DTYPE_Q6_K:
        groups(tiles, 210, src, scale, n, load_q6_k);
        return true;
    case DTYPE_IQ4_NL:
        groups(tiles, 8 * 18, src, scale, n, load_iq4_nl);
        return true;
    case DTYPE_IQ4_XS:
        groups(tiles, 136, src, scale, n, load_iq4_xs);
        return true;
    case DTYPE_NVFP4:
        groups(tiles, 4 * 36, src, scale, n, load_nvfp4);
        return true;
    default:
        return false;
    }
}

void cpu_stored_amx(struct cpu_ops *ops)
{
    ops->tile_stored = tile_stored_amx;
}

#endif
