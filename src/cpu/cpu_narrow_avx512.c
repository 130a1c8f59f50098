/* SPDX-License-Identifier: Apache-2.0 */
/* Products of few tokens with float weights where they are stored, on AVX-512: the bits of decode()
 * and wide(), whose chains of 16 lanes these are. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>

#include "cpu/cpu_floats_avx512.h"
#include "cpu/cpu_narrow.h"

#define TOKENS 4 /* that a tile has at most */

/* Some rows and tokens of a job. */
struct tile {
    __m512 sums[TOKENS][ROWS];
    __m256i top[ROWS]; /* the largest magnitudes of E4M3 codes so far */
    const struct narrow_job *job;
    const uint8_t *w[ROWS];
    const uint8_t *entries[ROWS]; /* of the rows' scales */
    const float *x;               /* of the first token */
    int n_rows, n_tok;
    enum dtype type;
    bool scaled; /* by job->scale or job->scales */
};

/* Sixteen weights of row r from element i on, 0 where fewer are left, whatever they are scaled
 * with. */
INLINE __m512 weights_16(struct tile *tile, int r, size_t i, int left)
{
    const struct narrow_job *job = tile->job;
    __m512 v, scale = _mm512_set1_ps(job->scale);
    if (tile->type == DTYPE_E4M3) {
        __m128i codes = _mm_maskz_loadu_epi8(lanes(left), tile->w[r] + i);
        __m256i high = _mm256_zextsi128_si256(codes);
        __m512 both[2];
        tile->top[r] = _mm256_max_epu8(tile->top[r], _mm256_and_si256(high, _mm256_set1_epi8(127)));
        from_e4m3_scaled(high, both);
        v = both[0];
        scale = _mm512_set1_ps(job->scale * 0x1p8f);
    } else {
        v = load_16(tile->type, tile->w[r], i, left);
    }
    if (tile->scaled || tile->type == DTYPE_E4M3)
        v = _mm512_maskz_mul_ps(lanes(left), v, scale);
    if (tile->scaled && tile->type == DTYPE_E2M1 && job->scales)
        v = _mm512_maskz_mul_ps(lanes(left), v,
                                _mm512_set1_ps(number_e4m3[tile->entries[r][i / 16]]));
    return v;
}

/* Thirty-two of them. */
INLINE void weights_32(struct tile *tile, int r, size_t i, __m512 to[2])
{
    if (tile->type != DTYPE_E4M3) {
        to[0] = weights_16(tile, r, i, 16);
        to[1] = weights_16(tile, r, i + 16, 16);
        return;
    }
    __m256i codes = _mm256_loadu_si256((const __m256i *)(const void *)(tile->w[r] + i));
    __m512 scale = _mm512_set1_ps(tile->job->scale * 0x1p8f);
    tile->top[r] = _mm256_max_epu8(tile->top[r], _mm256_and_si256(codes, _mm256_set1_epi8(127)));
    from_e4m3_scaled(codes, to);
    to[0] = _mm512_mul_ps(to[0], scale);
    to[1] = _mm512_mul_ps(to[1], scale);
}

/* Adds columns begin..end-1, times an entry for each row where weights are E4M3 with scales. */
INLINE void add_span(struct tile *tile, size_t begin, size_t end, const float *entries)
{
    const size_t stride = tile->job->x_stride;
    size_t i = begin;
    for (; i + 32 <= end; i += 32) {
        __m512 w[ROWS][2];
        for (int r = 0; r < tile->n_rows; r++) {
            weights_32(tile, r, i, w[r]);
            for (size_t c = 0; c < 2 && entries; c++)
                w[r][c] = _mm512_mul_ps(w[r][c], _mm512_set1_ps(entries[r]));
        }
        for (int t = 0; t < tile->n_tok; t++)
            for (size_t c = 0; c < 2; c++) {
                __m512 x = _mm512_loadu_ps(tile->x + (size_t)t * stride + i + 16 * c);
                for (int r = 0; r < tile->n_rows; r++)
                    tile->sums[t][r] = _mm512_fmadd_ps(w[r][c], x, tile->sums[t][r]);
            }
    }
    for (; i < end; i += 16) {
        __mmask16 m = lanes((int)(end - i));
        for (int r = 0; r < tile->n_rows; r++) {
            __m512 w = weights_16(tile, r, i, (int)(end - i));
            if (entries)
                w = _mm512_maskz_mul_ps(m, w, _mm512_set1_ps(entries[r]));
            for (int t = 0; t < tile->n_tok; t++)
                tile->sums[t][r] =
                    _mm512_fmadd_ps(w, _mm512_maskz_loadu_ps(m, tile->x + (size_t)t * stride + i),
                                    tile->sums[t][r]);
        }
    }
}

/* Adds columns begin..end-1. */
INLINE void add_columns(struct tile *tile, size_t begin, size_t end)
{
    const struct tensor_scales *scales = tile->job->scales;
    if (!tile->scaled || tile->type != DTYPE_E4M3 || !scales) {
        add_span(tile, begin, end, NULL);
        return;
    }
    for (size_t from = begin, to; from < end; from = to) {
        size_t block = from / (size_t)scales->n_cols;
        float entries[ROWS] = {0};
        to = (block + 1) * (size_t)scales->n_cols;
        to = to < end ? to : end;
        for (int r = 0; r < tile->n_rows; r++)
            entries[r] = cpu_scale_entry(tile->entries[r], scales->dtype, block);
        add_span(tile, from, to, entries);
    }
}

INLINE void multiply(const struct narrow_job *job, int r0, int n_rows, int t0, int n_tok,
                     enum dtype type, bool scaled)
{
    struct tile tile = {.job = job,
                        .x = job->x + (size_t)t0 * job->x_stride,
                        .n_rows = n_rows,
                        .n_tok = n_tok,
                        .type = type,
                        .scaled = scaled};
    float *to = job->y + (size_t)t0 * job->y_stride + r0;
    const __mmask8 all = (__mmask8)((1 << n_rows) - 1);
    for (int r = 0; r < n_rows; r++) {
        tile.w[r] = job->w + (size_t)(r0 + r) * job->row_bytes;
        tile.top[r] = _mm256_setzero_si256();
        if (scaled && job->scales)
            tile.entries[r] = cpu_scale_row(job->scales, job->row + r0 + r);
    }
    for (size_t k = 0; k < (size_t)job->n; k += WIDE_COLS) {
        size_t end = (size_t)job->n - k < WIDE_COLS ? (size_t)job->n : k + WIDE_COLS;
        for (int t = 0; t < n_tok; t++)
            for (int r = 0; r < ROWS; r++)
                tile.sums[t][r] = _mm512_setzero_ps();
        add_columns(&tile, k, end);
        for (int t = 0; t < n_tok; t++) {
            const __m512 *sums = tile.sums[t];
            float *y = to + (size_t)t * job->y_stride;
            __m128 sum = sum_of_each(sums[0], sums[1], sums[2], sums[3]);
            _mm_mask_storeu_ps(y, all, _mm_add_ps(sum, _mm_maskz_loadu_ps(k > 0 ? all : 0, y)));
        }
    }
    for (int r = 0; r < n_rows && type == DTYPE_E4M3; r++)
        if (_mm256_cmpeq_epi8_mask(tile.top[r], _mm256_set1_epi8(127)))
            for (int t = 0; t < n_tok; t++)
                to[(size_t)t * job->y_stride + (size_t)r] = NAN;
}

static void narrow_avx512(const struct narrow_job *job)
{
    narrow_by_tiles(job, TOKENS, multiply);
}

void cpu_narrow_avx512(struct cpu_ops *ops)
{
    ops->narrow = narrow_avx512;
    ops->narrow_tokens = 16;
}

#endif
