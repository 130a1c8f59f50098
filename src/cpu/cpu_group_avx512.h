/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_group_avx512.h - block-quantised weights as registers of AVX-512 take them.
 *
 * Every format is turned, 256 weights at a time, into the same form: unsigned bytes in order, and
 * for each 16 of them a scale and a minimum, so that a weight is q * scale - min, with one
 * rounding. */
#ifndef CPU_CPU_GROUP_AVX512_H
#define CPU_CPU_GROUP_AVX512_H
#if defined(__AVX512F__)

#include <immintrin.h>
#include <string.h>

#include "cpu/cpu_ops.h"
#include "tensor/number.h"

#define INLINE static inline __attribute__((always_inline))

struct group {
    __m512i q[4];      /* 64 weights each */
    __m512 scale, min; /* lane i: weights 16i..16i+15 */
};

typedef void load_fn(const uint8_t *src, struct group *g);

/* Spreads eight values, one per 32 weights, to sixteen. */
INLINE __m512 spread(__m256 v)
{
    return _mm512_permutexvar_ps(_mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7),
                                 _mm512_castps256_ps512(v));
}

/* The first four bytes of eight blocks that lie n_bytes apart. */
INLINE __m256i gather_heads(const uint8_t *src, int n_bytes)
{
    __m256i at =
        _mm256_mullo_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(n_bytes));
    return _mm256_i32gather_epi32((const int *)(const void *)src, at, 1);
}

/* The f16 in the low, and in the high half of each head. */
INLINE __m256 low_half(__m256i heads)
{
    return _mm256_cvtph_ps(
        _mm256_cvtepi32_epi16(heads)); /* truncates: keeps the low sixteen bits */
}

INLINE __m256 high_half(__m256i heads)
{
    return low_half(_mm256_srli_epi32(heads, 16));
}

/* The f16 at the start of eight blocks of 18 bytes: every ninth of the first 64 words. */
INLINE __m256 halves_of_18(const uint8_t *src)
{
    const __m512i at = _mm512_castsi128_si512(_mm_setr_epi16(0, 9, 18, 27, 36, 45, 54, 63));
    __m512i words =
        _mm512_permutex2var_epi16(_mm512_loadu_si512(src), at, _mm512_loadu_si512(src + 64));
    return _mm256_cvtph_ps(_mm512_castsi512_si128(words));
}

/* 64 nibbles of two blocks: low halves of 16 bytes first, then high halves. */
INLINE __m512i nibbles_of_two(const uint8_t *a, const uint8_t *b)
{
    const __m512i shift = _mm512_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4, 0, 0, 0, 0, 4, 4, 4, 4);
    __m512i v = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)a));
    v = _mm512_mask_broadcast_i32x4(v, 0xff00, _mm_loadu_si128((const __m128i *)(const void *)b));
    return _mm512_and_si512(_mm512_srlv_epi32(v, shift), _mm512_set1_epi8(15));
}

/* 64 nibbles of 32 bytes: all low halves, then all high halves. */
INLINE __m512i nibbles_of_32(const uint8_t *p)
{
    const __m512i shift = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 4, 4, 4, 4);
    __m512i v = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(const void *)p));
    return _mm512_and_si512(_mm512_srlv_epi32(v, shift), _mm512_set1_epi8(15));
}

/* Replaces nibbles by levels of a table. */
INLINE void look_up(struct group *g, __m128i table)
{
    for (size_t i = 0; i < 4; i++)
        g->q[i] = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), g->q[i]);
}

/* The levels of IQ4, plus 128. */
INLINE __m128i iq4_table(void)
{
    return _mm_setr_epi8(1, 24, 45, 63, 79, 93, 106, 118, -127, -115, -103, -90, -75, -59, -39,
                         -15);
}

/* Twice the values of E2M1, plus 12. */
INLINE __m128i e2m1_table(void)
{
    return _mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0);
}

INLINE void set_scale(struct group *g, __m256 d, float bias)
{
    g->scale = spread(d);
    g->min = _mm512_mul_ps(g->scale, _mm512_set1_ps(bias));
}

INLINE void load_q4_0(const uint8_t *src, struct group *g)
{
    set_scale(g, halves_of_18(src), 8.0f);
    for (size_t i = 0; i < 4; i++)
        g->q[i] = nibbles_of_two(src + 36 * i + 2, src + 36 * i + 20);
}

INLINE void load_q4_1(const uint8_t *src, struct group *g)
{
    __m256i heads = gather_heads(src, 20);
    g->scale = spread(low_half(heads));
    g->min = _mm512_sub_ps(_mm512_set1_ps(-0.0f), spread(high_half(heads)));
    for (size_t i = 0; i < 4; i++)
        g->q[i] = nibbles_of_two(src + 40 * i + 4, src + 40 * i + 24);
}

/* Adds 16 where the bits of two blocks are set. */
INLINE __m512i add_fifth(__m512i q, const uint8_t *a, const uint8_t *b)
{
    uint32_t low, high;
    memcpy(&low, a, sizeof low);
    memcpy(&high, b, sizeof high);
    return _mm512_mask_add_epi8(q, (uint64_t)high << 32 | low, q, _mm512_set1_epi8(16));
}

INLINE void load_q5_0(const uint8_t *src, struct group *g)
{
    set_scale(g, low_half(gather_heads(src, 22)), 16.0f);
    for (size_t i = 0; i < 4; i++, src += 44)
        g->q[i] = add_fifth(nibbles_of_two(src + 6, src + 28), src + 2, src + 24);
}

INLINE void load_q5_1(const uint8_t *src, struct group *g)
{
    __m256i heads = gather_heads(src, 24);
    g->scale = spread(low_half(heads));
    g->min = _mm512_sub_ps(_mm512_set1_ps(-0.0f), spread(high_half(heads)));
    for (size_t i = 0; i < 4; i++, src += 48)
        g->q[i] = add_fifth(nibbles_of_two(src + 8, src + 32), src + 4, src + 28);
}

INLINE void load_q8_0(const uint8_t *src, struct group *g)
{
    set_scale(g, low_half(gather_heads(src, 34)), 128.0f);
    for (size_t i = 0; i < 4; i++, src += 68) {
        __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(src + 2));
        __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(src + 36));
        g->q[i] = _mm512_xor_si512(_mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1),
                                   _mm512_set1_epi8(-128));
    }
}

INLINE void load_iq4_nl_codes(const uint8_t *src, struct group *g)
{
    set_scale(g, halves_of_18(src), 128.0f);
    for (size_t i = 0; i < 4; i++)
        g->q[i] = nibbles_of_two(src + 36 * i + 2, src + 36 * i + 20);
}

INLINE void load_iq4_nl(const uint8_t *src, struct group *g)
{
    load_iq4_nl_codes(src, g);
    look_up(g, iq4_table());
}

/* E4M3 codes below 0x7f, 0x7f as 0, as floats. */
INLINE __m512 ue4m3(__m128i codes)
{
    const __m128i seven_bits = _mm_set1_epi8(127);
    codes = _mm_and_si128(codes, seven_bits);
    codes = _mm_maskz_mov_epi8(_mm_cmpneq_epi8_mask(codes, seven_bits), codes);
    /* Exponent and mantissa where a half has them; the biases differ by 8. */
    __m256i halves = _mm256_slli_epi16(_mm256_cvtepu8_epi16(codes), 7);
    return _mm512_mul_ps(_mm512_cvtph_ps(halves), _mm512_set1_ps(0x1p8f));
}

INLINE void load_nvfp4_codes(const uint8_t *src, struct group *g)
{
    /* Within 16 weights, 8 bytes hold the low nibbles' weights first. */
    const __m512i shift = _mm512_setr_epi64(0, 4, 0, 4, 0, 4, 0, 4);
    const __m512i twice = _mm512_setr_epi64(0, 0, 1, 1, 2, 2, 3, 3);
    uint32_t d[4];
    for (size_t i = 0; i < 4; i++, src += 36) {
        memcpy(&d[i], src, sizeof d[i]);
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(src + 4));
        __m512i v = _mm512_permutexvar_epi64(twice, _mm512_castsi256_si512(bytes));
        g->q[i] = _mm512_and_si512(_mm512_srlv_epi64(v, shift), _mm512_set1_epi8(15));
    }
    __m512 scale = ue4m3(_mm_setr_epi32((int)d[0], (int)d[1], (int)d[2], (int)d[3]));
    g->scale = _mm512_mul_ps(scale, _mm512_set1_ps(0.5f));
    g->min = _mm512_mul_ps(scale, _mm512_set1_ps(6.0f));
}

INLINE void load_nvfp4(const uint8_t *src, struct group *g)
{
    load_nvfp4_codes(src, g);
    look_up(g, e2m1_table());
}

/* Scales and minima of Q4_K and Q5_K from their first 16 bytes. */
INLINE void load_k_scales(const uint8_t *src, struct group *g)
{
    __m128i head = _mm_loadu_si128((const __m128i *)(const void *)src);
    /* Bytes 4..15 are packed: s0-3, m0-3 with six bits; then the low nibbles of s4-7 with
     * those of m4-7 above them, whose top bits lie above the six of s0-3 and m0-3. */
    __m128i low = _mm_shuffle_epi8(
        head, _mm_setr_epi8(4, 5, 6, 7, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15));
    __m128i top = _mm_shuffle_epi8(
        head, _mm_setr_epi8(-1, -1, -1, -1, 4, 5, 6, 7, -1, -1, -1, -1, 8, 9, 10, 11));
    low = _mm_and_si128(_mm_srlv_epi32(low, _mm_setr_epi32(0, 0, 0, 4)),
                        _mm_setr_epi32(0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f));
    top = _mm_and_si128(_mm_srli_epi32(top, 2), _mm_set1_epi8(0x30));
    __m512 factors = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_or_si128(low, top)));
    __m512 d =
        _mm512_permutexvar_ps(_mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1),
                              _mm512_castps128_ps512(_mm_cvtph_ps(head)));
    factors = _mm512_mul_ps(factors, d);
    g->scale = spread(_mm512_castps512_ps256(factors));
    g->min = _mm512_permutexvar_ps(
        _mm512_setr_epi32(8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15), factors);
}

INLINE void load_q4_k(const uint8_t *src, struct group *g)
{
    load_k_scales(src, g);
    for (size_t i = 0; i < 4; i++)
        g->q[i] = nibbles_of_32(src + 16 + 32 * i);
}

INLINE void load_q5_k(const uint8_t *src, struct group *g)
{
    load_k_scales(src, g);
    __m512i fifth =
        _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(const void *)(src + 16)));
    for (size_t i = 0; i < 4; i++) {
        __m512i bit = _mm512_inserti64x4(_mm512_set1_epi8((char)(1 << (2 * i))),
                                         _mm256_set1_epi8((char)(2 << (2 * i))), 1);
        __m512i q = nibbles_of_32(src + 48 + 32 * i);
        g->q[i] =
            _mm512_mask_add_epi8(q, _mm512_test_epi8_mask(fifth, bit), q, _mm512_set1_epi8(16));
    }
}

INLINE void load_q6_k(const uint8_t *src, struct group *g)
{
    __m128i scales = _mm_loadu_si128((const __m128i *)(const void *)(src + 192));
    g->scale = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(scales)),
                             _mm512_set1_ps(number_load_f16(src + 208)));
    g->min = _mm512_mul_ps(g->scale, _mm512_set1_ps(32.0f));
    const __m512i nibble = _mm512_set1_epi8(15), two_bits = _mm512_set1_epi8(0x30);
    /* Brings the two bits of each quarter to bits 4 and 5. */
    const __m512i turn01 = _mm512_inserti64x4(_mm512_set1_epi32(4), _mm256_set1_epi32(2), 1);
    const __m512i turn23 = _mm512_inserti64x4(_mm512_set1_epi32(0), _mm256_set1_epi32(30), 1);
    for (size_t half = 0; half < 2; half++) {
        __m512i low = _mm512_loadu_si512(src + 64 * half);
        __m512i high = _mm512_broadcast_i64x4(
            _mm256_loadu_si256((const __m256i *)(const void *)(src + 128 + 32 * half)));
        __m512i high01 = _mm512_and_si512(_mm512_rolv_epi32(high, turn01), two_bits);
        __m512i high23 = _mm512_and_si512(_mm512_rolv_epi32(high, turn23), two_bits);
        g->q[2 * half] = _mm512_or_si512(_mm512_and_si512(low, nibble), high01);
        g->q[2 * half + 1] =
            _mm512_or_si512(_mm512_and_si512(_mm512_srli_epi16(low, 4), nibble), high23);
    }
}

INLINE void load_iq4_xs_codes(const uint8_t *src, struct group *g)
{
    uint32_t head, low;
    memcpy(&head, src, sizeof head);
    memcpy(&low, src + 4, sizeof low);
    /* Nibble and bit pair j of the scales, for sub-block j. */
    const __m256i j4 = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
    const __m256i j2 = _mm256_setr_epi32(16, 18, 20, 22, 24, 26, 28, 30);
    __m256i s =
        _mm256_and_si256(_mm256_srlv_epi32(_mm256_set1_epi32((int)low), j4), _mm256_set1_epi32(15));
    __m256i t =
        _mm256_and_si256(_mm256_srlv_epi32(_mm256_set1_epi32((int)head), j2), _mm256_set1_epi32(3));
    s = _mm256_sub_epi32(_mm256_or_si256(s, _mm256_slli_epi32(t, 4)), _mm256_set1_epi32(32));
    __m256 d = _mm256_set1_ps(number_from_f16((uint16_t)head));
    set_scale(g, _mm256_mul_ps(_mm256_cvtepi32_ps(s), d), 128.0f);
    for (size_t i = 0; i < 4; i++)
        g->q[i] = nibbles_of_two(src + 8 + 32 * i, src + 24 + 32 * i);
}

INLINE void load_iq4_xs(const uint8_t *src, struct group *g)
{
    load_iq4_xs_codes(src, g);
    look_up(g, iq4_table());
}

#endif
#endif
