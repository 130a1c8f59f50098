/* SPDX-License-Identifier: Apache-2.0 */
/* Attention of a token over part of its keys, on AVX-512.
 *
 * bf16: the even and the odd elements of 64 bytes become floats with one operation each.  So
 * queries have that order, and sums of values until the end.
 *
 * Q8_0: queries are integers of two signed bytes, which meet codes of keys, turned so that a lane
 * has those of one key; codes are made unsigned, which sums begin with the opposite of.  Weights
 * times the scales of the values are 16-bit integers, which meet pairs of values. */
#if defined(__x86_64__)
#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "cpu/cpu_part.h"
#include "cpu/cpu_vector_avx512.h"

#define STEP  ((size_t)32) /* elements of a vector of keys or values, and of a block of Q8_0 */
#define QUADS (STEP / 4)   /* of codes */

/* A block of a query: the high, then the low bytes; what sums of either begin with. */
struct query_block {
    int32_t quads[2][QUADS], first[2];
};

/* What a thread needs for it. */
struct part_room {
    _Alignas(64) float q[ATTEND_HEADS][PART_DIM];
    struct query_block blocks[ATTEND_HEADS][Q8_BLOCKS];
    _Alignas(64) float weights[HEADS][BLOCK_KEYS];  /* scores at first */
    _Alignas(64) int16_t scaled[HEADS][BLOCK_KEYS]; /* weights times the scales of values */
    float factors[ATTEND_HEADS];                    /* of scores */
};

/* Even and odd elements of 32 in bf16. */
INLINE void from_bf16(const uint8_t *p, __m512 to[2])
{
    __m512i v = _mm512_loadu_si512(p);
    to[0] = _mm512_castsi512_ps(_mm512_slli_epi32(v, 16));
    to[1] = _mm512_castsi512_ps(_mm512_and_si512(v, _mm512_set1_epi32((int)0xffff0000)));
}

INLINE __m256i load_codes(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

/* Rounds a block of a query to two signed bytes each. */
static void round_block(struct query_block *to, const float *q, float per_step)
{
    _Alignas(64) int8_t bytes[2][STEP];
    for (size_t i = 0; i < STEP; i += 16) {
        __m512i v =
            _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(q + i), _mm512_set1_ps(per_step)));
        __m512i high = _mm512_srai_epi32(_mm512_add_epi32(v, _mm512_set1_epi32(128)), 8);
        __m512i low = _mm512_sub_epi32(v, _mm512_slli_epi32(high, 8));
        _mm_store_si128((__m128i *)(void *)(bytes[0] + i), _mm512_cvtepi32_epi8(high));
        _mm_store_si128((__m128i *)(void *)(bytes[1] + i), _mm512_cvtepi32_epi8(low));
    }
    memcpy(to->quads, bytes, sizeof bytes);
    for (int part = 0; part < 2; part++) {
        to->first[part] = 0;
        for (size_t i = 0; i < STEP; i++)
            to->first[part] -= 128 * bytes[part][i];
    }
}

/* Rounds a query; returns its step. */
static float round_query(struct query_block *to, const float *q, size_t n)
{
    __m512i most = _mm512_setzero_si512();
    float per_step;
    for (size_t i = 0; i < n; i += 16)
        most = _mm512_max_epu32(
            most, _mm512_and_si512(_mm512_loadu_si512(q + i), _mm512_set1_epi32(0x7fffffff)));
    float step = act_step(_mm512_reduce_max_epu32(most), &per_step) / Q8_STEPS;
    for (size_t i = 0; i < n; i += STEP)
        round_block(to + i / STEP, q + i, per_step * Q8_STEPS);
    return step;
}

/* Even elements of 32 before odd ones. */
static void split_query(float *to, const float *q, size_t n)
{
    for (size_t i = 0; i < n; i += STEP)
        for (size_t k = 0; k < STEP; k++)
            to[i + k] = q[i + 2 * k % STEP + k / 16];
}

/* Prepares the queries, and lets heads begin. */
static void start(const struct part_job *job, struct part_room *room, enum dtype type)
{
    size_t dim = (size_t)job->dim;
    for (size_t h = 0; h < (size_t)job->n_heads; h++) {
        const float *q = job->q + h * dim;
        room->factors[h] = job->scale;
        if (type == DTYPE_Q8_0)
            room->factors[h] *= round_query(room->blocks[h], q, dim);
        else
            split_query(room->q[h], q, dim);
        job->max[h] = -FLT_MAX;
        job->sum[h] = 0.0f;
        memset(job->out + h * dim, 0, dim * sizeof *job->out);
    }
}

/* Scores of four keys at a time. */
INLINE void score_bf16(const struct part_block *b, struct part_room *room, int page, int n)
{
    const uint8_t *k = part_page(b, page), *ahead = part_values_ahead(b, page);
    size_t row = b->row_bytes, n_steps = (size_t)b->job->dim / STEP;
    for (size_t j = 0; j < ATTEND_ROWS; j += 4, k += 4 * row) {
        __m512 sums[HEADS][4];
        for (int h = 0; h < n; h++)
            for (int c = 0; c < 4; c++)
                sums[h][c] = _mm512_setzero_ps();
        for (size_t i = 0; i < n_steps; i++) {
            __m512 keys[4][2];
            part_fetch(b, ahead, j / 4 * n_steps + i, 4 * n_steps);
            for (size_t c = 0; c < 4; c++)
                from_bf16(k + c * row + 2 * STEP * i, keys[c]);
            for (int h = 0; h < n; h++)
                for (size_t half = 0; half < 2; half++) {
                    const float *q = room->q[b->head + h] + i * STEP + 16 * half;
                    for (int c = 0; c < 4; c++)
                        sums[h][c] = _mm512_fmadd_ps(keys[c][half], _mm512_load_ps(q), sums[h][c]);
                }
        }
        for (int h = 0; h < n; h++)
            _mm_store_ps(room->weights[h] + page + j,
                         sum_of_each(sums[h][0], sums[h][1], sums[h][2], sums[h][3]));
    }
}

/* Turns a block of 16 keys: lane j has four codes of key j, 128 more than they are. */
INLINE void turn_codes(const uint8_t *block, size_t row, __m512i to[QUADS])
{
    __m512i v[QUADS], x[QUADS];
    for (size_t j = 0; j < QUADS; j++) {
        const uint8_t *p = block + (j < 4 ? j : j + 4) * row;
        v[j] =
            _mm512_inserti64x4(_mm512_castsi256_si512(load_codes(p)), load_codes(p + 4 * row), 1);
    }
    for (size_t j = 0; j < QUADS; j += 4) {
        __m512i a = _mm512_unpacklo_epi32(v[j], v[j + 1]),
                c = _mm512_unpackhi_epi32(v[j], v[j + 1]);
        __m512i b = _mm512_unpacklo_epi32(v[j + 2], v[j + 3]);
        __m512i d = _mm512_unpackhi_epi32(v[j + 2], v[j + 3]);
        x[j] = _mm512_unpacklo_epi64(a, b);
        x[j + 1] = _mm512_unpackhi_epi64(a, b);
        x[j + 2] = _mm512_unpacklo_epi64(c, d);
        x[j + 3] = _mm512_unpackhi_epi64(c, d);
    }
    for (size_t j = 0; j < 4; j++) {
        to[j] = _mm512_shuffle_i32x4(x[j], x[j + 4], 0x88);
        to[j + 4] = _mm512_shuffle_i32x4(x[j], x[j + 4], 0xdd);
    }
    for (size_t j = 0; j < QUADS; j++)
        to[j] = _mm512_xor_si512(to[j], _mm512_set1_epi32((int)0x80808080));
}

INLINE int16_t half_at(const uint8_t *p)
{
    int16_t half;
    memcpy(&half, p, sizeof half);
    return half;
}

/* Scales of a block of the rows of a page. */
INLINE __m512 scales_of(const uint8_t *p, size_t row)
{
    return _mm512_cvtph_ps(
        _mm256_setr_epi16(half_at(p), half_at(p + row), half_at(p + 2 * row), half_at(p + 3 * row),
                          half_at(p + 4 * row), half_at(p + 5 * row), half_at(p + 6 * row),
                          half_at(p + 7 * row), half_at(p + 8 * row), half_at(p + 9 * row),
                          half_at(p + 10 * row), half_at(p + 11 * row), half_at(p + 12 * row),
                          half_at(p + 13 * row), half_at(p + 14 * row), half_at(p + 15 * row)));
}

/* Scores of a page, a lane for each key. */
INLINE void score_q8(const struct part_block *b, struct part_room *room, int page, int n)
{
    const uint8_t *k = part_page(b, page), *ahead = part_values_ahead(b, page);
    size_t dim = (size_t)b->job->dim, shares = dim / STEP * (size_t)n;
    __m512 totals[HEADS];
    for (int h = 0; h < n; h++)
        totals[h] = _mm512_setzero_ps();
    for (size_t i = 0; i < dim; i += STEP, k += Q8_BYTES) {
        __m512i codes[QUADS];
        turn_codes(k + 2, b->row_bytes, codes);
        __m512 scales = scales_of(k, b->row_bytes);
        for (int h = 0; h < n; h++) {
            const struct query_block *q = &room->blocks[b->head + h][i / STEP];
            __m512i high = _mm512_set1_epi32(q->first[0]), low = _mm512_set1_epi32(q->first[1]);
            part_fetch(b, ahead, i / STEP * (size_t)n + (size_t)h, shares);
            for (size_t c = 0; c < QUADS; c++) {
                high = _mm512_dpbusd_epi32(high, codes[c], _mm512_set1_epi32(q->quads[0][c]));
                low = _mm512_dpbusd_epi32(low, codes[c], _mm512_set1_epi32(q->quads[1][c]));
            }
            low = _mm512_add_epi32(_mm512_slli_epi32(high, 8), low);
            totals[h] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(low), scales, totals[h]);
        }
    }
    for (int h = 0; h < n; h++)
        _mm512_store_ps(room->weights[h] + page, totals[h]);
}

/* The keys of a page that are seen. */
INLINE __mmask16 seen_of(const struct part_block *b, int page)
{
    unsigned skipped = b->from > page ? (1u << (b->from - page)) - 1 : 0;
    return (__mmask16)(lanes(b->to - page) & ~skipped);
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
    for (int i = 0; i < job->dim; i += 16)
        _mm512_storeu_ps(out + i, _mm512_mul_ps(_mm512_loadu_ps(out + i), _mm512_set1_ps(keep)));
}

/* Scores of one head to weights, 0 where nothing is seen. */
static void weigh(const struct part_block *b, struct part_room *room, int h)
{
    int head = b->head + h;
    __m512 most = _mm512_set1_ps(b->job->max[head]), sum = _mm512_setzero_ps();
    for (int page = part_begin(b); page < b->to; page += ATTEND_ROWS) {
        float *at = room->weights[h] + page;
        __m512 s = _mm512_mask_mul_ps(_mm512_set1_ps(-INFINITY), seen_of(b, page),
                                      _mm512_load_ps(at), _mm512_set1_ps(room->factors[head]));
        _mm512_store_ps(at, s);
        most = _mm512_max_ps(s, most); /* of a pair with NaN, the second */
    }
    rescale(b->job, head, _mm512_reduce_max_ps(most));
    for (int page = part_begin(b); page < b->to; page += ATTEND_ROWS) {
        float *at = room->weights[h] + page;
        __m512 s = _mm512_sub_ps(_mm512_load_ps(at), _mm512_set1_ps(b->job->max[head]));
        __mmask16 some = _mm512_cmp_ps_mask(s, _mm512_set1_ps(ATTEND_NOTHING), _CMP_NLT_UQ);
        __m512 p = _mm512_maskz_mov_ps(some, exponential(s));
        _mm512_store_ps(at, p);
        sum = _mm512_add_ps(sum, p);
    }
    b->job->sum[head] += _mm512_reduce_add_ps(sum);
}

/* Adds the weighted values of n_pairs (up to 2) times 32 elements from i on. */
INLINE void add_bf16(const struct part_block *b, const struct part_room *room, size_t i,
                     size_t n_pairs, int n)
{
    size_t dim = (size_t)b->job->dim, row = b->row_bytes;
    size_t first = i / STEP * ATTEND_ROWS, shares = dim / STEP * ATTEND_ROWS;
    float *out = b->job->out + (size_t)b->head * dim + i;
    __m512 sums[HEADS][4];
    for (size_t h = 0; h < (size_t)n; h++)
        for (size_t c = 0; c < 2 * n_pairs; c++)
            sums[h][c] = _mm512_loadu_ps(out + h * dim + 16 * c);
    for (int page = part_begin(b); page < b->to; page += ATTEND_ROWS) {
        const uint8_t *v = part_page(b, page) + b->job->values_at + 2 * i;
        const uint8_t *ahead = part_keys_ahead(b, page);
        int begin = b->from > page ? b->from - page : 0;
        int end = b->to - page < ATTEND_ROWS ? b->to - page : ATTEND_ROWS;
        for (size_t j = (size_t)begin; j < (size_t)end; j++) {
            __m512 values[4];
            for (size_t c = 0; c < n_pairs; c++) {
                part_fetch(b, ahead, first + c * ATTEND_ROWS + j, shares);
                from_bf16(v + j * row + 2 * STEP * c, values + 2 * c);
            }
            for (int h = 0; h < n; h++)
                for (size_t c = 0; c < 2 * n_pairs; c++)
                    sums[h][c] = _mm512_fmadd_ps(_mm512_set1_ps(room->weights[h][(size_t)page + j]),
                                                 values[c], sums[h][c]);
        }
    }
    for (size_t h = 0; h < (size_t)n; h++)
        for (size_t c = 0; c < 2 * n_pairs; c++)
            _mm512_storeu_ps(out + h * dim + 16 * c, sums[h][c]);
}

/* Multiplies weights with the scales of a block of the values, and rounds them; sets steps. */
INLINE void scale_weights(const struct part_block *b, struct part_room *room, size_t block, int n,
                          float steps[HEADS])
{
    _Alignas(64) float products[HEADS][BLOCK_KEYS];
    __m512i most[HEADS];
    for (int h = 0; h < n; h++)
        most[h] = _mm512_setzero_si512();
    for (int page = part_begin(b); page < b->to; page += ATTEND_ROWS) {
        const uint8_t *v = part_page(b, page) + b->job->values_at + block * Q8_BYTES;
        __m512 scales = _mm512_maskz_mov_ps(seen_of(b, page), scales_of(v, b->row_bytes));
        for (int h = 0; h < n; h++) {
            __m512 p = _mm512_mul_ps(_mm512_load_ps(room->weights[h] + page), scales);
            _mm512_store_ps(products[h] + page, p);
            most[h] = _mm512_max_epu32(most[h], _mm512_castps_si512(p));
        }
    }
    for (int h = 0; h < n; h++) {
        float per_step;
        steps[h] = act_step(_mm512_reduce_max_epu32(most[h]), &per_step) / Q8_STEPS;
        per_step *= Q8_STEPS;
        for (int page = part_begin(b); page < b->to; page += ATTEND_ROWS) {
            __m512 p = _mm512_mul_ps(_mm512_load_ps(products[h] + page), _mm512_set1_ps(per_step));
            _mm256_store_si256((__m256i *)(void *)(room->scaled[h] + page),
                               _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(p)));
        }
    }
}

/* Adds a block of the values, whole pages: what is not seen has no weight. */
INLINE void add_codes(const struct part_block *b, const struct part_room *room, size_t block, int n,
                      const float steps[HEADS])
{
    size_t dim = (size_t)b->job->dim, row = b->row_bytes, n_blocks = dim / STEP;
    float *out = b->job->out + (size_t)b->head * dim + block * STEP;
    __m512i sums[HEADS][2];
    for (int h = 0; h < n; h++)
        sums[h][0] = sums[h][1] = _mm512_setzero_si512();
    for (int page = part_begin(b); page < b->to; page += ATTEND_ROWS) {
        const uint8_t *v = part_page(b, page) + b->job->values_at + block * Q8_BYTES + 2;
        const uint8_t *ahead = part_keys_ahead(b, page);
        for (size_t j = 0; j < ATTEND_ROWS; j += 2, v += 2 * row) {
            __m512i even = _mm512_cvtepi8_epi16(load_codes(v));
            __m512i odd = _mm512_cvtepi8_epi16(load_codes(v + row));
            __m512i low = _mm512_unpacklo_epi16(even, odd);
            __m512i high = _mm512_unpackhi_epi16(even, odd);
            part_fetch(b, ahead, block * 8 + j / 2, n_blocks * 8);
            for (int h = 0; h < n; h++) {
                int32_t pair;
                memcpy(&pair, room->scaled[h] + (size_t)page + j, sizeof pair);
                sums[h][0] = _mm512_dpwssd_epi32(sums[h][0], low, _mm512_set1_epi32(pair));
                sums[h][1] = _mm512_dpwssd_epi32(sums[h][1], high, _mm512_set1_epi32(pair));
            }
        }
    }
    for (size_t h = 0; h < (size_t)n; h++)
        for (size_t half = 0; half < 2; half++) {
            float *to = out + h * dim + 16 * half;
            _mm512_storeu_ps(to, _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[h][half]),
                                                 _mm512_set1_ps(steps[h]), _mm512_loadu_ps(to)));
        }
}

/* Lets some heads meet a block. */
INLINE void meet_bf16(const struct part_block *b, struct part_room *room, int n)
{
    size_t dim = (size_t)b->job->dim, i = 0;
    for (int page = part_begin(b); page < b->to; page += ATTEND_ROWS)
        score_bf16(b, room, page, n);
    for (int h = 0; h < n; h++)
        weigh(b, room, h);
    for (; i + 2 * STEP <= dim; i += 2 * STEP)
        add_bf16(b, room, i, 2, n);
    if (i < dim)
        add_bf16(b, room, i, 1, n);
}

INLINE void meet_q8(const struct part_block *b, struct part_room *room, int n)
{
    for (int page = part_begin(b); page < b->to; page += ATTEND_ROWS)
        score_q8(b, room, page, n);
    for (int h = 0; h < n; h++)
        weigh(b, room, h);
    for (size_t i = 0; i < (size_t)b->job->dim / STEP; i++) {
        float steps[HEADS];
        scale_weights(b, room, i, n, steps);
        add_codes(b, room, i, n, steps);
    }
}

INLINE void meet(const struct part_block *b, struct part_room *room, int n, enum dtype type)
{
    if (type == DTYPE_BF16)
        meet_bf16(b, room, n);
    else
        meet_q8(b, room, n);
}

/* Puts the sums of a head in order, from that of even and odd elements, or of unpacked codes. */
static void order(float *out, size_t n, enum dtype type)
{
    __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    if (type == DTYPE_Q8_0)
        low = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
    for (size_t i = 0; i < n; i += STEP, out += STEP) {
        __m512 a = _mm512_loadu_ps(out), b = _mm512_loadu_ps(out + 16);
        _mm512_storeu_ps(out, _mm512_permutex2var_ps(a, low, b));
        _mm512_storeu_ps(out + 16, _mm512_permutex2var_ps(a, high, b));
    }
}

static void attend_part_avx512(const struct part_job *job)
{
    struct part_room room;
    struct part_block b = part_first(job);
    enum dtype type = job->dtype;
    assert(job->n_heads > 0 && job->n_heads <= ATTEND_HEADS);
    assert(job->dim > 0 && job->dim % Q8_COLS == 0 && job->dim <= PART_DIM);
    start(job, &room, type);
    for (; part_seen(&b); b.key0 += BLOCK_KEYS)
        for (b.head = 0; part_heads(&b); b.head += b.n_heads) {
            if (b.n_heads == 4)
                meet(&b, &room, 4, type);
            else if (b.n_heads == 2)
                meet(&b, &room, 2, type);
            else
                meet(&b, &room, 1, type);
        }
    for (size_t h = 0; h < (size_t)job->n_heads; h++)
        order(job->out + h * (size_t)job->dim, (size_t)job->dim, type);
}

void cpu_part_avx512(struct cpu_ops *ops)
{
    ops->attend_part = attend_part_avx512;
}

#endif
