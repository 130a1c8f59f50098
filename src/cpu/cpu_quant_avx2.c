/* SPDX-License-Identifier: Apache-2.0 */
/* Block-quantised weights decoded, and activations rounded, on AVX2.  Every format is turned into
 * one form, 256 weights at a time: a weight is q * scale - min, with a scale and a minimum for each
 * 16. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "cpu/cpu_ops.h"
#include "tensor/block.h"
#include "tensor/number.h"

#define INLINE static inline __attribute__((always_inline))

struct group {
    __m256i q[8]; /* 32 weights each: signed, or unsigned and below 64 */
    __m256 scale[2], min[2];
};

typedef void load_fn(const uint8_t *src, struct group *g);

INLINE __m128i load16(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

INLINE __m256i load32(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

/* Spreads eight values, one per 32 weights, to sixteen. */
INLINE void spread(__m256 v, __m256 to[2])
{
    to[0] = _mm256_permutevar8x32_ps(v, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
    to[1] = _mm256_permutevar8x32_ps(v, _mm256_setr_epi32(4, 4, 5, 5, 6, 6, 7, 7));
}

/* The f16 at the start of eight blocks that lie n_bytes apart. */
INLINE __m256 halves(const uint8_t *src, size_t n_bytes)
{
    uint16_t d[8];
    for (size_t i = 0; i < 8; i++)
        memcpy(&d[i], src + i * n_bytes, sizeof d[i]);
    return _mm256_cvtph_ps(_mm_setr_epi16((short)d[0], (short)d[1], (short)d[2], (short)d[3],
                                          (short)d[4], (short)d[5], (short)d[6], (short)d[7]));
}

/* 32 nibbles: low halves of 16 bytes first, then high halves. */
INLINE __m256i nibbles(const uint8_t *p)
{
    __m128i v = load16(p);
    __m256i both = _mm256_set_m128i(_mm_srli_epi16(v, 4), v);
    return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

/* Replaces nibbles by levels of a table. */
INLINE __m256i look_up(__m256i q, __m128i table)
{
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), q);
}

INLINE __m128i iq4_table(void)
{
    return _mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
}

/* Twice the values of E2M1. */
INLINE __m128i e2m1_table(void)
{
    return _mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
}

INLINE void set_scale(struct group *g, __m256 d, float bias)
{
    spread(d, g->scale);
    for (size_t i = 0; i < 2; i++)
        g->min[i] = _mm256_mul_ps(g->scale[i], _mm256_set1_ps(bias));
}

INLINE void set_scale_min(struct group *g, __m256 d, __m256 m)
{
    spread(d, g->scale);
    spread(_mm256_sub_ps(_mm256_set1_ps(-0.0f), m), g->min);
}

INLINE void load_q4_0(const uint8_t *src, struct group *g)
{
    set_scale(g, halves(src, 18), 8.0f);
    for (size_t i = 0; i < 8; i++)
        g->q[i] = nibbles(src + 18 * i + 2);
}

INLINE void load_q4_1(const uint8_t *src, struct group *g)
{
    set_scale_min(g, halves(src, 20), halves(src + 2, 20));
    for (size_t i = 0; i < 8; i++)
        g->q[i] = nibbles(src + 20 * i + 4);
}

/* 16 in each byte whose bit of the 32 at p is set. */
INLINE __m256i fifth_bits(const uint8_t *p)
{
    int bits;
    memcpy(&bits, p, sizeof bits);
    /* Byte i gets byte i / 8 of the bits, then keeps bit i % 8 of it. */
    __m256i v = _mm256_shuffle_epi8(
        _mm256_set1_epi32(bits),
        _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303));
    __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201);
    v = _mm256_cmpeq_epi8(_mm256_and_si256(v, bit), bit);
    return _mm256_and_si256(v, _mm256_set1_epi8(16));
}

INLINE void load_q5_0(const uint8_t *src, struct group *g)
{
    set_scale(g, halves(src, 22), 16.0f);
    for (size_t i = 0; i < 8; i++, src += 22)
        g->q[i] = _mm256_or_si256(nibbles(src + 6), fifth_bits(src + 2));
}

INLINE void load_q5_1(const uint8_t *src, struct group *g)
{
    set_scale_min(g, halves(src, 24), halves(src + 2, 24));
    for (size_t i = 0; i < 8; i++, src += 24)
        g->q[i] = _mm256_or_si256(nibbles(src + 8), fifth_bits(src + 4));
}

INLINE void load_q8_0(const uint8_t *src, struct group *g)
{
    set_scale(g, halves(src, 34), 0.0f);
    for (size_t i = 0; i < 8; i++)
        g->q[i] = load32(src + 34 * i + 2);
}

INLINE void load_iq4_nl(const uint8_t *src, struct group *g)
{
    set_scale(g, halves(src, 18), 0.0f);
    for (size_t i = 0; i < 8; i++)
        g->q[i] = look_up(nibbles(src + 18 * i + 2), iq4_table());
}

INLINE void load_mxfp4(const uint8_t *src, struct group *g)
{
    float d[8];
    for (size_t i = 0; i < 8; i++)
        d[i] = 0.5f * number_from_e8m0(src[17 * i]);
    set_scale(g, _mm256_loadu_ps(d), 0.0f);
    for (size_t i = 0; i < 8; i++)
        g->q[i] = look_up(nibbles(src + 17 * i + 1), e2m1_table());
}

/* Half the values of eight unsigned E4M3 codes, 0x7f as 0. */
INLINE __m256 half_ue4m3(__m128i codes)
{
    codes = _mm_and_si128(codes, _mm_set1_epi8(127));
    codes = _mm_andnot_si128(_mm_cmpeq_epi8(codes, _mm_set1_epi8(127)), codes);
    /* Exponent and mantissa where a half has them; the biases differ by 8. */
    __m256 v = _mm256_cvtph_ps(_mm_slli_epi16(_mm_cvtepu8_epi16(codes), 7));
    return _mm256_mul_ps(v, _mm256_set1_ps(0x1p7f));
}

INLINE void load_nvfp4(const uint8_t *src, struct group *g)
{
    uint32_t d[4];
    for (size_t i = 0; i < 4; i++, src += 36) {
        memcpy(&d[i], src, sizeof d[i]);
        for (size_t k = 0; k < 2; k++) {
            /* Two sub-blocks of 8 bytes; the low nibbles of each come first. */
            __m128i v = load16(src + 4 + 16 * k), top = _mm_srli_epi16(v, 4);
            __m256i q = _mm256_set_m128i(_mm_unpackhi_epi64(v, top), _mm_unpacklo_epi64(v, top));
            g->q[2 * i + k] = look_up(_mm256_and_si256(q, _mm256_set1_epi8(15)), e2m1_table());
        }
    }
    __m128i codes = _mm_setr_epi32((int)d[0], (int)d[1], (int)d[2], (int)d[3]);
    g->scale[0] = half_ue4m3(codes);
    g->scale[1] = half_ue4m3(_mm_srli_si128(codes, 8));
    g->min[0] = g->min[1] = _mm256_setzero_ps();
}

/* Scales and minima of Q4_K and Q5_K from their first 16 bytes. */
INLINE void load_k_scales(const uint8_t *src, struct group *g)
{
    __m128i head = load16(src);
    /* Bytes 4..15 are packed: s0-3, m0-3 with six bits; then the low nibbles of s4-7 with
     * those of m4-7 above them, whose top bits lie above the six of s0-3 and m0-3. */
    __m128i low = _mm_shuffle_epi8(
        head, _mm_setr_epi8(4, 5, 6, 7, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15));
    __m128i top = _mm_shuffle_epi8(
        head, _mm_setr_epi8(-1, -1, -1, -1, 4, 5, 6, 7, -1, -1, -1, -1, 8, 9, 10, 11));
    low = _mm_and_si128(_mm_srlv_epi32(low, _mm_setr_epi32(0, 0, 0, 4)),
                        _mm_setr_epi32(0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f));
    top = _mm_and_si128(_mm_srli_epi32(top, 2), _mm_set1_epi8(0x30));
    __m128i factors = _mm_or_si128(low, top);
    __m128 d = _mm_cvtph_ps(head);
    __m256 scale = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(factors));
    __m256 min = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(factors, 8)));
    spread(_mm256_mul_ps(scale, _mm256_broadcastss_ps(d)), g->scale);
    spread(_mm256_mul_ps(min, _mm256_broadcastss_ps(_mm_movehdup_ps(d))), g->min);
}

/* Sub-blocks in pairs that share 32 bytes. */
INLINE void load_pairs(const uint8_t *src, __m256i q[8])
{
    const __m256i nibble = _mm256_set1_epi8(15);
    for (size_t i = 0; i < 4; i++) {
        __m256i v = load32(src + 32 * i);
        q[2 * i] = _mm256_and_si256(v, nibble);
        q[2 * i + 1] = _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble);
    }
}

INLINE void load_q4_k(const uint8_t *src, struct group *g)
{
    load_k_scales(src, g);
    load_pairs(src + 16, g->q);
}

INLINE void load_q5_k(const uint8_t *src, struct group *g)
{
    load_k_scales(src, g);
    load_pairs(src + 48, g->q);
    __m256i fifth = load32(src + 16);
    for (size_t i = 0; i < 8; i++) {
        __m256i bit = _mm256_set1_epi8((char)(1 << i));
        __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(fifth, bit), bit);
        g->q[i] = _mm256_or_si256(g->q[i], _mm256_and_si256(set, _mm256_set1_epi8(16)));
    }
}

INLINE void load_q6_k(const uint8_t *src, struct group *g)
{
    __m128i scales = load16(src + 192);
    __m256 d = _mm256_set1_ps(number_load_f16(src + 208));
    g->scale[0] = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(scales)), d);
    scales = _mm_srli_si128(scales, 8);
    g->scale[1] = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(scales)), d);
    for (size_t i = 0; i < 2; i++)
        g->min[i] = _mm256_mul_ps(g->scale[i], _mm256_set1_ps(32.0f));
    const __m256i nibble = _mm256_set1_epi8(15), two_bits = _mm256_set1_epi8(0x30);
    for (size_t half = 0; half < 2; half++) {
        __m256i a = load32(src + 64 * half), b = load32(src + 64 * half + 32);
        __m256i high = load32(src + 128 + 32 * half), *q = g->q + 4 * half;
        q[0] = _mm256_and_si256(_mm256_slli_epi16(high, 4), two_bits);
        q[1] = _mm256_and_si256(_mm256_slli_epi16(high, 2), two_bits);
        q[2] = _mm256_and_si256(high, two_bits);
        q[3] = _mm256_and_si256(_mm256_srli_epi16(high, 2), two_bits);
        q[0] = _mm256_or_si256(q[0], _mm256_and_si256(a, nibble));
        q[1] = _mm256_or_si256(q[1], _mm256_and_si256(b, nibble));
        q[2] = _mm256_or_si256(q[2], _mm256_and_si256(_mm256_srli_epi16(a, 4), nibble));
        q[3] = _mm256_or_si256(q[3], _mm256_and_si256(_mm256_srli_epi16(b, 4), nibble));
    }
}

INLINE void load_iq4_xs(const uint8_t *src, struct group *g)
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
    set_scale(g, _mm256_mul_ps(_mm256_cvtepi32_ps(s), d), 0.0f);
    for (size_t i = 0; i < 8; i++)
        g->q[i] = look_up(nibbles(src + 8 + 16 * i), iq4_table());
}

INLINE void decode(enum dtype type, const uint8_t *src, float *dst, int64_t n, load_fn *load)
{
    size_t group_bytes = dtype_bytes(type, ACT_GROUP);
    for (; n >= ACT_GROUP; n -= ACT_GROUP, src += group_bytes) {
        struct group g;
        int8_t q[ACT_GROUP];
        float scale[16], min[16];
        load(src, &g);
        for (size_t i = 0; i < 8; i++)
            _mm256_storeu_si256((__m256i *)(void *)(q + 32 * i), g.q[i]);
        for (size_t i = 0; i < 2; i++) {
            _mm256_storeu_ps(scale + 8 * i, g.scale[i]);
            _mm256_storeu_ps(min + 8 * i, g.min[i]);
        }
        for (size_t i = 0; i < 32; i++, dst += 8) {
            __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)(q + 8 * i));
            __m256 values = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
            _mm256_storeu_ps(dst, _mm256_fmsub_ps(values, _mm256_set1_ps(scale[i / 2]),
                                                  _mm256_set1_ps(min[i / 2])));
        }
    }
    block_decode(type, src, dst, n);
}

static void decode_avx2(enum dtype type, const void *src, float *dst, int64_t n)
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
    case DTYPE_MXFP4:
        decode(type, src, dst, n, load_mxfp4);
        break;
    case DTYPE_NVFP4:
        decode(type, src, dst, n, load_nvfp4);
        break;
    default:
        cpu_decode_float_avx2(type, src, dst, n);
    }
}

static uint32_t max_of_lanes(__m256i v)
{
    __m128i m = _mm_max_epu32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4e));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(m);
}

/* Rounds 16 floats to bytes and returns their sum. */
INLINE int round16(int8_t *to, const float *x, float inverse)
{
    __m256 factor = _mm256_set1_ps(inverse);
    __m256i a = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x), factor));
    __m256i b = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8), factor));
    if (inverse == 0.0f)
        a = b = _mm256_setzero_si256();
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xd8);
    __m128i low = _mm256_castsi256_si128(words), high = _mm256_extracti128_si256(words, 1);
    _mm_store_si128((__m128i *)(void *)to, _mm_packs_epi16(low, high));
    __m128i sum = _mm_madd_epi16(_mm_add_epi16(low, high), _mm_set1_epi16(1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
    return _mm_cvtsi128_si32(sum);
}

static void round_act_avx2(void *act, const float *x, int n)
{
    int n_pad = (int)act_padded(n);
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    for (int k = 0; k < n_pad; k += ACT_BLOCK) {
        float last[ACT_BLOCK] = {0};
        const float *from = last;
        if (k + ACT_BLOCK <= n)
            from = x + k;
        else if (k < n)
            memcpy(last, x + k, (size_t)(n - k) * sizeof *x);
        __m256i top = _mm256_setzero_si256();
        for (size_t i = 0; i < ACT_BLOCK; i += 8) {
            __m256i bits = _mm256_castps_si256(_mm256_loadu_ps(from + i));
            top = _mm256_max_epu32(top, _mm256_and_si256(bits, magnitude));
        }
        float inverse, step = act_step(max_of_lanes(top), &inverse);
        struct act_group *group = (struct act_group *)act + k / ACT_GROUP;
        int8_t *q = group->q + k % ACT_GROUP;
        int low = round16(q, from, inverse), high = round16(q + 16, from + 16, inverse);
        act_put_block(group, (size_t)k, step, low, high);
    }
}

void cpu_quant_avx2(struct cpu_ops *ops)
{
    ops->decode = decode_avx2;
    ops->round_act = round_act_avx2;
}

#endif
