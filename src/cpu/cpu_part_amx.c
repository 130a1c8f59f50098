/* SPDX-License-Identifier: Apache-2.0 */
/* Attention of a token over part of its keys, on tiles.
 *
 * Keys and values are tiles as they lie in the cache, so nothing of them is turned.  Scores: a page
 * of keys, times turned queries, gives products[key][column].  Values: a row of values is a row of
 * pairs, an even element and the next; weights that are pairs of one and zero, or of zero and one,
 * pick either, so that two rows of weights give the two halves of a head's sums.
 *
 * Tiles multiply numbers of 8 bits, but have more rows and columns than four heads need.  So each
 * query and weight has two: a high and a low part, 16 bits together.
 *
 * Keys come in blocks at fixed positions.  One that is not seen gets the weight 0, which changes no
 * bit. */
#if defined(__x86_64__)
#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "cpu/cpu_part_amx.h"
#include "cpu/cpu_power_amx.h"

#define PASS_STEPS 4 /* whose sums fit the tile registers */

/* Scores have fewer columns than weights have rows. */
static const struct tile_config narrow_products = {
    .palette = 1,
    .row_bytes = {COLUMNS * 4, COLUMNS * 4, 0, 0, ROW_BYTES, ROW_BYTES, COLUMNS * 4},
    .rows = {16, 16, 0, 0, 16, 16, 16},
};

/* Halves of 32 elements of a query in bf16: the nearest, and what it leaves. */
INLINE void split_bf16(const float *q, __m512i parts[2])
{
    __m512 low = _mm512_loadu_ps(q), high = _mm512_loadu_ps(q + 16);
    parts[0] = (__m512i)_mm512_cvtne2ps_pbh(high, low);
    __m512i first = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(parts[0]));
    __m512i second = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(parts[0], 1));
    low = _mm512_sub_ps(low, _mm512_castsi512_ps(_mm512_slli_epi32(first, 16)));
    high = _mm512_sub_ps(high, _mm512_castsi512_ps(_mm512_slli_epi32(second, 16)));
    parts[1] = (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/* Splits and turns the queries, and lets heads begin. */
static void start(const struct fours *f)
{
    const struct part_job *job = f->job;
    struct part_room *room = f->room;
    const float *q = job->q + (size_t)f->head * (size_t)job->dim;
    float per_step[HEADS];
    bool q8 = job->dtype == DTYPE_Q8_0;
    memset(room->out, 0, f->n_steps * sizeof room->out[0]);
    for (int h = 0; h < HEADS; h++) {
        room->max[h] = -FLT_MAX;
        room->sum[h] = 0.0f;
        room->factor[h] = job->scale;
        if (q8 && h < f->n_heads)
            room->factor[h] *=
                part_q8_step(q + (size_t)h * (size_t)job->dim, job->dim, &per_step[h]);
    }
    for (size_t i = 0; i < f->n_steps; i++) {
        __m512i v[16], parts[2];
        for (size_t k = 0; k < 16; k++)
            v[k] = _mm512_setzero_si512();
        for (int h = 0; h < f->n_heads; h++) {
            const float *of_head = q + (size_t)h * (size_t)job->dim + i * STEP;
            if (q8)
                part_q8_split(of_head, per_step[h], parts);
            else
                split_bf16(of_head, parts);
            v[h] = parts[0];
            v[HEADS + h] = parts[1];
        }
        turn(v);
        for (size_t k = 0; k < 16; k++)
            _mm256_store_si256((__m256i *)(void *)room->q[i][k], _mm512_castsi512_si256(v[k]));
    }
}

/* Products of the pages of a block with the queries, two pages at once. */
static void multiply(const struct fours *f)
{
    size_t dim = (size_t)f->job->dim, n = dim / STEP;
    _tile_loadconfig(&narrow_products);
    for (int page = f->first; page <= f->last; page += 2) {
        int other = page < f->last ? page + 1 : page;
        const uint8_t *k = page_at(f, page), *more = page_at(f, other);
        _tile_zero(0);
        _tile_zero(1);
        for (size_t i = 0; i < n; i++) {
            _tile_loadd(6, f->room->q[i], COLUMNS * 4);
            _tile_loadd(4, k + i * STEP * 2, dim * 2);
            _tile_dpbf16ps(0, 4, 6);
            fetch_values(f, page, i);
            _tile_loadd(5, more + i * STEP * 2, dim * 2);
            _tile_dpbf16ps(1, 5, 6);
            fetch_values(f, other, i);
        }
        _tile_stored(0, f->room->products[page][0], COLUMNS * 4);
        _tile_stored(1, f->room->products[other][0], COLUMNS * 4);
    }
}

/* From y, [2 keys][COLUMNS] each, to a vector of 16 keys for each head. */
INLINE void turn_scores(const __m512 y[8], float high, __m512 heads[HEADS])
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512 keys[4], pairs[4];
    for (size_t k = 0; k < 4; k++)
        keys[k] = _mm512_fmadd_ps(_mm512_shuffle_f32x4(y[2 * k], y[2 * k + 1], 0x88),
                                  _mm512_set1_ps(high),
                                  _mm512_shuffle_f32x4(y[2 * k], y[2 * k + 1], 0xdd));
    for (int k = 0; k < 4; k += 2) {
        pairs[k] = _mm512_unpacklo_ps(keys[k], keys[k + 1]);
        pairs[k + 1] = _mm512_unpackhi_ps(keys[k], keys[k + 1]);
    }
    for (int h = 0; h < HEADS; h++) {
        __m512d low = _mm512_castps_pd(pairs[h / 2]), more = _mm512_castps_pd(pairs[h / 2 + 2]);
        __m512d v = h % 2 ? _mm512_unpackhi_pd(low, more) : _mm512_unpacklo_pd(low, more);
        heads[h] = _mm512_permutexvar_ps(order, _mm512_castpd_ps(v));
    }
}

/* Scores of a block, and the largest of each head. */
static void score(const struct fours *f, __m512 max[HEADS])
{
    struct part_room *room = f->room;
    bool q8 = f->job->dtype == DTYPE_Q8_0;
    for (int h = 0; h < HEADS; h++)
        max[h] = _mm512_set1_ps(room->max[h]);
    for (int page = f->first; page <= f->last; page++) {
        __mmask16 seen = seen_of(f, page);
        __m512 y[8], heads[HEADS];
        for (size_t k = 0; k < 8; k++)
            y[k] = _mm512_load_ps(room->products[page][0][2 * k]);
        for (size_t i = 0; i < f->n_steps; i++)
            fetch_values(f, page, f->n_steps + i);
        turn_scores(y, q8 ? Q8_HIGH : 1.0f, heads);
        for (int h = 0; h < HEADS; h++) {
            __m512 s = _mm512_mask_mul_ps(_mm512_set1_ps(-INFINITY), seen, heads[h],
                                          _mm512_set1_ps(room->factor[h]));
            _mm512_store_ps(room->weights[h][page], s);
            max[h] = _mm512_max_ps(s, max[h]);
        }
    }
}

/* What earlier sums of a head are worth when a larger score comes. */
static void rescale(const struct fours *f, int h, float max)
{
    struct part_room *room = f->room;
    if (max == room->max[h])
        return;
    __m512 keep = _mm512_set1_ps(expf(room->max[h] - max));
    room->sum[h] *= _mm512_cvtss_f32(keep);
    room->max[h] = max;
    for (size_t i = 0; i < f->n_steps; i++)
        for (int r = 0; r < 4; r++) {
            float *row = room->out[i][h][r];
            _mm512_store_ps(row, _mm512_mul_ps(_mm512_load_ps(row), keep));
        }
}

/* Scores to weights of 16 bits. */
static void weigh(const struct fours *f, const __m512 most[HEADS])
{
    struct part_room *room = f->room;
    for (int h = 0; h < HEADS; h++) {
        rescale(f, h, _mm512_reduce_max_ps(most[h]));
        __m512 max = _mm512_set1_ps(room->max[h]), sum = _mm512_setzero_ps();
        for (int page = f->first; page <= f->last; page++) {
            float *at = room->weights[h][page];
            __m512 power =
                _mm512_mul_ps(_mm512_sub_ps(_mm512_load_ps(at), max), _mm512_set1_ps(LOG2_E));
            power_of_2(&power);
            __m512i p = _mm512_castps_si512(power);
            p = _mm512_and_si512(p, _mm512_set1_epi32((int)0xffffff00));
            _mm512_store_si512(at, p);
            sum = _mm512_add_ps(sum, _mm512_castsi512_ps(p));
            for (size_t i = (size_t)h; i < f->n_steps; i += HEADS)
                fetch_keys(f, page, i);
        }
        room->sum[h] += _mm512_reduce_add_ps(sum);
    }
}

/* The rows of a tile of weights: of each head the high and the low part, that either picks the even
 * or the odd element of a pair. */
INLINE void pick(const struct part_room *room, int page, uint32_t rows[4 * HEADS][ATTEND_ROWS])
{
    const __m512i upper = _mm512_set1_epi32((int)0xffff0000);
    for (int h = 0; h < HEADS; h++, rows += 4) {
        __m512 weights = _mm512_load_ps(room->weights[h][page]);
        __m512i high = _mm512_and_si512(_mm512_castps_si512(weights), upper);
        __m512i low = _mm512_castps_si512(_mm512_sub_ps(weights, _mm512_castsi512_ps(high)));
        _mm512_store_si512(rows[0], _mm512_srli_epi32(high, 16));
        _mm512_store_si512(rows[1], high);
        _mm512_store_si512(rows[2], _mm512_srli_epi32(low, 16));
        _mm512_store_si512(rows[3], low);
    }
}

/* Rows of values of which some are not seen: those are 0, whatever is there. */
static const uint8_t *seen_values(const uint8_t *rows, size_t row_bytes, size_t n, __mmask16 seen,
                                  uint16_t to[ATTEND_ROWS][PASS_STEPS * STEP])
{
    for (size_t j = 0; j < ATTEND_ROWS; j++)
        for (size_t i = 0; i < n; i++) {
            __mmask32 all = seen >> j & 1 ? 0xffffffff : 0;
            _mm512_store_si512(to[j] + i * STEP,
                               _mm512_maskz_loadu_epi16(all, rows + j * row_bytes + i * 2 * STEP));
        }
    return (const uint8_t *)to;
}

/* Sums of n steps to and from the tile registers. */
INLINE void load_sums(float (*out)[HEADS][4][16], size_t n)
{
    _tile_loadd(0, out[0], ROW_BYTES);
    if (n > 1)
        _tile_loadd(1, out[1], ROW_BYTES);
    if (n > 2)
        _tile_loadd(2, out[2], ROW_BYTES);
    if (n > 3)
        _tile_loadd(3, out[3], ROW_BYTES);
}

INLINE void store_sums(float (*out)[HEADS][4][16], size_t n)
{
    _tile_stored(0, out[0], ROW_BYTES);
    if (n > 1)
        _tile_stored(1, out[1], ROW_BYTES);
    if (n > 2)
        _tile_stored(2, out[2], ROW_BYTES);
    if (n > 3)
        _tile_stored(3, out[3], ROW_BYTES);
}

/* Adds the weighted values of a block, n steps from the first on. */
INLINE void add_steps(const struct fours *f, size_t first, size_t n)
{
    _Alignas(64) uint32_t picks[2][4 * HEADS][ATTEND_ROWS];
    _Alignas(64) uint16_t seen_rows[ATTEND_ROWS][PASS_STEPS * STEP];
    load_sums(f->room->out + first, n);
    pick(f->room, f->first, picks[f->first % 2]);
    for (int page = f->first; page <= f->last; page++) {
        __mmask16 seen = seen_of(f, page);
        size_t row = (size_t)f->job->dim * 2;
        const uint8_t *v = page_at(f, page) + f->job->values_at + first * STEP * 2;
        if (seen != 0xffff) {
            v = seen_values(v, row, n, seen, seen_rows);
            row = sizeof seen_rows[0];
        }
        /* Those of the next page, so that no tile waits for what has just been stored. */
        if (page < f->last)
            pick(f->room, page + 1, picks[(page + 1) % 2]);
        _tile_loadd(4, picks[page % 2], ROW_BYTES);
        _tile_loadd(5, v, row);
        _tile_dpbf16ps(0, 4, 5);
        fetch_keys(f, page, f->n_steps + first);
        if (n > 1) {
            _tile_loadd(6, v + 2 * STEP, row);
            _tile_dpbf16ps(1, 4, 6);
            fetch_keys(f, page, f->n_steps + first + 1);
        }
        if (n > 2) {
            _tile_loadd(7, v + 4 * STEP, row);
            _tile_dpbf16ps(2, 4, 7);
            fetch_keys(f, page, f->n_steps + first + 2);
        }
        if (n > 3) {
            _tile_loadd(5, v + 6 * STEP, row);
            _tile_dpbf16ps(3, 4, 5);
            fetch_keys(f, page, f->n_steps + first + 3);
        }
    }
    store_sums(f->room->out + first, n);
}

static void add_values(const struct fours *f)
{
    size_t n = f->n_steps, first = 0;
    _tile_loadconfig(&whole_tiles);
    for (; first + PASS_STEPS <= n; first += PASS_STEPS)
        add_steps(f, first, PASS_STEPS);
    if (first < n)
        add_steps(f, first, n - first);
}

/* Puts the parts and halves of a head's sums together. */
static void order(const struct fours *f, int h, float *out)
{
    for (size_t i = 0; i < f->n_steps; i++, out += STEP) {
        const float(*rows)[16] = f->room->out[i][h];
        for (size_t k = 0; k < 16; k++) {
            out[2 * k] = rows[0][k] + rows[2][k];
            out[2 * k + 1] = rows[1][k] + rows[3][k];
        }
    }
}

static void finish(const struct fours *f)
{
    const struct part_job *job = f->job;
    for (int h = 0; h < f->n_heads; h++) {
        int head = f->head + h;
        job->max[head] = f->room->max[h];
        job->sum[head] = f->room->sum[h];
        if (job->dtype == DTYPE_Q8_0)
            part_q8_order(f, h, job->out + (size_t)head * (size_t)job->dim);
        else
            order(f, h, job->out + (size_t)head * (size_t)job->dim);
    }
}

/* Lets the heads meet a block. */
static void meet(const struct fours *f)
{
    bool q8 = f->job->dtype == DTYPE_Q8_0;
    __m512 max[HEADS];
    if (q8)
        part_q8_multiply(f);
    else
        multiply(f);
    score(f, max);
    weigh(f, max);
    if (q8)
        part_q8_add(f);
    else
        add_values(f);
}

static void attend_part_amx(const struct part_job *job)
{
    struct part_room room;
    struct fours f = {.job = job, .room = &room};
    assert(job->dim % STEP == 0 && job->dim <= PART_DIM);
    f.n_steps = (size_t)job->dim / STEP;
    f.share = ATTEND_ROWS / 2 * dtype_bytes(job->dtype, STEP);
    for (; f.head < job->n_heads; f.head += HEADS) {
        f.n_heads = job->n_heads - f.head < HEADS ? job->n_heads - f.head : HEADS;
        start(&f);
        f.key0 = job->begin / BLOCK_KEYS * BLOCK_KEYS;
        for (; f.key0 < job->end; f.key0 += BLOCK_KEYS) {
            f.first = f.key0 < job->begin ? (job->begin - f.key0) / ATTEND_ROWS : 0;
            f.last = (job->end - f.key0 - 1) / ATTEND_ROWS;
            f.last = f.last < BLOCK_PAGES ? f.last : BLOCK_PAGES - 1;
            meet(&f);
        }
        finish(&f);
    }
    _tile_release();
}

void cpu_part_amx(struct cpu_ops *ops)
{
    ops->attend_part = attend_part_amx;
}

#endif
