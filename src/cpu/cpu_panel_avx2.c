/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacks panels of block-quantised weights, eight rows at a time.  Bytes are turned before they
 * are taken apart, while they are few.  Formats with signed bytes keep them. */
#if defined(__x86_64__)
#include "cpu/cpu_block_avx2.h"
#include "tensor/number.h"

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

/* Where unpacked weights go: into a half of a panel, or at once into products with one token, whose
 * integers then lie in dots. */
struct sink {
    struct panel *panel;
    size_t half;
    bool multiplies;
    const int8_t *act; /* of the token from this column on */
    const uint8_t *ahead;
    size_t ahead_bytes; /* of a block */
    __m256i *dots;      /* [ACT_GROUP / 32], or twice that for blocks of 16 */
    int run;
};

INLINE __m256i multiply_one(const struct sink *to, const __m256i *q, size_t column, size_t n_quads)
{
    const struct block_tokens tokens = {.act = to->act + column, .n = 1};
    __m256i dot[BLOCK_TOKENS][2];
    multiply_block(q, 1, &tokens, n_quads, to->run, dot);
    return dot[0][0];
}

/* A block of 32 columns. */
INLINE void put_block(const struct sink *to, size_t block, const __m256i q[8], bool sixteens)
{
    if (!to->multiplies) {
        for (size_t i = 0; i < 8; i++)
            _mm256_store_si256(
                (__m256i *)(void *)to->panel->q[8 * block + i][HALF_LANES * to->half], q[i]);
        return;
    }
    if (sixteens) {
        to->dots[2 * block] = multiply_one(to, q, 32 * block, 4);
        to->dots[2 * block + 1] = multiply_one(to, q + 4, 32 * block + 16, 4);
    } else {
        to->dots[block] = multiply_one(to, q, 32 * block, 8);
    }
    for (size_t i = 0; i < to->ahead_bytes; i += 64)
        _mm_prefetch((const char *)to->ahead + to->ahead_bytes * block + i, _MM_HINT_T1);
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
    put_block(to, block, q, false);
}

INLINE void put_levels(const struct sink *to, size_t block, const __m256i v[4],
                       __m256i (*level)(__m256i))
{
    __m256i q[8];
    for (size_t i = 0; i < 4; i++) {
        q[i] = level(low_nibbles(v[i]));
        q[4 + i] = level(high_nibbles(v[i]));
    }
    put_block(to, block, q, false);
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
    put_block(to, block, q, false);
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
        put_block(to, b, v, false);
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
        put_block(to, b, q, true);
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
        put_block(to, 2 * c, q, false);
        for (size_t i = 0; i < 8; i++)
            q[i] = high_nibbles(v[i]);
        put_block(to, 2 * c + 1, q, false);
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
        put_block(to, 2 * (size_t)c, low, false);
        put_block(to, 2 * (size_t)c + 1, high, false);
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
        __m256i v[8], top[8], low[8], high[8];
        turn_32(rows, 128 + 32 * half, top);
        for (size_t c = 0; c < 2; c++) {
            turn_32(rows, 64 * half + 32 * c, v);
            for (size_t i = 0; i < 8; i++) {
                low[i] = _mm256_and_si256(moved(top[i], 2 * (int)c, 4), two_bits);
                high[i] = _mm256_and_si256(moved(top[i], 4 + 2 * (int)c, 4), two_bits);
                low[i] = _mm256_or_si256(low_nibbles(v[i]), low[i]);
                high[i] = _mm256_or_si256(high_nibbles(v[i]), high[i]);
            }
            put_block(to, 4 * half + c, low, true);
            put_block(to, 4 * half + 2 + c, high, true);
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

/* Adds the products of one token with a half of the rows, block by block as they are unpacked. */
INLINE void dot_half(const struct panel_one *one, const struct panel_format *format, take_fn *take,
                     size_t half)
{
    const size_t first = HALF_LANES * half * one->row_bytes;
    const size_t ahead_bytes = HALF_LANES * one->group_bytes, width = format->sixteens ? 16 : 32;
    struct rows rows = {one->src + first, one->row_bytes};
    struct panel scales; /* without weights */
    struct panel_extra extra;
    __m256i dots[ACT_GROUP / 16];
    __m256 total = _mm256_load_ps(one->sums + HALF_LANES * half);
    for (size_t k = 0; k < one->n; k += ACT_GROUP, rows.src += one->group_bytes) {
        struct sink to = {.panel = &scales,
                          .multiplies = true,
                          .act = one->act + k,
                          .ahead = one->ahead + first + k / ACT_GROUP * ahead_bytes,
                          .ahead_bytes = ahead_bytes / 8,
                          .dots = dots,
                          .run = format->run};
        find_extra(&extra, format, one->act, one->n_pad, k, format->mins, format->sixteens);
        take(&rows, &to);
        const float *steps = act_steps(one->act, one->n_pad) + k / 16;
        for (size_t b = 0; b < ACT_GROUP / width; b++) {
            const size_t at = b * width / 16;
            __m256i dot = dots[b];
            if (format->bias)
                dot = _mm256_add_epi32(dot, _mm256_set1_epi32(extra.add[at]));
            __m256 scale =
                _mm256_mul_ps(_mm256_load_ps(scales.scale[b]), _mm256_broadcast_ss(&steps[at]));
            total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), scale, total);
            if (format->mins)
                total = _mm256_fnmadd_ps(_mm256_load_ps(scales.min[b]),
                                         _mm256_broadcast_ss(&extra.sums[at]), total);
        }
    }
    _mm256_store_ps(one->sums + HALF_LANES * half, total);
}

#define FORMAT(name, offset, quads, has_mins, by_sixteen)                                          \
    static const struct panel_format name##_format;                                                \
    static void unpack_##name(const uint8_t *src, size_t row_bytes, struct panel *panel)           \
    {                                                                                              \
        unpack(src, row_bytes, panel, take_##name);                                                \
    }                                                                                              \
    static void dot_one_##name(const struct panel_one *one)                                        \
    {                                                                                              \
        for (size_t half = 0; half < PANEL_LANES / HALF_LANES; half++)                             \
            dot_half(one, &name##_format, take_##name, half);                                      \
    }                                                                                              \
    static const struct panel_format name##_format = {                                             \
        .unpack = unpack_##name,                                                                   \
        .dot_one = dot_one_##name,                                                                 \
        .bias = (offset),                                                                          \
        .run = (quads),                                                                            \
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
