/* SPDX-License-Identifier: Apache-2.0 */
/* Attention of a token over part of its keys, on AVX2.
 *
 * bf16: the even and the odd elements of 32 bytes become floats with one operation each.  So
 * queries have that order, and sums of values until the end.
 *
 * Q8_0: queries are 16-bit integers, and so are weights times the scales of the values.  Products
 * with codes are added up as integers, over a block of a key, or over a block of keys. */
#if defined(__x86_64__)
#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "cpu/cpu_part.h"
#include "cpu/cpu_vector_avx2.h"

#define STEP ((size_t)16) /* elements of a vector of keys or values */

/* What a thread needs for it. */
struct part_room {
    _Alignas(32) float q[ATTEND_HEADS][PART_DIM];
    _Alignas(32) int16_t codes[ATTEND_HEADS][PART_DIM]; /* of queries, for Q8_0 */
    _Alignas(32) float weights[HEADS][BLOCK_KEYS];      /* scores at first */
    _Alignas(32) int16_t scaled[HEADS][BLOCK_KEYS];     /* weights times the scales of values */
    float factors[ATTEND_HEADS];                        /* of scores */
};

INLINE __m256i load_bytes(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

/* Even and odd elements of 16 in bf16. */
INLINE void from_bf16(const uint8_t *p, __m256 to[2])
{
    __m256i v = load_bytes(p);
    to[0] = _mm256_castsi256_ps(_mm256_slli_epi32(v, 16));
    to[1] = _mm256_castsi256_ps(_mm256_and_si256(v, _mm256_set1_epi32((int)0xffff0000)));
}

/* 16 codes as 16-bit integers. */
INLINE __m256i from_codes(const uint8_t *p)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)p));
}

INLINE uint32_t largest_bits(__m256i v)
{
    __m128i m = _mm_max_epu32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4e));
    return (uint32_t)_mm_cvtsi128_si32(_mm_max_epu32(m, _mm_shuffle_epi32(m, 0xb1)));
}

/* 16 floats to 16-bit integers. */
INLINE __m256i to_codes(__m256 a, __m256 b, float per_step)
{
    __m256i low = _mm256_cvtps_epi32(_mm256_mul_ps(a, _mm256_set1_ps(per_step)));
    __m256i high = _mm256_cvtps_epi32(_mm256_mul_ps(b, _mm256_set1_ps(per_step)));
    return _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
}

/* Rounds a query; returns its step. */
static float round_query(int16_t *to, const float *q, size_t n)
{
    __m256i most = _mm256_setzero_si256();
    float per_step;
    for (size_t i = 0; i < n; i += 8)
        most = _mm256_max_epu32(most,
                                _mm256_and_si256(load_bytes(q + i), _mm256_set1_epi32(0x7fffffff)));
    float step = act_step(largest_bits(most), &per_step) / Q8_STEPS;
    for (size_t i = 0; i < n; i += STEP)
        _mm256_store_si256(
            (__m256i *)(void *)(to + i),
            to_codes(_mm256_loadu_ps(q + i), _mm256_loadu_ps(q + i + 8), per_step * Q8_STEPS));
    return step;
}

/* Even elements of 16 before odd ones. */
static void split_query(float *to, const float *q, size_t n)
{
    for (size_t i = 0; i < n; i += STEP)
        for (size_t k = 0; k < STEP; k++)
            to[i + k] = q[i + 2 * k % STEP + k / 8];
}

/* Prepares the queries, and lets heads begin. */
static void start(const struct part_job *job, struct part_room *room)
{
    size_t dim = (size_t)job->dim;
    for (size_t h = 0; h < (size_t)job->n_heads; h++) {
        const float *q = job->q + h * dim;
        room->factors[h] = job->scale;
        if (job->dtype == DTYPE_Q8_0)
            room->factors[h] *= round_query(room->codes[h], q, dim);
        else
            split_query(room->q[h], q, dim);
        job->max[h] = -FLT_MAX;
        job->sum[h] = 0.0f;
        memset(job->out + h * dim, 0, dim * sizeof *job->out);
    }
}

/* Products of two keys with some queries. */
INLINE void multiply_bf16(const struct part_block *b, const struct part_room *room,
                          const uint8_t *k, int n, __m256 sums[2][HEADS])
{
    for (size_t i = 0; i < (size_t)b->job->dim; i += STEP) {
        __m256 keys[2][2];
        from_bf16(k + 2 * i, keys[0]);
        from_bf16(k + b->row_bytes + 2 * i, keys[1]);
        for (int h = 0; h < n; h++) {
            const float *q = room->q[b->head + h] + i;
            for (size_t half = 0; half < 2; half++)
                for (int j = 0; j < 2; j++)
                    sums[j][h] =
                        _mm256_fmadd_ps(keys[j][half], _mm256_load_ps(q + 8 * half), sums[j][h]);
        }
    }
}

INLINE void multiply_q8(const struct part_block *b, const struct part_room *room, const uint8_t *k,
                        int n, __m256 sums[2][HEADS])
{
    for (size_t i = 0; i < (size_t)b->job->dim; i += Q8_COLS)
        for (size_t j = 0; j < 2; j++) {
            const uint8_t *block = k + j * b->row_bytes + i / Q8_COLS * Q8_BYTES;
            __m256i low = from_codes(block + 2), high = from_codes(block + 2 + STEP);
            int16_t half;
            memcpy(&half, block, sizeof half);
            __m256 scale = _mm256_cvtph_ps(_mm_set1_epi16(half));
            for (int h = 0; h < n; h++) {
                const int16_t *q = room->codes[b->head + h] + i;
                __m256i sum = _mm256_add_epi32(_mm256_madd_epi16(low, load_bytes(q)),
                                               _mm256_madd_epi16(high, load_bytes(q + STEP)));
                sums[j][h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), scale, sums[j][h]);
            }
        }
}

/* Scores of a page, without their factors. */
INLINE void score_page(const struct part_block *b, struct part_room *room, int page, int n,
                       enum dtype type)
{
    const uint8_t *k = part_page(b, page), *ahead = part_values_ahead(b, page);
    for (int j = 0; j < ATTEND_ROWS; j += 2, k += 2 * b->row_bytes) {
        __m256 sums[2][HEADS];
        for (int h = 0; h < HEADS; h++)
            sums[0][h] = sums[1][h] = _mm256_setzero_ps();
        part_fetch(b, ahead, (size_t)j / 2, ATTEND_ROWS / 2);
        if (type == DTYPE_BF16)
            multiply_bf16(b, room, k, n, sums);
        else
            multiply_q8(b, room, k, n, sums);
        for (int h = 0; h < n; h += 2) {
            __m128 four = sum_of_each(sums[0][h], sums[1][h], sums[0][h + 1], sums[1][h + 1]);
            _mm_storel_pi((__m64 *)(void *)(room->weights[h] + page + j), four);
            if (h + 1 < n)
                _mm_storeh_pi((__m64 *)(void *)(room->weights[h + 1] + page + j), four);
        }
    }
}

/* Those of eight keys that are seen. */
INLINE __m256i seen_of(const struct part_block *b, int key)
{
    return _mm256_andnot_si256(lanes(b->from - key), lanes(b->to - key));
}

/* What earlier sums of a head are worth when a larger score comes. */
static void rescale(const struct part_job *job, int head, float max)
{
    float *out = job->out + (size_t)head * (size_t)job->dim;
    if (max == job->max[head])
        return;
    float keep = expf(job->max[head] - max);
    job->sum[head] *= keep;
    job->max[head] = max;
    for (int i = 0; i < job->dim; i += 8)
        _mm256_storeu_ps(out + i, _mm256_mul_ps(_mm256_loadu_ps(out + i), _mm256_set1_ps(keep)));
}

/* Scores of one head to weights, 0 where nothing is seen. */
static void weigh(const struct part_block *b, struct part_room *room, int h)
{
    int head = b->head + h, first = part_begin(b), last = part_end(b);
    float *at = room->weights[h];
    __m256 most = _mm256_set1_ps(b->job->max[head]), sum = _mm256_setzero_ps();
    for (int key = first; key < last; key += 8) {
        __m256 s = _mm256_mul_ps(_mm256_load_ps(at + key), _mm256_set1_ps(room->factors[head]));
        s = _mm256_blendv_ps(_mm256_set1_ps(-INFINITY), s, _mm256_castsi256_ps(seen_of(b, key)));
        _mm256_store_ps(at + key, s);
        most = _mm256_max_ps(s, most); /* of a pair with NaN, the second */
    }
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(most), _mm256_extractf128_ps(most, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    rescale(b->job, head, _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m))));
    for (int key = first; key < last; key += 8) {
        __m256 s = _mm256_sub_ps(_mm256_load_ps(at + key), _mm256_set1_ps(b->job->max[head]));
        __m256 some = _mm256_cmp_ps(s, _mm256_set1_ps(ATTEND_NOTHING), _CMP_NLT_UQ);
        __m256 p = _mm256_and_ps(exponential(s), some);
        _mm256_store_ps(at + key, p);
        sum = _mm256_add_ps(sum, p);
    }
    b->job->sum[head] += sum8(sum);
}

/* Adds the weighted values of elements i..i+15 of some heads. */
INLINE void add_bf16(const struct part_block *b, const struct part_room *room, size_t i, int n)
{
    size_t dim = (size_t)b->job->dim;
    float *out = b->job->out + (size_t)b->head * dim + i;
    __m256 sums[HEADS][2];
    for (size_t h = 0; h < (size_t)n; h++)
        for (size_t half = 0; half < 2; half++)
            sums[h][half] = _mm256_loadu_ps(out + h * dim + 8 * half);
    for (int key = b->from; key < b->to;) {
        int page = key / ATTEND_ROWS * ATTEND_ROWS;
        int end = b->to < page + ATTEND_ROWS ? b->to : page + ATTEND_ROWS;
        const uint8_t *rows = part_page(b, page) + b->job->values_at;
        part_fetch(b, part_keys_ahead(b, page), i / STEP, dim / STEP);
        for (; key < end; key++) {
            __m256 values[2];
            from_bf16(&rows[(size_t)(key - page) * b->row_bytes + 2 * i], values);
            for (int h = 0; h < n; h++) {
                __m256 weight = _mm256_broadcast_ss(room->weights[h] + key);
                sums[h][0] = _mm256_fmadd_ps(weight, values[0], sums[h][0]);
                sums[h][1] = _mm256_fmadd_ps(weight, values[1], sums[h][1]);
            }
        }
    }
    for (size_t h = 0; h < (size_t)n; h++)
        for (size_t half = 0; half < 2; half++)
            _mm256_storeu_ps(out + h * dim + 8 * half, sums[h][half]);
}

/* Scales of a block of the values of eight keys of a page. */
INLINE __m256 scales_of(const uint8_t *block, size_t row)
{
    int16_t at[8];
    for (size_t j = 0; j < 8; j++)
        memcpy(&at[j], block + j * row, sizeof at[j]);
    return _mm256_cvtph_ps(_mm_setr_epi16(at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7]));
}

/* Multiplies weights with the scales of a block of the values, and rounds them; sets steps. */
INLINE void scale_weights(const struct part_block *b, struct part_room *room, size_t block, int n,
                          float steps[HEADS])
{
    _Alignas(32) float products[HEADS][BLOCK_KEYS];
    int first = part_begin(b), last = part_end(b);
    __m256i most[HEADS];
    for (int h = 0; h < n; h++)
        most[h] = _mm256_setzero_si256();
    for (int key = first; key < last; key += 8) {
        const uint8_t *page = part_page(b, key) + b->job->values_at;
        __m256 scales = scales_of(
            page + (size_t)(key % ATTEND_ROWS) * b->row_bytes + block * Q8_BYTES, b->row_bytes);
        scales = _mm256_and_ps(scales, _mm256_castsi256_ps(seen_of(b, key)));
        for (int h = 0; h < n; h++) {
            __m256 v = _mm256_mul_ps(_mm256_load_ps(room->weights[h] + key), scales);
            _mm256_store_ps(products[h] + key, v);
            most[h] = _mm256_max_epu32(most[h], _mm256_castps_si256(v));
        }
    }
    for (int h = 0; h < n; h++) {
        float per_step;
        steps[h] = act_step(largest_bits(most[h]), &per_step) / Q8_STEPS;
        for (int key = first; key < last; key += 16)
            _mm256_store_si256((__m256i *)(void *)(room->scaled[h] + key),
                               to_codes(_mm256_load_ps(products[h] + key),
                                        _mm256_load_ps(products[h] + key + 8),
                                        per_step * Q8_STEPS));
    }
}

/* Adds elements i..i+15 of some heads, whole pages: what is not seen has no weight. */
INLINE void add_codes(const struct part_block *b, const struct part_room *room, size_t i, int n,
                      const float steps[HEADS])
{
    size_t dim = (size_t)b->job->dim, row = b->row_bytes;
    size_t at = b->job->values_at + i / Q8_COLS * Q8_BYTES + 2 + i % Q8_COLS;
    float *out = b->job->out + (size_t)b->head * dim + i;
    __m256i sums[HEADS][2];
    for (int h = 0; h < n; h++)
        sums[h][0] = sums[h][1] = _mm256_setzero_si256();
    for (int page = part_begin(b); page < b->to; page += ATTEND_ROWS) {
        const uint8_t *v = part_page(b, page) + at;
        part_fetch(b, part_keys_ahead(b, page), i / STEP, dim / STEP);
#pragma GCC unroll 1 /* or else it adds up as a tree and spills registers */
        for (int j = 0; j < ATTEND_ROWS; j += 2, v += 2 * row) {
            __m256i even = from_codes(v), odd = from_codes(v + row);
            __m256i low = _mm256_unpacklo_epi16(even, odd);
            __m256i high = _mm256_unpackhi_epi16(even, odd);
            for (int h = 0; h < n; h++) {
                int32_t pair;
                memcpy(&pair, room->scaled[h] + page + j, sizeof pair);
                __m256i w = _mm256_set1_epi32(pair);
                sums[h][0] = _mm256_add_epi32(sums[h][0], _mm256_madd_epi16(low, w));
                sums[h][1] = _mm256_add_epi32(sums[h][1], _mm256_madd_epi16(high, w));
            }
        }
    }
    for (size_t h = 0; h < (size_t)n; h++)
        for (size_t half = 0; half < 2; half++) {
            float *to = out + h * dim + 8 * half;
            _mm256_storeu_ps(to, _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[h][half]),
                                                 _mm256_set1_ps(steps[h]), _mm256_loadu_ps(to)));
        }
}

/* Lets some heads meet a block. */
INLINE void meet(const struct part_block *b, struct part_room *room, int n, enum dtype type)
{
    for (int page = part_begin(b); page < b->to; page += ATTEND_ROWS)
        score_page(b, room, page, n, type);
    for (int h = 0; h < n; h++)
        weigh(b, room, h);
    size_t dim = (size_t)b->job->dim;
    for (size_t i = 0; type == DTYPE_BF16 && i < dim; i += STEP)
        add_bf16(b, room, i, n);
    for (size_t i = 0; type == DTYPE_Q8_0 && i < dim; i += Q8_COLS) {
        float steps[HEADS];
        scale_weights(b, room, i / Q8_COLS, n, steps);
        add_codes(b, room, i, n, steps);
        add_codes(b, room, i + STEP, n, steps);
    }
}

INLINE void meet_heads(const struct part_block *b, struct part_room *room, enum dtype type)
{
    if (b->n_heads == 4)
        meet(b, room, 4, type);
    else if (b->n_heads == 2)
        meet(b, room, 2, type);
    else
        meet(b, room, 1, type);
}

/* Puts the sums of a head in order, from that of even and odd elements, or of unpacked codes. */
static void order(float *out, size_t n, enum dtype type)
{
    for (size_t i = 0; i < n; i += STEP, out += STEP) {
        __m256 a = _mm256_loadu_ps(out), b = _mm256_loadu_ps(out + 8);
        if (type == DTYPE_BF16) {
            __m256 low = _mm256_unpacklo_ps(a, b);
            b = _mm256_unpackhi_ps(a, b);
            a = low;
        }
        _mm256_storeu_ps(out, _mm256_permute2f128_ps(a, b, 0x20));
        _mm256_storeu_ps(out + 8, _mm256_permute2f128_ps(a, b, 0x31));
    }
}

static void attend_part_avx2(const struct part_job *job)
{
    struct part_room room;
    struct part_block b = part_first(job);
    assert(job->n_heads > 0 && job->n_heads <= ATTEND_HEADS);
    assert(job->dim > 0 && job->dim % Q8_COLS == 0 && job->dim <= PART_DIM);
    start(job, &room);
    for (; part_seen(&b); b.key0 += BLOCK_KEYS)
        for (b.head = 0; part_heads(&b); b.head += b.n_heads) {
            if (job->dtype == DTYPE_BF16)
                meet_heads(&b, &room, DTYPE_BF16);
            else
                meet_heads(&b, &room, DTYPE_Q8_0);
        }
    for (size_t h = 0; h < (size_t)job->n_heads; h++)
        order(job->out + h * (size_t)job->dim, (size_t)job->dim, job->dtype);
}

void cpu_part_avx2(struct cpu_ops *ops)
{
    ops->attend_part = attend_part_avx2;
}

#endif
