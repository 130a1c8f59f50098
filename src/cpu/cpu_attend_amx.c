/* SPDX-License-Identifier: Apache-2.0 */
/* Attention of prompt tokens on bf16 tiles.
 *
 * Everything lies the other way round: a page of keys is a tile as it is, times turned queries
 * gives scores[key][row], so that largest scores and sums run down columns, and pairs of weights
 * are the input of the next product, turned values times weights.  Only queries and values are
 * turned, once for each block of rows.
 *
 * Keys come in blocks at fixed positions.  A key that a row does not see gets the weight 0, which
 * changes no bit, so a row's result does not depend on the rows beside it. */
#if defined(__x86_64__)
#include <assert.h>
#include <float.h>
#include <math.h>

#include "cpu/cpu_amx.h"
#include "cpu/cpu_ops.h"
#include "cpu/cpu_power_amx.h"

#define PAGES (PROMPT_KEYS / ATTEND_ROWS)

/* A block of keys: the rows of its pages, from position key0 on. */
struct block {
    const uint16_t *k[PAGES];
    int key0;
};

/* Where row r lies among queries and outputs. */
static size_t row_at(const struct prompt_job *job, int r)
{
    return (size_t)(r / job->group) * job->stride + (size_t)(r % job->group) * (size_t)job->dim;
}

/* Rounds and turns the queries, and lets rows begin. */
static void start(const struct prompt_job *job, int n_rows)
{
    struct prompt_room *room = job->room;
    size_t dim = (size_t)job->dim, n = (size_t)(n_rows + 31) / 32 * 32;
    __m512i *to = (__m512i *)(void *)room->q;
    for (size_t r0 = 0; r0 < n; r0 += 16)
        for (size_t d = 0; d < dim; d += 32, to += 16) {
            __m512i v[16];
            for (size_t i = 0; i < 16; i++) {
                const float *q = job->q + row_at(job, r0 + i < (size_t)n_rows ? (int)(r0 + i) : 0);
                v[i] = (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(q + d + 16),
                                                    _mm512_loadu_ps(q + d));
            }
            turn(v);
            for (int i = 0; i < 16; i++)
                _mm512_store_si512(to + i, v[i]);
        }
    for (size_t i = 0; i < n * dim; i += 16)
        _mm512_store_ps(room->out + i, _mm512_setzero_ps());
    for (size_t r = 0; r < n; r++) {
        int t = (int)r < n_rows ? (int)r / job->group : job->n_tok - 1;
        room->max[r] = -FLT_MAX; /* finite, so that rows that have seen nothing yet stay 0 */
        room->sum[r] = 0.0f;
        room->scales[r] = job->scales[t] * LOG2_E;
        room->last[r] = job->pos0 + t;
        room->first[r] = job->window > 0 ? job->pos0 + t - job->window + 1 : 0;
    }
}

/* Rows of a page of the cache as bf16: as they lie, or decoded to room. */
static const uint16_t *page_rows(const struct prompt_job *job, const uint8_t *page, uint16_t *to)
{
    if (job->dtype == DTYPE_BF16)
        return (const uint16_t *)(const void *)page;
    for (int i = 0; i < ATTEND_ROWS * job->dim; i += 32, page += 34) {
        __m512 scale = _mm512_cvtph_ps(_mm256_set1_epi16((short)(page[0] | page[1] << 8)));
        __m512 part[2];
        for (size_t k = 0; k < 2; k++) {
            __m128i codes = _mm_loadu_si128((const __m128i *)(const void *)(page + 2 + 16 * k));
            part[k] = _mm512_mul_ps(scale, _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(codes)));
        }
        _mm512_store_si512(to + i, (__m512i)_mm512_cvtne2ps_pbh(part[1], part[0]));
    }
    return to;
}

/* Turns the values of two pages from position key on, pair by pair; keys that no row sees are 0,
 * whatever is there.  One that is no number makes every row of its block none: its weight is 0 in
 * those that do not see it. */
static void turn_values(const struct prompt_job *job, const uint16_t *const pages[2], int key,
                        uint16_t *tiles)
{
    size_t dim = (size_t)job->dim;
    int last = job->pos0 + job->n_tok - 1,
        first = job->window > 0 ? job->pos0 - job->window + 1 : 0;
    __mmask16 seen[2 * ATTEND_ROWS];
    for (int i = 0; i < 2 * ATTEND_ROWS; i++)
        seen[i] = key + i >= first && key + i <= last ? 0xffff : 0;
    for (size_t d = 0; d < dim; d += 16, tiles += TILE_INPUTS) {
        __m512i v[16];
        for (size_t p = 0; p < 16; p++) {
            const uint16_t *row = pages[p / 8] + p % 8 * 2 * dim + d;
            __m256i low = _mm256_maskz_loadu_epi16(seen[2 * p], row);
            __m256i high = _mm256_maskz_loadu_epi16(seen[2 * p + 1], row + dim);
            v[p] = _mm512_or_si512(_mm512_cvtepu16_epi32(low),
                                   _mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16));
        }
        turn(v);
        for (size_t i = 0; i < 16; i++)
            _mm512_store_si512(tiles + 32 * i, v[i]);
    }
}

/* Prepares keys and values from position key0 on.  Pages of which no row sees anything are not
 * looked at; others stand in for them. */
static void open_block(const struct prompt_job *job, struct block *b, int key0)
{
    int last = job->pos0 + job->n_tok - 1,
        first = job->window > 0 ? job->pos0 - job->window + 1 : 0;
    int low = first > 0 ? first / ATTEND_ROWS : 0, high = last / ATTEND_ROWS;
    size_t page_elements = ATTEND_ROWS * (size_t)job->dim;
    b->key0 = key0;
    for (int i = 0; i < PAGES; i += 2) {
        const uint8_t *keys[2];
        const uint16_t *values[2];
        uint16_t *room = job->room->k + (size_t)i * page_elements;
        for (int k = 0; k < 2; k++) {
            int page = key0 / ATTEND_ROWS + i + k;
            page = page < low ? low : page > high ? high : page;
            keys[k] = job->keys + job->page_ids[page] * job->page_bytes;
            values[k] = page_rows(job, keys[k] + job->values_at, room + (size_t)k * page_elements);
        }
        turn_values(job, values, key0 + i * ATTEND_ROWS,
                    job->room->v + (size_t)i / 2 * (size_t)job->dim / 16 * TILE_INPUTS);
        for (int k = 0; k < 2; k++)
            b->k[i + k] = page_rows(job, keys[k], room + (size_t)k * page_elements);
    }
}

/* scores[key][row] of 32 rows and n keys, a multiple of 32. */
static void score(const struct prompt_job *job, const struct block *b, int row, int n)
{
    size_t dim = (size_t)job->dim;
    for (int key = 0; key < n; key += 32) {
        const uint16_t *k = b->k[key / 16], *more = b->k[key / 16 + 1];
        const uint16_t *q = job->room->q + (size_t)row * dim, *others = q + 16 * dim;
        float *to = job->room->scores + (size_t)key * 32, *below = to + (size_t)16 * 32;
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
        for (size_t d = 0; d < dim; d += 32) {
            _tile_loadd(4, k + d, dim * 2);
            _tile_loadd(6, q + d * 16, ROW_BYTES);
            _tile_loadd(5, more + d, dim * 2);
            _tile_loadd(7, others + d * 16, ROW_BYTES);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
        _tile_stored(0, to, 128);
        _tile_stored(1, to + 16, 128);
        _tile_stored(2, below, 128);
        _tile_stored(3, below + 16, 128);
    }
}

/* Lets 16 rows, scores beside each other, meet n keys: scores become pairs of weights. */
static void weigh(const struct prompt_job *job, const struct block *b, int row, int n)
{
    struct prompt_room *room = job->room;
    float *scores = room->scores + row % 32, *to = scores;
    uint32_t *weights = room->weights + (size_t)(row % 32) * (PROMPT_KEYS / 2);
    const __m512 scale = _mm512_load_ps(room->scales + row);
    const __m512 old = _mm512_load_ps(room->max + row), none = _mm512_set1_ps(-INFINITY);
    const __m512i first = _mm512_load_si512(room->first + row);
    const __m512i last = _mm512_load_si512(room->last + row);
    const __m512i pairs =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    bool all = b->key0 + n - 1 <= room->last[row] && b->key0 >= room->first[row + 15];
    __m512 max = old;
    for (int key = 0; key < n; key++, to += 32) {
        __m512 s = _mm512_mul_ps(_mm512_load_ps(to), scale);
        if (!all) {
            __m512i at = _mm512_set1_epi32(b->key0 + key);
            __mmask16 seen =
                _mm512_mask_cmple_epi32_mask(_mm512_cmple_epi32_mask(first, at), at, last);
            s = _mm512_mask_mov_ps(none, seen, s);
        }
        _mm512_store_ps(to, s);
        max = _mm512_max_ps(s, max);
    }
    __m512 keep = _mm512_sub_ps(old, max);
    power_of_2(&keep);
    __m512 sum = _mm512_mul_ps(_mm512_load_ps(room->sum + row), keep);
    for (int key = 0; key < n; key += 2, scores += 64, weights += 16) {
        __m512 p0 = _mm512_sub_ps(_mm512_load_ps(scores), max);
        __m512 p1 = _mm512_sub_ps(_mm512_load_ps(scores + 32), max);
        power_of_2(&p0);
        power_of_2(&p1);
        __m512i both = (__m512i)_mm512_cvtne2ps_pbh(p1, p0);
        _mm512_store_si512(weights, _mm512_permutexvar_epi16(pairs, both));
        sum = _mm512_add_ps(sum, _mm512_add_ps(p0, p1));
    }
    _mm512_store_ps(room->max + row, max);
    _mm512_store_ps(room->sum + row, sum);
    if (_mm512_cmpneq_ps_mask(keep, _mm512_set1_ps(1.0f)) == 0)
        return;
    float *out = room->out + (size_t)row * (size_t)job->dim;
    for (int d = 0; d < job->dim; d++, out += 16)
        _mm512_store_ps(out, _mm512_mul_ps(_mm512_load_ps(out), keep));
}

/* Adds the weighted values of n keys to 32 rows. */
static void add_values(const struct prompt_job *job, int row, int n)
{
    struct prompt_room *room = job->room;
    size_t dim = (size_t)job->dim;
    for (size_t d = 0; d < dim; d += 32) {
        float *to = room->out + (size_t)row * dim + d * 16, *others = to + 16 * dim;
        const uint32_t *p = room->weights, *more = p + (size_t)16 * (PROMPT_KEYS / 2);
        const uint16_t *v = room->v + d / 16 * TILE_INPUTS;
        _tile_loadd(0, to, ROW_BYTES);
        _tile_loadd(1, others, ROW_BYTES);
        _tile_loadd(2, to + TILE_SUMS, ROW_BYTES);
        _tile_loadd(3, others + TILE_SUMS, ROW_BYTES);
        for (int key = 0; key < n; key += 32, p += 256, more += 256, v += dim / 16 * TILE_INPUTS) {
            _tile_loadd(4, v, ROW_BYTES);
            _tile_loadd(6, p, ROW_BYTES);
            _tile_loadd(5, v + TILE_INPUTS, ROW_BYTES);
            _tile_loadd(7, more, ROW_BYTES);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
        _tile_stored(0, to, ROW_BYTES);
        _tile_stored(1, others, ROW_BYTES);
        _tile_stored(2, to + TILE_SUMS, ROW_BYTES);
        _tile_stored(3, others + TILE_SUMS, ROW_BYTES);
    }
}

/* Turns the sums back to rows and divides them. */
static void finish(const struct prompt_job *job, int n_rows)
{
    const struct prompt_room *room = job->room;
    const float *from = room->out;
    for (int r0 = 0; r0 < n_rows; r0 += 16)
        for (int d = 0; d < job->dim; d += 16, from += TILE_SUMS) {
            __m512i v[16];
            for (size_t i = 0; i < 16; i++)
                v[i] = _mm512_load_si512(from + 16 * i);
            turn(v);
            for (int i = 0; i < 16 && r0 + i < n_rows; i++)
                _mm512_storeu_ps(
                    job->out + row_at(job, r0 + i) + d,
                    _mm512_div_ps(_mm512_castsi512_ps(v[i]), _mm512_set1_ps(room->sum[r0 + i])));
        }
}

static void attend_prompt_amx(const struct prompt_job *job)
{
    struct prompt_room *room = job->room;
    int n_rows = job->n_tok * job->group, end = job->pos0 + job->n_tok;
    assert(job->dim % 32 == 0 && job->dim <= PROMPT_DIM && n_rows <= PROMPT_ROWS);
    _tile_loadconfig(&whole_tiles);
    start(job, n_rows);
    int begin = room->first[0] > 0 ? room->first[0] / PROMPT_KEYS * PROMPT_KEYS : 0;
    for (int key0 = begin; key0 < end; key0 += PROMPT_KEYS) {
        struct block b;
        open_block(job, &b, key0);
        for (int row = 0; row < n_rows; row += 32) {
            /* What lies behind the last key that a row sees has no weight. */
            int n = (room->last[row + 31] - key0) / 32 * 32 + 32;
            n = n < PROMPT_KEYS ? n : PROMPT_KEYS;
            if (room->last[row + 31] < key0)
                continue;
            score(job, &b, row, n);
            weigh(job, &b, row, n);
            weigh(job, &b, row + 16, n);
            add_values(job, row, n);
        }
    }
    finish(job, n_rows);
    _tile_release();
}

void cpu_attend_amx(struct cpu_ops *ops)
{
    ops->attend_prompt = attend_prompt_amx;
}

#endif
