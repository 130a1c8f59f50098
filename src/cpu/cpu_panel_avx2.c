/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacks panels of block-quantised weights, eight rows at a time.  Bytes are turned before they
 * are taken apart, while they are few.  Formats with signed bytes keep them. */
#if defined(__x86_64__)
#include "cpu/cpu_block_avx2.h"
#include "tensor/number.h"

#define FEW 2 /* tokens that are multiplied without a panel */

/* Eight rows, the first one at src. */
struct rows {
    const uint8_t *src;
    size_t stride;
};

INLINE int dword(const struct rows *rows, size_t row, size_t at)
{
    int value;
    memcpy(&value, rows->src + row * rows->stride + at, sizeof value);
    return value;
}

/* Four bytes of each row, one by one: gathering is slow on most processors without AVX-512. */
INLINE __m256i dword_of_each(const struct rows *rows, size_t at)
{
    return _mm256_setr_epi32(dword(rows, 0, at), dword(rows, 1, at), dword(rows, 2, at),
                             dword(rows, 3, at), dword(rows, 4, at), dword(rows, 5, at),
                             dword(rows, 6, at), dword(rows, 7, at));
}

INLINE __m128i load_16(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* The four dwords of 16 bytes of each row: lane i of to[j] becomes dword j of row i. */
INLINE void turn_16(const struct rows *rows, size_t at, __m256i to[4])
{
    __m256i v[4];
    for (size_t j = 0; j < 4; j++) {
        const uint8_t *from = rows->src + j * rows->stride + at;
        v[j] = _mm256_castsi128_si256(load_16(from));
        v[j] = _mm256_inserti128_si256(v[j], load_16(from + 4 * rows->stride), 1);
    }
    __m256i a = _mm256_unpacklo_epi32(v[0], v[1]), b = _mm256_unpacklo_epi32(v[2], v[3]);
    __m256i c = _mm256_unpackhi_epi32(v[0], v[1]), d = _mm256_unpackhi_epi32(v[2], v[3]);
    to[0] = _mm256_unpacklo_epi64(a, b);
    to[1] = _mm256_unpackhi_epi64(a, b);
    to[2] = _mm256_unpacklo_epi64(c, d);
    to[3] = _mm256_unpackhi_epi64(c, d);
}

/* The eight dwords of 32 bytes of each row. */
INLINE void turn_32(const struct rows *rows, size_t at, __m256i to[8])
{
    turn_16(rows, at, to);
    turn_16(rows, at + 16, to + 4);
}

/* Where unpacked weights go: into half of a panel, or at once into products with a few tokens,
 * because loads of weights would wait for stores to a panel at the same place of another page. */
struct sink {
    struct panel *panel; /* only scales and minima where there are tokens */
    size_t half;
    const struct panel_format *format;
    int n_tok;
    const int8_t *act; /* the group of the first token, act_stride bytes each */
    size_t act_stride;
    __m256 *totals;       /* [n_tok] */
    const uint8_t *ahead; /* in AHEAD_RUNS runs, a block asks for a piece of one */
    size_t run_bytes, piece_bytes;
};

/* Adds the products of block b, 16 or 32 columns. */
INLINE void add_products(const struct sink *to, size_t b, const __m256i *q, size_t width)
{
    const struct block_tokens tokens = {to->act + b * width, to->act_stride, to->n_tok};
    const struct block_kind kind = {to->format->run, to->format->mins, to->format->sixteens};
    __m256i dots[BLOCK_TOKENS][2];
    multiply_block(q, 1, &tokens, width / 4, kind.run, dots);
#pragma GCC unroll 4
    for (int t = 0; t < to->n_tok; t++) {
        const struct act_group *act = act_group(to->act + (size_t)t * to->act_stride, 0);
        to->totals[t] =
            add_block(to->totals[t], dots[t][0], to->panel, to->half, to->format, act, b, &kind);
    }
}

/* Block by block of 32 columns, in order. */
INLINE void put_block(const struct sink *to, size_t block, const __m256i q[8])
{
    if (!to->n_tok) {
        for (size_t i = 0; i < 8; i++)
            _mm256_store_si256(
                (__m256i *)(void *)to->panel->q[8 * block + i][HALF_LANES * to->half], q[i]);
        return;
    }
    if (to->format->sixteens) {
        add_products(to, 2 * block, q, 16);
        add_products(to, 2 * block + 1, q + 4, 16);
    } else {
        add_products(to, block, q, 32);
    }
    cpu_prefetch(to->ahead + to->run_bytes * block, to->piece_bytes);
}

INLINE __m256i low_nibbles(__m256i v)
{
    return _mm256_and_si256(v, _mm256_set1_epi8(15));
}

INLINE __m256i high_nibbles(__m256i v)
{
    return low_nibbles(_mm256_srli_epi16(v, 4));
}

/* The f16 in the low, and in the high half of each lane. */
INLINE __m256 high_half(__m256i v)
{
    v = _mm256_srli_epi32(v, 16);
    return _mm256_cvtph_ps(
        _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
}

INLINE __m256 low_half(__m256i v)
{
    return high_half(_mm256_slli_epi32(v, 16));
}

INLINE void put_scale(const struct sink *to, size_t i, __m256 scale)
{
    _mm256_store_ps(to->panel->scale[i] + HALF_LANES * to->half, scale);
}

INLINE void put_min(const struct sink *to, size_t i, __m256 min)
{
    _mm256_store_ps(to->panel->min[i] + HALF_LANES * to->half, min);
}

INLINE void put_min_negated(const struct sink *to, size_t i, __m256 min)
{
    put_min(to, i, _mm256_sub_ps(_mm256_set1_ps(-0.0f), min));
}

/* Byte j of each lane. */
INLINE __m256i byte_of_each(__m256i v, int j)
{
    v = j ? _mm256_srli_epi32(v, 8 * j) : v;
    return j < 3 ? _mm256_and_si256(v, _mm256_set1_epi32(255)) : v;
}

INLINE __m256i iq4_level(__m256i nibbles)
{
    const __m128i table =
        _mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), nibbles);
}

/* Twice the values of E2M1, plus 12. */
INLINE __m256i e2m1_level(__m256i nibbles)
{
    const __m128i table = _mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), nibbles);
}

/* A block of 32 from 16 bytes: low nibbles, then high ones. */
INLINE void put_nibbles(const struct sink *to, size_t block, const __m256i v[4])
{
    __m256i q[8];
    for (size_t i = 0; i < 4; i++) {
        q[i] = low_nibbles(v[i]);
        q[4 + i] = high_nibbles(v[i]);
    }
    put_block(to, block, q);
}

INLINE void put_levels(const struct sink *to, size_t block, const __m256i v[4],
                       __m256i (*level)(__m256i))
{
    __m256i q[8];
    for (size_t i = 0; i < 4; i++) {
        q[i] = level(low_nibbles(v[i]));
        q[4 + i] = level(high_nibbles(v[i]));
    }
    put_block(to, block, q);
}

INLINE void take_q4_0(const struct rows *rows, const struct sink *to)
{
    for (size_t b = 0; b < 8; b++) {
        __m256i v[4];
        turn_16(rows, 18 * b + 2, v);
        put_scale(to, b, low_half(dword_of_each(rows, 18 * b)));
        put_nibbles(to, b, v);
    }
}

INLINE void take_q4_1(const struct rows *rows, const struct sink *to)
{
    for (size_t b = 0; b < 8; b++) {
        __m256i v[4], head = dword_of_each(rows, 20 * b);
        turn_16(rows, 20 * b + 4, v);
        put_scale(to, b, low_half(head));
        put_min_negated(to, b, high_half(head));
        put_nibbles(to, b, v);
    }
}

/* As put_nibbles(), with 16 added where a bit is set. */
INLINE void put_fifth(const struct sink *to, size_t block, const __m256i v[4], __m256i bits)
{
    const __m256i byte_0 =
        _mm256_broadcastsi128_si256(_mm_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c));
    __m256i q[8];
    for (size_t i = 0; i < 8; i++) {
        __m256i byte = _mm256_add_epi8(byte_0, _mm256_set1_epi8((char)(i / 2)));
        __m256i bit = _mm256_set1_epi32(i % 2 ? (int)0x80402010 : 0x08040201);
        __m256i set = _mm256_and_si256(_mm256_shuffle_epi8(bits, byte), bit);
        set = _mm256_and_si256(_mm256_cmpeq_epi8(set, bit), _mm256_set1_epi8(16));
        q[i] = _mm256_or_si256(i < 4 ? low_nibbles(v[i]) : high_nibbles(v[i - 4]), set);
    }
    put_block(to, block, q);
}

INLINE void take_q5_0(const struct rows *rows, const struct sink *to)
{
    for (size_t b = 0; b < 8; b++) {
        __m256i v[4];
        turn_16(rows, 22 * b + 6, v);
        put_scale(to, b, low_half(dword_of_each(rows, 22 * b)));
        put_fifth(to, b, v, dword_of_each(rows, 22 * b + 2));
    }
}

INLINE void take_q5_1(const struct rows *rows, const struct sink *to)
{
    for (size_t b = 0; b < 8; b++) {
        __m256i v[4], head = dword_of_each(rows, 24 * b);
        turn_16(rows, 24 * b + 8, v);
        put_scale(to, b, low_half(head));
        put_min_negated(to, b, high_half(head));
        put_fifth(to, b, v, dword_of_each(rows, 24 * b + 4));
    }
}

INLINE void take_q8_0(const struct rows *rows, const struct sink *to)
{
    for (size_t b = 0; b < 8; b++) {
        __m256i v[8];
        turn_32(rows, 34 * b + 2, v);
        put_scale(to, b, low_half(dword_of_each(rows, 34 * b)));
        put_block(to, b, v);
    }
}

INLINE void take_iq4_nl(const struct rows *rows, const struct sink *to)
{
    for (size_t b = 0; b < 8; b++) {
        __m256i v[4];
        turn_16(rows, 18 * b + 2, v);
        put_scale(to, b, low_half(dword_of_each(rows, 18 * b)));
        put_levels(to, b, v, iq4_level);
    }
}

INLINE void take_iq4_xs(const struct rows *rows, const struct sink *to)
{
    __m256i head = dword_of_each(rows, 0), low = dword_of_each(rows, 4);
    __m256 d = low_half(head);
    for (int b = 0; b < 8; b++) {
        __m256i s = _mm256_and_si256(_mm256_srli_epi32(low, 4 * b), _mm256_set1_epi32(15));
        __m256i top =
            _mm256_and_si256(_mm256_srli_epi32(head, 12 + 2 * b), _mm256_set1_epi32(0x30));
        s = _mm256_sub_epi32(_mm256_or_si256(s, top), _mm256_set1_epi32(32));
        put_scale(to, (size_t)b, _mm256_mul_ps(_mm256_cvtepi32_ps(s), d));
    }
    for (size_t b = 0; b < 8; b++) {
        __m256i v[4];
        turn_16(rows, 8 + 16 * b, v);
        put_levels(to, b, v, iq4_level);
    }
}

/* Half of 2^(e - 127), NaN for 255. */
INLINE __m256 half_e8m0(__m256i e)
{
    __m256 zero = _mm256_castsi256_ps(_mm256_cmpeq_epi32(e, _mm256_setzero_si256()));
    __m256 nan = _mm256_castsi256_ps(_mm256_cmpeq_epi32(e, _mm256_set1_epi32(255)));
    __m256 d = _mm256_castsi256_ps(_mm256_slli_epi32(e, 23));
    d = _mm256_blendv_ps(d, _mm256_set1_ps(0x1p-127f), zero);
    d = _mm256_blendv_ps(d, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fc00000)), nan);
    return _mm256_mul_ps(d, _mm256_set1_ps(0.5f));
}

INLINE void take_mxfp4(const struct rows *rows, const struct sink *to)
{
    for (size_t b = 0; b < 8; b++) {
        __m256i v[4];
        turn_16(rows, 17 * b + 1, v);
        put_scale(to, b, half_e8m0(byte_of_each(dword_of_each(rows, 17 * b), 0)));
        put_levels(to, b, v, e2m1_level);
    }
}

/* Half the values of unsigned E4M3 codes, 0x7f as 0. */
INLINE __m256 half_ue4m3(__m256i codes)
{
    const __m256i seven_bits = _mm256_set1_epi32(127);
    codes = _mm256_and_si256(codes, seven_bits);
    codes = _mm256_andnot_si256(_mm256_cmpeq_epi32(codes, seven_bits), codes);
    /* Exponent and mantissa where a half has them; the biases differ by 8. */
    return _mm256_mul_ps(low_half(_mm256_slli_epi32(codes, 7)), _mm256_set1_ps(0x1p7f));
}

INLINE void take_nvfp4(const struct rows *rows, const struct sink *to)
{
    for (size_t b = 0; b < 8; b++) {
        __m256i v[4], q[8], codes = dword_of_each(rows, 36 * (b / 2));
        turn_16(rows, 36 * (b / 2) + 16 * (b % 2) + 4, v);
        for (size_t s = 0; s < 2; s++)
            put_scale(to, 2 * b + s, half_ue4m3(byte_of_each(codes, (int)(2 * (b % 2) + s))));
        for (size_t i = 0; i < 4; i++) {
            size_t at = i / 2 * 4 + i % 2;
            q[at] = e2m1_level(low_nibbles(v[i]));
            q[at + 2] = e2m1_level(high_nibbles(v[i]));
        }
        put_block(to, b, q);
    }
}

/* Scales and minima of Q4_K and Q5_K from the first 16 bytes of a block: f16 d, dmin; s0-3, m0-3
 * with six bits; then the low nibbles of s4-7 with those of m4-7 above them, whose top bits lie
 * above the six of s0-3 and m0-3. */
INLINE void put_k_scales(const struct rows *rows, const struct sink *to)
{
    const __m256i low6 = _mm256_set1_epi8(0x3f), top = _mm256_set1_epi8(0x30);
    __m256i head[4], scales[2], mins[2];
    turn_16(rows, 0, head);
    __m256 d = low_half(head[0]), dmin = high_half(head[0]);
    scales[0] = _mm256_and_si256(head[1], low6);
    mins[0] = _mm256_and_si256(head[2], low6);
    scales[1] =
        _mm256_or_si256(low_nibbles(head[3]), _mm256_and_si256(_mm256_srli_epi32(head[1], 2), top));
    mins[1] = _mm256_or_si256(high_nibbles(head[3]),
                              _mm256_and_si256(_mm256_srli_epi32(head[2], 2), top));
    for (size_t b = 0; b < 8; b++) {
        __m256i s = byte_of_each(scales[b / 4], b % 4), m = byte_of_each(mins[b / 4], b % 4);
        put_scale(to, b, _mm256_mul_ps(_mm256_cvtepi32_ps(s), d));
        put_min(to, b, _mm256_mul_ps(_mm256_cvtepi32_ps(m), dmin));
    }
}

INLINE void take_q4_k(const struct rows *rows, const struct sink *to)
{
    put_k_scales(rows, to);
    for (size_t c = 0; c < 4; c++) {
        __m256i v[8], q[8];
        turn_32(rows, 16 + 32 * c, v);
        for (size_t i = 0; i < 8; i++)
            q[i] = low_nibbles(v[i]);
        put_block(to, 2 * c, q);
        for (size_t i = 0; i < 8; i++)
            q[i] = high_nibbles(v[i]);
        put_block(to, 2 * c + 1, q);
    }
}

/* Moves bits from to..to + n of each byte; what else there is must be masked off. */
INLINE __m256i moved(__m256i v, int from, int to)
{
    return from > to   ? _mm256_srli_epi16(v, from - to)
           : from < to ? _mm256_slli_epi16(v, to - from)
                       : v;
}

INLINE void take_q5_k(const struct rows *rows, const struct sink *to)
{
    const __m256i sixteen = _mm256_set1_epi8(16);
    __m256i fifth[8];
    put_k_scales(rows, to);
    turn_32(rows, 16, fifth);
    for (int c = 0; c < 4; c++) {
        __m256i v[8], low[8], high[8];
        turn_32(rows, 48 + 32 * (size_t)c, v);
        for (size_t i = 0; i < 8; i++) {
            low[i] = _mm256_and_si256(moved(fifth[i], 2 * c, 4), sixteen);
            high[i] = _mm256_and_si256(moved(fifth[i], 2 * c + 1, 4), sixteen);
            low[i] = _mm256_or_si256(low_nibbles(v[i]), low[i]);
            high[i] = _mm256_or_si256(high_nibbles(v[i]), high[i]);
        }
        put_block(to, 2 * (size_t)c, low);
        put_block(to, 2 * (size_t)c + 1, high);
    }
}

INLINE void take_q6_k(const struct rows *rows, const struct sink *to)
{
    const __m256i two_bits = _mm256_set1_epi8(0x30);
    __m256i scales[4];
    __m256 d = high_half(dword_of_each(rows, 206)); /* not behind the end of the block */
    turn_16(rows, 192, scales);
    for (size_t s = 0; s < 16; s++) {
        __m256i v = _mm256_slli_epi32(scales[s / 4], (int)(24 - 8 * (s % 4)));
        put_scale(to, s, _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_srai_epi32(v, 24)), d));
    }
    for (size_t half = 0; half < 2; half++) {
        __m256i v[2][8], top[8], q[8];
        turn_32(rows, 128 + 32 * half, top);
        for (size_t c = 0; c < 2; c++) {
            turn_32(rows, 64 * half + 32 * c, v[c]);
            for (size_t i = 0; i < 8; i++) {
                q[i] = _mm256_and_si256(moved(top[i], 2 * (int)c, 4), two_bits);
                q[i] = _mm256_or_si256(low_nibbles(v[c][i]), q[i]);
            }
            put_block(to, 4 * half + c, q);
        }
        for (size_t c = 0; c < 2; c++) {
            for (size_t i = 0; i < 8; i++) {
                q[i] = _mm256_and_si256(moved(top[i], 4 + 2 * (int)c, 4), two_bits);
                q[i] = _mm256_or_si256(high_nibbles(v[c][i]), q[i]);
            }
            put_block(to, 4 * half + 2 + c, q);
        }
    }
}

typedef void take_fn(const struct rows *rows, const struct sink *to);

INLINE void unpack(const uint8_t *src, size_t row_bytes, struct panel *panel, take_fn *take)
{
    for (size_t half = 0; half < PANEL_LANES / HALF_LANES; half++) {
        struct rows rows = {src + HALF_LANES * half * row_bytes, row_bytes};
        take(&rows, &(struct sink){.panel = panel, .half = half});
    }
}

/* The number of tokens is a constant. */
INLINE void dot_half(const struct panel_few *few, const struct panel_format *format, take_fn *take,
                     size_t half, int n_tok)
{
    const size_t first = HALF_LANES * half * few->row_bytes;
    const size_t piece = HALF_LANES * few->group_bytes / AHEAD_RUNS;
    struct rows rows = {few->src + first, few->row_bytes};
    struct panel scales;
    __m256 totals[FEW];
    struct sink to = {.panel = &scales,
                      .half = half,
                      .format = format,
                      .n_tok = n_tok,
                      .act = few->act,
                      .act_stride = few->act_stride,
                      .totals = totals,
                      .ahead = few->ahead + first,
                      .piece_bytes = piece,
                      .run_bytes = few->run_bytes / (PANEL_LANES / HALF_LANES)};
#pragma GCC unroll 4
    for (size_t t = 0; t < (size_t)n_tok; t++)
        totals[t] = _mm256_load_ps(few->sums + PANEL_LANES * t + HALF_LANES * half);
    for (size_t k = 0; k < few->n; k += ACT_GROUP) {
        take(&rows, &to);
        to.act += sizeof(struct act_group);
        to.ahead += piece;
        rows.src += few->group_bytes;
    }
#pragma GCC unroll 4
    for (size_t t = 0; t < (size_t)n_tok; t++)
        _mm256_store_ps(few->sums + PANEL_LANES * t + HALF_LANES * half, totals[t]);
}

INLINE void dot_few(const struct panel_few *few, const struct panel_format *format, take_fn *take)
{
    for (size_t half = 0; half < PANEL_LANES / HALF_LANES; half++) {
        if (few->n_tok == 1)
            dot_half(few, format, take, half, 1);
        else
            dot_half(few, format, take, half, FEW);
    }
}

#define FORMAT(name, offset, pairs, has_mins, by_sixteen)                                          \
    static const struct panel_format name##_format;                                                \
    static void unpack_##name(const uint8_t *src, size_t row_bytes, struct panel *panel)           \
    {                                                                                              \
        unpack(src, row_bytes, panel, take_##name);                                                \
    }                                                                                              \
    static void dot_few_##name(const struct panel_few *few)                                        \
    {                                                                                              \
        dot_few(few, &name##_format, take_##name);                                                 \
    }                                                                                              \
    static const struct panel_format name##_format = {                                             \
        .unpack = unpack_##name,                                                                   \
        .dot_few = dot_few_##name,                                                                 \
        .few = FEW,                                                                                \
        .bias = (offset),                                                                          \
        .run = (pairs),                                                                            \
        .mins = (has_mins),                                                                        \
        .sixteens = (by_sixteen),                                                                  \
    };

/* Two products of weights up to 15 are at most 2 * 15 * 127, of which 16 bits hold 8; of those up
 * to 31 they hold 4, up to 63 2. */
FORMAT(q4_0, 8, 8, false, false)
FORMAT(q4_1, 0, 8, true, false)
FORMAT(q5_0, 16, 4, false, false)
FORMAT(q5_1, 0, 4, true, false)
FORMAT(q8_0, 0, 0, false, false)
FORMAT(q4_k, 0, 8, true, false)
FORMAT(q5_k, 0, 4, true, false)
FORMAT(q6_k, 32, 2, false, true)
FORMAT(iq4_nl, 0, 0, false, false)
FORMAT(iq4_xs, 0, 0, false, false)
FORMAT(mxfp4, 12, 4, false, false)
FORMAT(nvfp4, 12, 4, false, true)

const struct panel_format *cpu_panel_format_avx2(enum dtype type)
{
    static const struct panel_format *const formats[DTYPE_COUNT] = {
        [DTYPE_Q4_0] = &q4_0_format,     [DTYPE_Q4_1] = &q4_1_format,
        [DTYPE_Q5_0] = &q5_0_format,     [DTYPE_Q5_1] = &q5_1_format,
        [DTYPE_Q8_0] = &q8_0_format,     [DTYPE_Q4_K] = &q4_k_format,
        [DTYPE_Q5_K] = &q5_k_format,     [DTYPE_Q6_K] = &q6_k_format,
        [DTYPE_IQ4_NL] = &iq4_nl_format, [DTYPE_IQ4_XS] = &iq4_xs_format,
        [DTYPE_MXFP4] = &mxfp4_format,   [DTYPE_NVFP4] = &nvfp4_format,
    };
    return formats[type];
}

#endif
