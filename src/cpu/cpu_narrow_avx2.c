/* SPDX-License-Identifier: Apache-2.0 */
/* Products of few tokens with float weights where they are stored, on AVX2: the bits of decode()
 * and wide(), whose chains of eight lanes these are. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>

#include "cpu/cpu_floats_avx2.h"
#include "cpu/cpu_narrow.h"
#include "tensor/block.h"

#define TOKENS 2 /* registers are few */

/* Some rows and tokens of a job. */
struct tile {
    const struct narrow_job *job;
    const uint8_t *w[ROWS];
    const uint8_t *entries[ROWS]; /* of the rows' scales */
    const float *x;               /* of the first token */
    __m256 sums[TOKENS][ROWS];
    __m256 largest[ROWS]; /* magnitudes of E4M3 */
    int row, n_rows, n_tok;
    enum dtype type;
    bool scaled; /* by job->scale or job->scales */
};

/* Eight weights of row r from element i on. */
INLINE __m256 weights_8(struct tile *tile, int r, size_t i)
{
    const struct narrow_job *job = tile->job;
    __m256 v = load_weights(tile->type, tile->w[r], i);
    if (tile->type == DTYPE_E4M3)
        tile->largest[r] = _mm256_max_ps(tile->largest[r], magnitude(v));
    if (tile->scaled)
        v = _mm256_mul_ps(v, _mm256_set1_ps(job->scale));
    if (tile->scaled && tile->type == DTYPE_E2M1 && job->scales)
        v = _mm256_mul_ps(v, _mm256_set1_ps(number_e4m3[tile->entries[r][i / 16]]));
    return v;
}

/* The last of a row, 0 where fewer than eight are left. */
INLINE __m256 weights_left(const struct tile *tile, int r, size_t i, int left)
{
    const struct narrow_job *job = tile->job;
    float v[8] = {0};
    block_decode(tile->type, tile->w[r] + dtype_bytes(tile->type, (int64_t)i), v, left);
    for (int k = 0; k < left && tile->scaled; k++)
        v[k] *= job->scale;
    if (tile->scaled && job->scales)
        cpu_apply_scales(job->scales, job->row + tile->row + r, (int64_t)i, left, v);
    return _mm256_loadu_ps(v);
}

/* Adds columns begin..end-1 but for the last few, times an entry for each row where weights are
 * E4M3 with scales; returns where it stopped. */
INLINE size_t add_span(struct tile *tile, size_t begin, size_t end, const float *entries)
{
    size_t i = begin;
    for (; i + 8 <= end; i += 8) {
        __m256 x[TOKENS];
        for (int t = 0; t < tile->n_tok; t++)
            x[t] = _mm256_loadu_ps(tile->x + (size_t)t * tile->job->x_stride + i);
        for (int r = 0; r < tile->n_rows; r++) {
            __m256 w = weights_8(tile, r, i);
            if (entries)
                w = _mm256_mul_ps(w, _mm256_set1_ps(entries[r]));
            for (int t = 0; t < tile->n_tok; t++)
                tile->sums[t][r] = _mm256_fmadd_ps(w, x[t], tile->sums[t][r]);
        }
    }
    return i;
}

/* Adds columns begin..end-1, of which only a row's last ones are no multiple of eight. */
INLINE void add_columns(struct tile *tile, size_t begin, size_t end)
{
    const struct tensor_scales *scales = tile->job->scales;
    bool blocks = tile->scaled && tile->type == DTYPE_E4M3 && scales;
    size_t i = begin;
    if (!blocks)
        i = add_span(tile, begin, end, NULL);
    for (size_t from = begin, to; from < end && blocks; from = to) {
        size_t block = from / (size_t)scales->n_cols;
        float entries[ROWS] = {0};
        to = (block + 1) * (size_t)scales->n_cols;
        to = to < end ? to : end;
        for (int r = 0; r < tile->n_rows; r++)
            entries[r] = cpu_scale_entry(tile->entries[r], scales->dtype, block);
        i = add_span(tile, from, to, entries);
    }
    int left = (int)(end - i);
    for (int r = 0; r < tile->n_rows && left > 0; r++) {
        __m256 w = weights_left(tile, r, i, left);
        for (int t = 0; t < tile->n_tok; t++) {
            const float *x = tile->x + (size_t)t * tile->job->x_stride + i;
            tile->sums[t][r] =
                _mm256_fmadd_ps(w, _mm256_maskload_ps(x, lanes(left)), tile->sums[t][r]);
        }
    }
}

INLINE void multiply(const struct narrow_job *job, int r0, int n_rows, int t0, int n_tok,
                     enum dtype type, bool scaled)
{
    struct tile tile = {.job = job,
                        .x = job->x + (size_t)t0 * job->x_stride,
                        .row = r0,
                        .n_rows = n_rows,
                        .n_tok = n_tok,
                        .type = type,
                        .scaled = scaled};
    float *to = job->y + (size_t)t0 * job->y_stride + r0;
    for (int r = 0; r < n_rows; r++) {
        tile.w[r] = job->w + (size_t)(r0 + r) * job->row_bytes;
        tile.largest[r] = _mm256_setzero_ps();
        if (scaled && job->scales)
            tile.entries[r] = cpu_scale_row(job->scales, job->row + r0 + r);
    }
    for (size_t k = 0; k < (size_t)job->n; k += WIDE_COLS) {
        for (int t = 0; t < n_tok; t++)
            for (int r = 0; r < ROWS; r++)
                tile.sums[t][r] = _mm256_setzero_ps();
        add_columns(&tile, k, (size_t)job->n - k < WIDE_COLS ? (size_t)job->n : k + WIDE_COLS);
        for (int t = 0; t < n_tok; t++) {
            const __m256 *sums = tile.sums[t];
            float *y = to + (size_t)t * job->y_stride, four[4];
            _mm_storeu_ps(four, sum_of_each(sums[0], sums[1], sums[2], sums[3]));
            for (int r = 0; r < n_rows; r++)
                y[r] = k > 0 ? y[r] + four[r] : four[r];
        }
    }
    for (int r = 0; r < n_rows && type == DTYPE_E4M3; r++)
        if (has_nan_code(tile.largest[r]))
            for (int t = 0; t < n_tok; t++)
                to[(size_t)t * job->y_stride + (size_t)r] = NAN;
}

static void narrow_avx2(const struct narrow_job *job)
{
    narrow_by_tiles(job, TOKENS, multiply);
}

void cpu_narrow_avx2(struct cpu_ops *ops)
{
    ops->narrow = narrow_avx2;
    ops->narrow_tokens = 4;
}

#endif
