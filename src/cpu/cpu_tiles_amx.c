/* SPDX-License-Identifier: Apache-2.0 */
/* Products of bf16 tiles on AMX.
 *
 * Four tiles of sums, two of weights and two of inputs fill the registers: each tile that is
 * loaded is used twice.  That is still more than the second-level cache delivers, so one of both
 * operands comes from the first.  Subnormal bf16 numbers count as 0, as the unit takes them. */
#if defined(__x86_64__)
#include "cpu/cpu_amx.h"
#include "cpu/cpu_ops.h"

/* Lanes of the next 16 elements when left remain. */
INLINE __mmask16 lanes(int left)
{
    return left >= 16 ? (__mmask16)0xffff : left <= 0 ? 0 : (__mmask16)((1u << left) - 1);
}

/* Columns i..i+31 of n, 0 where there are no more. */
INLINE __m512i round_32(const float *x, int i, int n)
{
    /* An address behind the row is only formed, never read: its lanes are off. */
    __m512 low = _mm512_maskz_loadu_ps(lanes(n - i), x + i);
    __m512 high = _mm512_maskz_loadu_ps(lanes(n - i - 16), n - i > 16 ? x + i + 16 : x);
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

static void tile_weights_amx(uint16_t *tiles, const float *w, int n)
{
    int i = 0;
    for (; i + TILE_COLS <= n; i += TILE_COLS, tiles += TILE_INPUTS)
        _mm512_store_si512(tiles, (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(w + i + 16),
                                                               _mm512_loadu_ps(w + i)));
    if (i < n)
        _mm512_store_si512(tiles, round_32(w, i, n));
}

static void tile_inputs_amx(uint16_t *tiles, const float *x, size_t x_stride, int n_tok, int n)
{
    for (int i = 0; i < n; i += TILE_COLS, tiles += TILE_INPUTS) {
        __m512i v[16];
        for (int t = 0; t < TILE_ROWS; t++)
            v[t] = t < n_tok ? round_32(x + (size_t)t * x_stride, i, n) : _mm512_setzero_si512();
        turn(v);
        for (size_t pair = 0; pair < TILE_COLS / 2; pair++)
            _mm512_store_si512(tiles + pair * TILE_COLS, v[pair]);
    }
}

static void untile_amx(float *y, size_t y_stride, const float *tile, float scale, int n_tok,
                       int n_rows)
{
    __m512i v[16];
    __mmask16 m = lanes(n_rows);
    for (size_t r = 0; r < TILE_ROWS; r++)
        v[r] = (__m512i)_mm512_mul_ps(_mm512_load_ps(tile + r * TILE_ROWS), _mm512_set1_ps(scale));
    turn(v);
    for (int t = 0; t < n_tok; t++)
        _mm512_mask_storeu_epi32(y + (size_t)t * y_stride, m, v[t]);
}

/* Asks for as much of what is read behind the job as two tiles are, element i of its inputs. */
INLINE void fetch_ahead(const struct tile_job *job, size_t i)
{
    const size_t piece = 2 * TILE_INPUTS * sizeof *job->w / AHEAD_RUNS;
    const size_t run = (size_t)job->n_col_tiles * piece;
    for (size_t k = 0; job->ahead && k < AHEAD_RUNS; k++)
        cpu_prefetch(job->ahead + k * run + i / TILE_INPUTS * piece, piece);
}

/* Two tiles of tokens, from t on, with those of the rows.  The weights stay in the first-level
 * cache, the inputs pass it by. */
INLINE void products_2x2(const struct tile_job *job, size_t t)
{
    size_t n = (size_t)job->n_col_tiles * TILE_INPUTS, row_bytes = job->w_row * sizeof *job->w;
    const uint16_t *w0 = job->w, *w1 = w0 + job->w_second;
    const uint16_t *x0 = job->x + t * n, *x1 = x0 + n;
    float *y = job->y + 2 * t * TILE_SUMS;
    if (job->add) {
        _tile_loadd(0, y, ROW_BYTES);
        _tile_loadd(1, y + TILE_SUMS, ROW_BYTES);
        _tile_loadd(2, y + 2 * TILE_SUMS, ROW_BYTES);
        _tile_loadd(3, y + 3 * TILE_SUMS, ROW_BYTES);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (size_t i = 0; i < n; i += TILE_INPUTS, w0 += job->w_tile, w1 += job->w_tile) {
        fetch_ahead(job, i);
        /* The sums of the next two tiles of tokens. */
        for (size_t line = 0; line < 4; line++)
            _mm_prefetch((const char *)(y + 4 * TILE_SUMS + (i / 8 + line * 16) % (4 * TILE_SUMS)),
                         _MM_HINT_T0);
        _tile_loadd(4, w0, row_bytes);
        _tile_stream_loadd(6, x0 + i, ROW_BYTES);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(5, w1, row_bytes);
        _tile_dpbf16ps(1, 5, 6);
        _tile_stream_loadd(7, x1 + i, ROW_BYTES);
        _tile_dpbf16ps(2, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, y, ROW_BYTES);
    _tile_stored(1, y + TILE_SUMS, ROW_BYTES);
    _tile_stored(2, y + 2 * TILE_SUMS, ROW_BYTES);
    _tile_stored(3, y + 3 * TILE_SUMS, ROW_BYTES);
}

/* The same with one tile of tokens. */
INLINE void products_2x1(const struct tile_job *job, size_t t)
{
    size_t n = (size_t)job->n_col_tiles * TILE_INPUTS, row_bytes = job->w_row * sizeof *job->w;
    const uint16_t *w0 = job->w, *w1 = w0 + job->w_second, *x = job->x + t * n;
    float *y = job->y + 2 * t * TILE_SUMS;
    if (job->add) {
        _tile_loadd(0, y, ROW_BYTES);
        _tile_loadd(1, y + TILE_SUMS, ROW_BYTES);
    } else {
        _tile_zero(0);
        _tile_zero(1);
    }
    for (size_t i = 0; i < n; i += TILE_INPUTS, w0 += job->w_tile, w1 += job->w_tile) {
        fetch_ahead(job, i);
        _tile_loadd(4, w0, row_bytes);
        _tile_stream_loadd(6, x + i, ROW_BYTES);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(5, w1, row_bytes);
        _tile_dpbf16ps(1, 5, 6);
    }
    _tile_stored(0, y, ROW_BYTES);
    _tile_stored(1, y + TILE_SUMS, ROW_BYTES);
}

static void tile_products_amx(const struct tile_job *job)
{
    size_t t = 0, n = (size_t)job->n_tok_tiles;
    _tile_loadconfig(&whole_tiles);
    for (; t + 2 <= n; t += 2)
        products_2x2(job, t);
    if (t < n)
        products_2x1(job, t);
    _tile_release();
}

void cpu_tiles_amx(struct cpu_ops *ops)
{
    ops->tile_weights = tile_weights_amx;
    ops->tile_inputs = tile_inputs_amx;
    ops->tile_products = tile_products_amx;
    ops->untile = untile_amx;
    ops->tiled = true;
}

#endif
