/* SPDX-License-Identifier: Apache-2.0 */
/* Attention of a token on tiles, over keys and values in blocks of 8 bits.
 *
 * Codes of keys are tiles as they lie; queries are 8-bit integers, a high and a low part of each
 * number.  A block's products are scaled when they are float.
 *
 * Codes of values meet weights that have the scales in them, as integers of 16 bits: two rows of 8
 * bits.  A tile of values has four keys in a word, those in the same place of four pages, which are
 * mixed byte by byte.  Two blocks of a row are mixed at once, so a tile has elements of both; it
 * meets the rows of either block's weights, and half of what comes out is used. */
#if defined(__x86_64__)
#include "cpu/cpu_part_amx.h"

#define GROUP     4                     /* pages that are mixed */
#define GROUPS    (BLOCK_PAGES / GROUP) /* of a block */
#define KINDS     4                     /* tiles that two blocks of a row's elements give */
#define LOW_STEPS 512                   /* 127 times that is less than two digits hold */

/* Two blocks of the rows of a block of keys. */
struct mixed {
    _Alignas(64) uint32_t weights[GROUPS][2][HEADS][2][ATTEND_ROWS]; /* of blocks: high, low */
    _Alignas(64) uint32_t values[GROUPS][KINDS][ATTEND_ROWS][16];
    _Alignas(64) int32_t sums[KINDS][16][16];
    float steps[2][HEADS]; /* of the weights */
};

static const struct tile_config q8_products = {
    .palette = 1,
    .row_bytes = {COLUMNS * 4, COLUMNS * 4, COLUMNS * 4, COLUMNS * 4, STEP, STEP, COLUMNS * 4},
    .rows = {16, 16, 16, 16, 16, 16, STEP / 4},
};

float part_q8_step(const float *q, int n, float *per_step)
{
    __m512i bits = _mm512_setzero_si512();
    for (int i = 0; i < n; i += 16)
        bits = _mm512_max_epu32(
            bits, _mm512_and_si512(_mm512_loadu_si512(q + i), _mm512_set1_epi32(0x7fffffff)));
    float step = act_step(_mm512_reduce_max_epu32(bits), per_step);
    *per_step *= Q8_HIGH;
    return step / Q8_HIGH;
}

void part_q8_split(const float *q, float per_step, __m512i parts[2])
{
    __m128i bytes[2][2];
    for (size_t i = 0; i < 2; i++) {
        __m512 v = _mm512_mul_ps(_mm512_loadu_ps(q + 16 * i), _mm512_set1_ps(per_step));
        __m512i all = _mm512_cvtps_epi32(v);
        __m512i high = _mm512_srai_epi32(_mm512_add_epi32(all, _mm512_set1_epi32(64)), 7);
        bytes[0][i] = _mm512_cvtepi32_epi8(high);
        bytes[1][i] = _mm512_cvtepi32_epi8(_mm512_sub_epi32(all, _mm512_slli_epi32(high, 7)));
    }
    for (size_t i = 0; i < 2; i++)
        parts[i] = _mm512_zextsi256_si512(_mm256_set_m128i(bytes[i][1], bytes[i][0]));
}

/* Products of each block of the rows of two pages, or of one twice. */
INLINE void multiply_pages(const struct fours *f, int page, int other)
{
    size_t row = f->n_steps * Q8_BYTES;
    const uint8_t *k = page_at(f, page) + 2, *more = page_at(f, other) + 2;
    for (size_t i = 0; i < f->n_steps; i++) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_loadd(6, f->room->q[i], COLUMNS * 4);
        _tile_loadd(4, k + i * Q8_BYTES, row);
        _tile_dpbssd(0, 4, 6);
        fetch_values(f, page, i);
        _tile_loadd(5, more + i * Q8_BYTES, row);
        _tile_dpbssd(1, 5, 6);
        fetch_values(f, other, i);
        _tile_stored(0, f->room->products[page][i], COLUMNS * 4);
        _tile_stored(1, f->room->products[other][i], COLUMNS * 4);
    }
}

/* The scales of block i of the rows of a page. */
INLINE __m512 scales_of(const uint8_t *page, size_t i, size_t row)
{
    const __m512i count = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i at = _mm512_mullo_epi32(count, _mm512_set1_epi32((int)row));
    __m512i words = _mm512_i32gather_epi32(at, page + i * Q8_BYTES, 1);
    return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(words));
}

/* The products of a page times the scales of its keys, in one, where the first were. */
INLINE void sum_blocks(const struct fours *f, int page)
{
    const __m512i two = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    uint32_t(*products)[ATTEND_ROWS][COLUMNS] = f->room->products[page];
    const uint8_t *rows = page_at(f, page);
    __m512 y[8];
    for (int k = 0; k < 8; k++)
        y[k] = _mm512_setzero_ps();
    for (size_t i = 0; i < f->n_steps; i++) {
        __m512 scales = scales_of(rows, i, f->n_steps * Q8_BYTES);
        for (size_t k = 0; k < 8; k++) {
            __m512i keys = _mm512_add_epi32(two, _mm512_set1_epi32(2 * (int)k));
            __m512 v = _mm512_cvtepi32_ps(_mm512_load_si512(products[i][2 * k]));
            y[k] = _mm512_fmadd_ps(v, _mm512_permutexvar_ps(keys, scales), y[k]);
        }
    }
    for (size_t k = 0; k < 8; k++)
        _mm512_store_ps(products[0][2 * k], y[k]);
}

void part_q8_multiply(const struct fours *f)
{
    _tile_loadconfig(&q8_products);
    for (int page = f->first; page <= f->last; page += 2) {
        multiply_pages(f, page, page < f->last ? page + 1 : page);
        /* Those before, while tiles are being multiplied. */
        if (page > f->first) {
            sum_blocks(f, page - 2);
            sum_blocks(f, page - 1);
        }
    }
    for (int page = f->last - (f->last - f->first) % 2; page <= f->last; page++)
        sum_blocks(f, page);
}

/* Weights of a block of 32 elements times the scales of the values there: [pages][HEADS]; what is
 * not seen is 0.  Sets steps. */
INLINE void scale_weights(const struct fours *f, size_t step, __m512 weights[BLOCK_PAGES][HEADS],
                          float steps[HEADS], float per_step[HEADS])
{
    size_t row = f->n_steps * Q8_BYTES;
    __m512i most[HEADS];
    for (int h = 0; h < HEADS; h++)
        most[h] = _mm512_setzero_si512();
    for (int page = f->first / GROUP * GROUP; page < (f->last / GROUP + 1) * GROUP; page++) {
        if (page < f->first || page > f->last) {
            for (int h = 0; h < HEADS; h++)
                weights[page][h] = _mm512_setzero_ps();
            continue;
        }
        __m512 scales = _mm512_maskz_mov_ps(
            seen_of(f, page), scales_of(page_at(f, page) + f->job->values_at, step, row));
        for (int h = 0; h < HEADS; h++) {
            __m512 p = _mm512_load_ps(f->room->weights[h][page]);
            weights[page][h] = _mm512_mul_ps(p, scales);
            most[h] = _mm512_max_epu32(most[h], _mm512_castps_si512(weights[page][h]));
        }
    }
    for (int h = 0; h < HEADS; h++) {
        steps[h] = act_step(_mm512_reduce_max_epu32(most[h]), &per_step[h]) / LOW_STEPS;
        per_step[h] *= LOW_STEPS;
    }
}

/* Rounds the weights of four pages: a row of high and one of low digits, a byte of each page in
 * the order 0 2 1 3. */
INLINE void put_weights(uint32_t rows[2][ATTEND_ROWS], const __m512 (*weights)[HEADS], int head,
                        float per_step)
{
    const __m512i odd = _mm512_set1_epi32((int)0xff00ff00);
    __m512i v[GROUP];
    for (int i = 0; i < GROUP; i++)
        v[i] = _mm512_cvtps_epi32(_mm512_mul_ps(weights[i][head], _mm512_set1_ps(per_step)));
    __m512i a = _mm512_or_si512(v[0], _mm512_slli_epi32(v[1], 16));
    __m512i b = _mm512_or_si512(v[2], _mm512_slli_epi32(v[3], 16));
    /* Where a bit of odd is set that of one, else of the other. */
    __m512i high = _mm512_ternarylogic_epi32(odd, b, _mm512_srli_epi32(a, 8), 0xca);
    __m512i low = _mm512_ternarylogic_epi32(odd, _mm512_slli_epi32(b, 8), a, 0xca);
    _mm512_store_si512(rows[0], high);
    _mm512_store_si512(rows[1], low);
}

INLINE __m512i load_codes(const uint8_t *low, const uint8_t *high)
{
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)low);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)high);
    return _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1);
}

/* Mixes the codes of two blocks of the rows of four pages. */
INLINE void put_values(uint32_t to[KINDS][ATTEND_ROWS][16], const uint8_t *const pages[GROUP],
                       size_t other, size_t row)
{
    for (size_t j = 0; j < ATTEND_ROWS; j++) {
        __m512i v[GROUP];
        for (size_t i = 0; i < GROUP; i++)
            v[i] = load_codes(pages[i] + j * row, pages[i] + j * row + other);
        for (size_t half = 0; half < 2; half++) {
            __m512i a = half ? _mm512_unpackhi_epi8(v[0], v[2]) : _mm512_unpacklo_epi8(v[0], v[2]);
            __m512i b = half ? _mm512_unpackhi_epi8(v[1], v[3]) : _mm512_unpacklo_epi8(v[1], v[3]);
            _mm512_store_si512(to[2 * half][j], _mm512_unpacklo_epi16(a, b));
            _mm512_store_si512(to[2 * half + 1][j], _mm512_unpackhi_epi16(a, b));
        }
    }
}

/* Pages that are not seen have no weight; others stand in for their codes. */
static void mix(const struct fours *f, size_t step, struct mixed *m)
{
    size_t n = f->n_steps, row = n * Q8_BYTES;
    size_t other = step + 1 < n ? step + 1 : step;
    for (size_t i = 0; i < 2; i++) {
        __m512 weights[BLOCK_PAGES][HEADS];
        float per_step[HEADS];
        scale_weights(f, i ? other : step, weights, m->steps[i], per_step);
        for (size_t g = (size_t)f->first / GROUP; g <= (size_t)f->last / GROUP; g++)
            for (int h = 0; h < HEADS; h++)
                put_weights(m->weights[g][i][h], weights + g * GROUP, h, per_step[h]);
    }
    for (int g = f->first / GROUP; g <= f->last / GROUP; g++) {
        const uint8_t *pages[GROUP];
        for (int i = 0; i < GROUP; i++) {
            int page = g * GROUP + i;
            page = page < f->first ? f->first : page > f->last ? f->last : page;
            pages[i] = page_at(f, page) + f->job->values_at + step * Q8_BYTES + 2;
            for (size_t k = step; k <= other; k++)
                fetch_keys(f, g * GROUP + i, n + k);
        }
        put_values(m->values[g], pages, (other - step) * Q8_BYTES, row);
    }
}

static void multiply_mixed(const struct fours *f, struct mixed *m)
{
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int g = f->first / GROUP; g <= f->last / GROUP; g++) {
        _tile_loadd(4, m->weights[g], ROW_BYTES);
        _tile_loadd(5, m->values[g][0], ROW_BYTES);
        _tile_dpbusd(0, 4, 5);
        _tile_loadd(6, m->values[g][1], ROW_BYTES);
        _tile_dpbusd(1, 4, 6);
        _tile_loadd(7, m->values[g][2], ROW_BYTES);
        _tile_dpbusd(2, 4, 7);
        _tile_loadd(5, m->values[g][3], ROW_BYTES);
        _tile_dpbusd(3, 4, 5);
    }
    _tile_stored(0, m->sums[0], ROW_BYTES);
    _tile_stored(1, m->sums[1], ROW_BYTES);
    _tile_stored(2, m->sums[2], ROW_BYTES);
    _tile_stored(3, m->sums[3], ROW_BYTES);
}

/* Adds the integer sums of one of the two blocks to those of its elements, [KINDS][8] a head. */
static void add_sums(const struct mixed *m, size_t i, float out[HEADS][4][16])
{
    for (int h = 0; h < HEADS; h++)
        for (size_t k = 0; k < KINDS; k++) {
            const int32_t *high = m->sums[k][8 * i + 2 * (size_t)h] + 8 * i;
            __m256i a = _mm256_load_si256((const __m256i *)(const void *)high);
            __m256i b = _mm256_load_si256((const __m256i *)(const void *)(high + 16));
            __m256 v = _mm256_cvtepi32_ps(_mm256_add_epi32(_mm256_slli_epi32(a, 8), b));
            float *to = out[h][0] + 8 * k;
            _mm256_store_ps(to,
                            _mm256_fmadd_ps(v, _mm256_set1_ps(m->steps[i][h]), _mm256_load_ps(to)));
        }
}

void part_q8_add(const struct fours *f)
{
    struct mixed m[STEPS / 2];
    size_t n = f->n_steps;
    _tile_loadconfig(&whole_tiles);
    /* All of one before the next, so that nobody waits for what has just been stored. */
    for (size_t step = 0; step < n; step += 2)
        mix(f, step, &m[step / 2]);
    for (size_t step = 0; step < n; step += 2)
        multiply_mixed(f, &m[step / 2]);
    for (size_t step = 0; step < n; step++)
        add_sums(&m[step / 2], step % 2, f->room->out[step]);
}

void part_q8_order(const struct fours *f, int head, float *out)
{
    for (size_t i = 0; i < f->n_steps; i++, out += STEP) {
        const float *from = f->room->out[i][head][0];
        for (size_t k = 0; k < KINDS; k++)
            for (size_t lane = 0; lane < 2; lane++)
                _mm_storeu_ps(out + 16 * lane + 4 * k, _mm_load_ps(from + 8 * k + 4 * lane));
    }
}

#endif
