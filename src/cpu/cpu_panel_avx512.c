/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacks panels of block-quantised weights.  Bytes of 16 rows are turned before they are taken
 * apart, while they are few. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "cpu/cpu_panel_avx512.h"
#include "tensor/number.h"

/* Rows first, first + 4, first + 8 and first + 12 lie at quarters[0..3] + first * stride. */
struct rows {
    const uint8_t *quarters[4];
    size_t stride;
    __m512i index; /* where each begins */
};

INLINE struct rows rows_of(const uint8_t *src, size_t stride)
{
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    struct rows rows = {.stride = stride};
    for (size_t i = 0; i < 4; i++)
        rows.quarters[i] = src + 4 * i * stride;
    rows.index = _mm512_mullo_epi32(lane, _mm512_set1_epi32((int)stride));
    return rows;
}

/* Four bytes of each row. */
INLINE __m512i dword_of_each(const struct rows *rows, size_t at)
{
    return _mm512_i32gather_epi32(rows->index, (const int *)(const void *)(rows->quarters[0] + at),
                                  1);
}

/* Lane i of to[j] becomes dword j of row i.  from: 16 bytes of rows j, j + 4, j + 8 and j + 12. */
INLINE void turn(const __m512i from[4], __m512i to[4])
{
    __m512i a = _mm512_unpacklo_epi32(from[0], from[1]);
    __m512i b = _mm512_unpacklo_epi32(from[2], from[3]);
    __m512i c = _mm512_unpackhi_epi32(from[0], from[1]);
    __m512i d = _mm512_unpackhi_epi32(from[2], from[3]);
    to[0] = _mm512_unpacklo_epi64(a, b);
    to[1] = _mm512_unpackhi_epi64(a, b);
    to[2] = _mm512_unpacklo_epi64(c, d);
    to[3] = _mm512_unpackhi_epi64(c, d);
}

INLINE __m128i load_16(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

INLINE __m256i load_32(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

/* The four dwords of 16 bytes of each row. */
INLINE void turn_16(const struct rows *rows, size_t at, __m512i to[4])
{
    __m512i v[4];
    for (size_t j = 0; j < 4; j++) {
        size_t from = j * rows->stride + at;
        v[j] = _mm512_castsi128_si512(load_16(rows->quarters[0] + from));
        v[j] = _mm512_inserti32x4(v[j], load_16(rows->quarters[1] + from), 1);
        v[j] = _mm512_inserti32x4(v[j], load_16(rows->quarters[2] + from), 2);
        v[j] = _mm512_inserti32x4(v[j], load_16(rows->quarters[3] + from), 3);
    }
    turn(v, to);
}

/* The eight dwords of 32 bytes of each row. */
INLINE void turn_32(const struct rows *rows, size_t at, __m512i to[8])
{
    __m512i low[4], high[4];
    for (size_t j = 0; j < 4; j++) {
        size_t from = j * rows->stride + at;
        __m512i a = _mm512_castsi256_si512(load_32(rows->quarters[0] + from));
        __m512i b = _mm512_castsi256_si512(load_32(rows->quarters[2] + from));
        a = _mm512_inserti64x4(a, load_32(rows->quarters[1] + from), 1);
        b = _mm512_inserti64x4(b, load_32(rows->quarters[3] + from), 1);
        low[j] = _mm512_shuffle_i32x4(a, b, 0x88);
        high[j] = _mm512_shuffle_i32x4(a, b, 0xdd);
    }
    turn(low, to);
    turn(high, to + 4);
}

/* Where unpacked weights go: into a panel, or at once into products with a few tokens, because
 * loads of weights would wait for stores to a panel at the same place of another page. */
struct sink {
    struct panel *panel; /* only scales and minima where there are tokens */
    const struct panel_format *format;
    int n_tok;
    const int8_t *act; /* the group of the first token, act_stride bytes each */
    size_t act_stride;
    __m512 *totals;       /* [n_tok] */
    const uint8_t *ahead; /* in AHEAD_RUNS runs, a block asks for a piece of one */
    size_t run_bytes, piece_bytes;
};

INLINE const struct act_group *act_of(const struct sink *to, int t)
{
    return act_group(to->act + (size_t)t * to->act_stride, 0);
}

/* Block by block of 32 columns, in order. */
INLINE void put_block(const struct sink *to, size_t block, const __m512i q[8])
{
    if (!to->n_tok) {
        for (size_t i = 0; i < 8; i++)
            _mm512_store_si512(to->panel->q[8 * block + i], q[i]);
        return;
    }
    const bool sixteens = to->format->sixteens, mins = to->format->mins;
#pragma GCC unroll 4
    for (int t = 0; t < to->n_tok; t++) {
        const struct act_group *act = act_of(to, t);
        __m512i dot = _mm512_setzero_si512();
#pragma GCC unroll 8
        for (size_t i = 0; i < 8; i++) {
            dot = dot_four(dot, q[i], act->q + 32 * block + 4 * i);
            if (sixteens && i == 3) {
                to->totals[t] = add_block(to->totals[t], dot, to->panel, to->format, act, 2 * block,
                                          mins, true);
                dot = _mm512_setzero_si512();
            }
        }
        to->totals[t] = add_block(to->totals[t], dot, to->panel, to->format, act,
                                  sixteens ? 2 * block + 1 : block, mins, sixteens);
    }
    cpu_prefetch(to->ahead + to->run_bytes * block, to->piece_bytes);
}

INLINE __m512i low_nibbles(__m512i v)
{
    return _mm512_and_si512(v, _mm512_set1_epi8(15));
}

INLINE __m512i high_nibbles(__m512i v)
{
    return low_nibbles(_mm512_srli_epi16(v, 4));
}

/* The f16 in the low, and in the high half of each lane. */
INLINE __m512 low_half(__m512i v)
{
    return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(v));
}

INLINE __m512 high_half(__m512i v)
{
    return low_half(_mm512_srli_epi32(v, 16));
}

INLINE void put_scale(const struct sink *to, size_t i, __m512 scale)
{
    _mm512_store_ps(to->panel->scale[i], scale);
}

INLINE void put_min(const struct sink *to, size_t i, __m512 min)
{
    _mm512_store_ps(to->panel->min[i], min);
}

/* Byte j of each lane. */
INLINE __m512i byte_of_each(__m512i v, int j)
{
    v = j ? _mm512_srli_epi32(v, (unsigned)(8 * j)) : v;
    return j < 3 ? _mm512_and_si512(v, _mm512_set1_epi32(255)) : v;
}

/* The levels of IQ4, plus 128. */
INLINE __m512i iq4_level(__m512i nibbles)
{
    const __m128i table =
        _mm_setr_epi8(1, 24, 45, 63, 79, 93, 106, 118, -127, -115, -103, -90, -75, -59, -39, -15);
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), nibbles);
}

/* Twice the values of E2M1, plus 12. */
INLINE __m512i e2m1_level(__m512i nibbles)
{
    const __m128i table = _mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0);
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), nibbles);
}

/* A block of 32 from 16 bytes: low nibbles, then high ones. */
INLINE void put_nibbles(const struct sink *to, size_t block, const __m512i v[4])
{
    __m512i q[8];
    for (size_t i = 0; i < 4; i++) {
        q[i] = low_nibbles(v[i]);
        q[4 + i] = high_nibbles(v[i]);
    }
    put_block(to, block, q);
}

INLINE void put_levels(const struct sink *to, size_t block, const __m512i v[4],
                       __m512i (*level)(__m512i))
{
    __m512i q[8];
    for (size_t i = 0; i < 4; i++) {
        q[i] = level(low_nibbles(v[i]));
        q[4 + i] = level(high_nibbles(v[i]));
    }
    put_block(to, block, q);
}

INLINE void take_q4_0(const struct rows *rows, const struct sink *to)
{
    for (size_t b = 0; b < 8; b++) {
        __m512i v[4];
        turn_16(rows, 18 * b + 2, v);
        put_scale(to, b, low_half(dword_of_each(rows, 18 * b)));
        put_nibbles(to, b, v);
    }
}

INLINE void take_q4_1(const struct rows *rows, const struct sink *to)
{
    for (size_t b = 0; b < 8; b++) {
        __m512i v[4], head = dword_of_each(rows, 20 * b);
        turn_16(rows, 20 * b + 4, v);
        put_scale(to, b, low_half(head));
        put_min(to, b, _mm512_sub_ps(_mm512_set1_ps(-0.0f), high_half(head)));
        put_nibbles(to, b, v);
    }
}

/* As put_nibbles(), with 16 added where a bit is set. */
INLINE void put_fifth(const struct sink *to, size_t block, const __m512i v[4], __m512i bits)
{
    const __m512i sixteen = _mm512_set1_epi8(16);
    __m512i q[8];
    for (size_t byte = 0; byte < 4; byte++) {
        __m512i four = _mm512_shuffle_epi8(
            bits, _mm512_add_epi32(_mm512_set1_epi32((int)byte * 0x01010101),
                                   _mm512_broadcast_i32x4(
                                       _mm_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c))));
        for (size_t i = 2 * byte; i < 2 * byte + 2; i++) {
            q[i] = i < 4 ? low_nibbles(v[i]) : high_nibbles(v[i - 4]);
            __mmask64 set = _mm512_test_epi8_mask(
                four, _mm512_set1_epi32(i % 2 ? (int)0x80402010 : 0x08040201));
            q[i] = _mm512_mask_add_epi8(q[i], set, q[i], sixteen);
        }
    }
    put_block(to, block, q);
}

INLINE void take_q5_0(const struct rows *rows, const struct sink *to)
{
    for (size_t b = 0; b < 8; b++) {
        __m512i v[4];
        turn_16(rows, 22 * b + 6, v);
        put_scale(to, b, low_half(dword_of_each(rows, 22 * b)));
        put_fifth(to, b, v, dword_of_each(rows, 22 * b + 2));
    }
}

INLINE void take_q5_1(const struct rows *rows, const struct sink *to)
{
    for (size_t b = 0; b < 8; b++) {
        __m512i v[4], head = dword_of_each(rows, 24 * b);
        turn_16(rows, 24 * b + 8, v);
        put_scale(to, b, low_half(head));
        put_min(to, b, _mm512_sub_ps(_mm512_set1_ps(-0.0f), high_half(head)));
        put_fifth(to, b, v, dword_of_each(rows, 24 * b + 4));
    }
}

INLINE void take_q8_0(const struct rows *rows, const struct sink *to)
{
    for (size_t b = 0; b < 8; b++) {
        __m512i v[8];
        turn_32(rows, 34 * b + 2, v);
        put_scale(to, b, low_half(dword_of_each(rows, 34 * b)));
        for (size_t i = 0; i < 8; i++)
            v[i] = _mm512_xor_si512(v[i], _mm512_set1_epi8(-128));
        put_block(to, b, v);
    }
}

INLINE void take_iq4_nl(const struct rows *rows, const struct sink *to)
{
    for (size_t b = 0; b < 8; b++) {
        __m512i v[4];
        turn_16(rows, 18 * b + 2, v);
        put_scale(to, b, low_half(dword_of_each(rows, 18 * b)));
        put_levels(to, b, v, iq4_level);
    }
}

INLINE void take_iq4_xs(const struct rows *rows, const struct sink *to)
{
    __m512i head = dword_of_each(rows, 0), low = dword_of_each(rows, 4);
    __m512 d = low_half(head);
    for (unsigned b = 0; b < 8; b++) {
        __m512i s = _mm512_and_si512(_mm512_srli_epi32(low, 4 * b), _mm512_set1_epi32(15));
        __m512i top =
            _mm512_and_si512(_mm512_srli_epi32(head, 12 + 2 * b), _mm512_set1_epi32(0x30));
        s = _mm512_sub_epi32(_mm512_or_si512(s, top), _mm512_set1_epi32(32));
        put_scale(to, b, _mm512_mul_ps(_mm512_cvtepi32_ps(s), d));
    }
    for (size_t b = 0; b < 8; b += 2) {
        __m512i v[8];
        turn_32(rows, 8 + 16 * b, v);
        put_levels(to, b, v, iq4_level);
        put_levels(to, b + 1, v + 4, iq4_level);
    }
}

/* Half of 2^(e - 127), NaN for 255. */
INLINE __m512 half_e8m0(__m512i e)
{
    __m512 d = _mm512_castsi512_ps(_mm512_slli_epi32(e, 23));
    d = _mm512_mask_mov_ps(d, _mm512_testn_epi32_mask(e, e), _mm512_set1_ps(0x1p-127f));
    d = _mm512_mask_mov_ps(d, _mm512_cmpeq_epi32_mask(e, _mm512_set1_epi32(255)),
                           _mm512_castsi512_ps(_mm512_set1_epi32(0x7fc00000)));
    return _mm512_mul_ps(d, _mm512_set1_ps(0.5f));
}

INLINE void take_mxfp4(const struct rows *rows, const struct sink *to)
{
    for (size_t b = 0; b < 8; b++) {
        __m512i v[4];
        turn_16(rows, 17 * b + 1, v);
        put_scale(to, b, half_e8m0(byte_of_each(dword_of_each(rows, 17 * b), 0)));
        put_levels(to, b, v, e2m1_level);
    }
}

/* Half the values of unsigned E4M3 codes, 0x7f as 0. */
INLINE __m512 half_ue4m3(__m512i codes)
{
    const __m512i seven_bits = _mm512_set1_epi32(127);
    codes = _mm512_and_si512(codes, seven_bits);
    codes = _mm512_maskz_mov_epi32(_mm512_cmpneq_epi32_mask(codes, seven_bits), codes);
    /* Exponent and mantissa where a half has them; the biases differ by 8. */
    return _mm512_mul_ps(low_half(_mm512_slli_epi32(codes, 7)), _mm512_set1_ps(0x1p7f));
}

INLINE void take_nvfp4(const struct rows *rows, const struct sink *to)
{
    for (size_t b = 0; b < 4; b++) {
        __m512i v[8], codes = dword_of_each(rows, 36 * b);
        turn_32(rows, 36 * b + 4, v);
        for (size_t s = 0; s < 4; s++)
            put_scale(to, 4 * b + s, half_ue4m3(byte_of_each(codes, (int)s)));
        for (size_t pair = 0; pair < 2; pair++) {
            __m512i q[8];
            for (size_t i = 0; i < 4; i++) {
                size_t at = i / 2 * 4 + i % 2;
                q[at] = e2m1_level(low_nibbles(v[4 * pair + i]));
                q[at + 2] = e2m1_level(high_nibbles(v[4 * pair + i]));
            }
            put_block(to, 2 * b + pair, q);
        }
    }
}

/* Scales and minima of Q4_K and Q5_K from the first 16 bytes of a block: f16 d, dmin; s0-3, m0-3
 * with six bits; then the low nibbles of s4-7 with those of m4-7 above them, whose top bits lie
 * above the six of s0-3 and m0-3.  odd: what scales of odd blocks are multiplied with. */
INLINE void put_k_scales(const struct rows *rows, const struct sink *to, float odd)
{
    const __m512i low6 = _mm512_set1_epi8(0x3f), top = _mm512_set1_epi8(0x30);
    __m512i head[4];
    turn_16(rows, 0, head);
    __m512 d = low_half(head[0]), dmin = high_half(head[0]);
    __m512 d_odd = _mm512_mul_ps(d, _mm512_set1_ps(odd));
    __m512i scales[2], mins[2];
    scales[0] = _mm512_and_si512(head[1], low6);
    mins[0] = _mm512_and_si512(head[2], low6);
    scales[1] =
        _mm512_or_si512(low_nibbles(head[3]), _mm512_and_si512(_mm512_srli_epi32(head[1], 2), top));
    mins[1] = _mm512_or_si512(high_nibbles(head[3]),
                              _mm512_and_si512(_mm512_srli_epi32(head[2], 2), top));
    for (size_t b = 0; b < 8; b++) {
        __m512i s = byte_of_each(scales[b / 4], b % 4), m = byte_of_each(mins[b / 4], b % 4);
        put_scale(to, b, _mm512_mul_ps(_mm512_cvtepi32_ps(s), b % 2 ? d_odd : d));
        put_min(to, b, _mm512_mul_ps(_mm512_cvtepi32_ps(m), dmin));
    }
}

INLINE void take_q4_k(const struct rows *rows, const struct sink *to)
{
    /* High nibbles stay where they are: 16 times the weight with a 16th of the scale. */
    put_k_scales(rows, to, 0x1p-4f);
    for (size_t c = 0; c < 4; c++) {
        __m512i v[8], low[8], high[8];
        turn_32(rows, 16 + 32 * c, v);
        for (size_t i = 0; i < 8; i++) {
            low[i] = low_nibbles(v[i]);
            high[i] = _mm512_and_si512(v[i], _mm512_set1_epi8((char)0xf0));
        }
        put_block(to, 2 * c, low);
        put_block(to, 2 * c + 1, high);
    }
}

/* Moves bits from to..to + n of each byte; what else there is must be masked off. */
INLINE __m512i moved(__m512i v, int from, int to)
{
    return from > to   ? _mm512_srli_epi16(v, (unsigned)(from - to))
           : from < to ? _mm512_slli_epi16(v, (unsigned)(to - from))
                       : v;
}

INLINE void take_q5_k(const struct rows *rows, const struct sink *to)
{
    const __m512i sixteen = _mm512_set1_epi8(16);
    __m512i fifth[8];
    put_k_scales(rows, to, 1.0f);
    turn_32(rows, 16, fifth);
    for (int c = 0; c < 4; c++) {
        __m512i v[8], low[8], high[8];
        turn_32(rows, 48 + 32 * (size_t)c, v);
        for (size_t i = 0; i < 8; i++) {
            low[i] = _mm512_and_si512(moved(fifth[i], 2 * c, 4), sixteen);
            high[i] = _mm512_and_si512(moved(fifth[i], 2 * c + 1, 4), sixteen);
            low[i] = _mm512_or_si512(low_nibbles(v[i]), low[i]);
            high[i] = _mm512_or_si512(high_nibbles(v[i]), high[i]);
        }
        put_block(to, 2 * (size_t)c, low);
        put_block(to, 2 * (size_t)c + 1, high);
    }
}

INLINE void take_q6_k(const struct rows *rows, const struct sink *to)
{
    const __m512i two_bits = _mm512_set1_epi8(0x30);
    __m512i scales[4];
    __m512 d = high_half(dword_of_each(rows, 206)); /* not behind the end of the block */
    turn_16(rows, 192, scales);
    for (size_t s = 0; s < 16; s++) {
        __m512i v = _mm512_slli_epi32(scales[s / 4], (unsigned)(24 - 8 * (s % 4)));
        put_scale(to, s, _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_srai_epi32(v, 24)), d));
    }
    for (size_t half = 0; half < 2; half++) {
        __m512i v[2][8], top[8], q[8];
        turn_32(rows, 128 + 32 * half, top);
        for (size_t c = 0; c < 2; c++) {
            turn_32(rows, 64 * half + 32 * c, v[c]);
            for (size_t i = 0; i < 8; i++) {
                q[i] = _mm512_and_si512(moved(top[i], 2 * (int)c, 4), two_bits);
                q[i] = _mm512_or_si512(low_nibbles(v[c][i]), q[i]);
            }
            put_block(to, 4 * half + c, q);
        }
        for (size_t c = 0; c < 2; c++) {
            for (size_t i = 0; i < 8; i++) {
                q[i] = _mm512_and_si512(moved(top[i], 4 + 2 * (int)c, 4), two_bits);
                q[i] = _mm512_or_si512(high_nibbles(v[c][i]), q[i]);
            }
            put_block(to, 4 * half + 2 + c, q);
        }
    }
}

typedef void take_fn(const struct rows *rows, const struct sink *to);

INLINE void unpack(const uint8_t *src, size_t row_bytes, struct panel *panel, take_fn *take)
{
    struct rows rows = rows_of(src, row_bytes);
    take(&rows, &(struct sink){.panel = panel});
}

INLINE void dot_few(const struct panel_few *few, const struct panel_format *format, take_fn *take,
                    int n_tok)
{
    struct rows rows = rows_of(few->src, few->row_bytes);
    struct panel scales;
    __m512 totals[PANEL_FEW];
    const size_t piece = few->group_bytes * PANEL_LANES / AHEAD_RUNS;
    struct sink to = {.panel = &scales,
                      .format = format,
                      .n_tok = n_tok,
                      .act = few->act,
                      .act_stride = few->act_stride,
                      .totals = totals,
                      .ahead = few->ahead,
                      .piece_bytes = piece,
                      .run_bytes = few->run_bytes};
#pragma GCC unroll 4
    for (int t = 0; t < n_tok; t++)
        totals[t] = _mm512_load_ps(few->sums + PANEL_LANES * (size_t)t);
    for (size_t k = 0; k < few->n; k += ACT_GROUP) {
        take(&rows, &to);
        to.act += sizeof(struct act_group);
        to.ahead += piece;
        for (size_t i = 0; i < 4; i++)
            rows.quarters[i] += few->group_bytes;
    }
#pragma GCC unroll 4
    for (int t = 0; t < n_tok; t++)
        _mm512_store_ps(few->sums + PANEL_LANES * (size_t)t, totals[t]);
}

/* The number of tokens is a constant in each. */
INLINE void dot_up_to_four(const struct panel_few *few, const struct panel_format *format,
                           take_fn *take)
{
    switch (few->n_tok) {
    case 1:
        dot_few(few, format, take, 1);
        break;
    case 2:
        dot_few(few, format, take, 2);
        break;
    case 3:
        dot_few(few, format, take, 3);
        break;
    default:
        dot_few(few, format, take, 4);
    }
}

#define FORMAT(name, offset, has_mins, by_sixteen)                                                 \
    static const struct panel_format name##_format;                                                \
    static void unpack_##name(const uint8_t *src, size_t row_bytes, struct panel *panel)           \
    {                                                                                              \
        unpack(src, row_bytes, panel, take_##name);                                                \
    }                                                                                              \
    static void dot_few_##name(const struct panel_few *few)                                        \
    {                                                                                              \
        dot_up_to_four(few, &name##_format, take_##name);                                          \
    }                                                                                              \
    static const struct panel_format name##_format = {                                             \
        .unpack = unpack_##name,                                                                   \
        .dot_few = dot_few_##name,                                                                 \
        .few = PANEL_FEW,                                                                          \
        .bias = (offset),                                                                          \
        .mins = (has_mins),                                                                        \
        .sixteens = (by_sixteen),                                                                  \
    };

FORMAT(q4_0, 8, false, false)
FORMAT(q4_1, 0, true, false)
FORMAT(q5_0, 16, false, false)
FORMAT(q5_1, 0, true, false)
FORMAT(q8_0, 128, false, false)
FORMAT(q4_k, 0, true, false)
FORMAT(q5_k, 0, true, false)
FORMAT(q6_k, 32, false, true)
FORMAT(iq4_nl, 128, false, false)
FORMAT(iq4_xs, 128, false, false)
FORMAT(mxfp4, 12, false, false)
FORMAT(nvfp4, 12, false, true)

const struct panel_format *cpu_panel_format_avx512(enum dtype type)
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
