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

/* A group in memory, where a scale is spread to all lanes as it is loaded. */
struct stored_group {
    _Alignas(64) uint8_t q[ACT_GROUP];
    _Alignas(64) float scale[16], min[16];
};

INLINE void store_group(struct stored_group *to, const struct group *g)
{
    for (size_t i = 0; i < 4; i++)
        _mm512_store_si512(to->q + 64 * i, g->q[i]);
    _mm512_store_ps(to->scale, g->scale);
    _mm512_store_ps(to->min, g->min);
    /* Else compilers take the scales from the registers, by a permutation each. */
    __asm__ volatile("" : "+m"(*to));
}

/* Sixteen weights, from byte i on. */
INLINE __m512 sixteen(const struct stored_group *g, size_t i)
{
    __m128i bytes = _mm_load_si128((const __m128i *)(const void *)(g->q + i));
    return _mm512_fmsub_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)),
                           _mm512_set1_ps(g->scale[i / 16]), _mm512_set1_ps(g->min[i / 16]));
}

/* Whole groups; group_bytes is a constant, so that nothing is divided. */
INLINE void groups(uint16_t *tiles, size_t group_bytes, const uint8_t *src, float scale, int n,
                   load_fn *load)
{
    __m512 factor = _mm512_set1_ps(scale);
    for (; n > 0; n -= ACT_GROUP, src += group_bytes) {
        struct group g;
        struct stored_group stored;
        load(src, &g);
        store_group(&stored, &g);
        for (size_t i = 0; i < ACT_GROUP; i += TILE_COLS, tiles += TILE_INPUTS)
            put(tiles, sixteen(&stored, i), sixteen(&stored, i + 16), factor);
    }
}

/* The values of all codes of four bits, rounded, for weights i..i+15 of a group. */
INLINE __m256i values_of(const struct stored_group *g, size_t i, __m512 levels, __m512 factor)
{
    __m512 v =
        _mm512_fmsub_ps(levels, _mm512_set1_ps(g->scale[i / 16]), _mm512_set1_ps(g->min[i / 16]));
    return (__m256i)_mm512_cvtneps_pbh(_mm512_mul_ps(v, factor));
}

/* The same for codes of four bits, of which a block has no more values than a register holds.
 * levels: what the codes stand for; sixteens: scales are those of 16 weights, else of 32. */
INLINE void codes(uint16_t *tiles, size_t group_bytes, const uint8_t *src, float scale, int n,
                  load_fn *load, __m512 levels, bool sixteens)
{
    __m512 factor = _mm512_set1_ps(scale);
    for (; n > 0; n -= ACT_GROUP, src += group_bytes) {
        struct group g;
        struct stored_group stored;
        load(src, &g);
        store_group(&stored, &g);
        for (size_t i = 0; i < ACT_GROUP; i += TILE_COLS, tiles += TILE_INPUTS) {
            __m512i table = _mm512_castsi256_si512(values_of(&stored, i, levels, factor));
            __m512i at = _mm512_cvtepu8_epi16(
                _mm256_load_si256((const __m256i *)(const void *)(stored.q + i)));
            if (sixteens) {
                table = _mm512_inserti64x4(table, values_of(&stored, i + 16, levels, factor), 1);
                /* Codes of the second half look into the second table. */
                at = _mm512_or_si512(
                    at, _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(16), 1));
            }
            _mm512_store_si512(tiles, _mm512_permutexvar_epi16(at, table));
        }
    }
}

/* Sixteen small numbers as floats. */
INLINE __m512 as_levels(__m128i bytes)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
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
        put(tiles, _mm512_cvtph_ps(_mm512_castsi512_si256(v)),
            _mm512_cvtph_ps(_mm512_extracti64x4_epi64(v, 1)), _mm512_set1_ps(scale * 0x1p8f));
    }
}

/* The same without a scale, which loses nothing: exponent and mantissa move to where bf16 has them.
 * Numbers with an exponent of 0, and NaN, are rare and go the long way. */
static void plain_e4m3(uint16_t *tiles, const uint8_t *src, int n)
{
    int i = 0;
    for (; i + 64 <= n; i += 64, src += 64, tiles += 2 * TILE_INPUTS) {
        __m512i codes = _mm512_loadu_si512(src);
        __m512i above =
            _mm512_sub_epi8(_mm512_and_si512(codes, _mm512_set1_epi8(127)), _mm512_set1_epi8(8));
        if (_mm512_cmpgt_epu8_mask(above, _mm512_set1_epi8(0x76))) {
            e4m3(tiles, src, 1.0f, 64);
            continue;
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
    e4m3(tiles, src, 1.0f, n - i);
}

static bool tile_stored_amx(uint16_t *tiles, enum dtype type, const void *src, float scale, int n)
{
    if (n % (type < DTYPE_Q4_0 ? TILE_COLS : ACT_GROUP))
        return false;
    const __m512 counting =
        as_levels(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
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
        if (scale == 1.0f)
            plain_e4m3(tiles, src, n);
        else
            e4m3(tiles, src, scale, n);
        return true;
    case DTYPE_Q4_0:
        codes(tiles, 144, src, scale, n, load_q4_0, counting, false);
        return true;
    case DTYPE_Q4_1:
        codes(tiles, 160, src, scale, n, load_q4_1, counting, false);
        return true;
    case DTYPE_Q5_0:
        groups(tiles, 176, src, scale, n, load_q5_0);
        return true;
    case DTYPE_Q5_1:
        groups(tiles, 192, src, scale, n, load_q5_1);
        return true;
    case DTYPE_Q8_0:
        groups(tiles, 272, src, scale, n, load_q8_0);
        return true;
    case DTYPE_Q4_K:
        codes(tiles, 144, src, scale, n, load_q4_k, counting, false);
        return true;
    case DTYPE_Q5_K:
        groups(tiles, 176, src, scale, n, load_q5_k);
        return true;
    case DTYPE_Q6_K:
        groups(tiles, 210, src, scale, n, load_q6_k);
        return true;
    case DTYPE_IQ4_NL:
        codes(tiles, 144, src, scale, n, load_iq4_nl_codes, as_levels(iq4_table()), false);
        return true;
    case DTYPE_IQ4_XS:
        codes(tiles, 136, src, scale, n, load_iq4_xs_codes, as_levels(iq4_table()), false);
        return true;
    case DTYPE_NVFP4:
        codes(tiles, 144, src, scale, n, load_nvfp4_codes, as_levels(e2m1_table()), true);
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
