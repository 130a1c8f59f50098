/* SPDX-License-Identifier: Apache-2.0 */
/* Products with float weights, and the other operations, on AVX-512. */
#if defined(__x86_64__)
#include <math.h>

#include "cpu/cpu_floats_avx512.h"
#include "tensor/block.h"
#include "tensor/number.h"

/* 32 codes; NaN where all seven bits below the sign are set. */
INLINE void decode_e4m3(const uint8_t *src, float *dst)
{
    __m256i codes = _mm256_loadu_si256((const __m256i *)(const void *)src);
    __mmask32 nan = _mm256_cmpeq_epi8_mask(_mm256_or_si256(codes, _mm256_set1_epi8(-128)),
                                           _mm256_set1_epi8(-1));
    __m512 values[2];
    from_e4m3_scaled(codes, values);
    for (size_t i = 0; i < 2; i++) {
        values[i] = _mm512_mul_ps(values[i], _mm512_set1_ps(0x1p8f));
        values[i] = _mm512_mask_mov_ps(values[i], (__mmask16)(nan >> 16 * i), _mm512_set1_ps(NAN));
        _mm512_storeu_ps(dst + 16 * i, values[i]);
    }
}

/* A block of 32: low nibbles of 16 bytes first. */
INLINE void decode_mxfp4(const uint8_t *src, float *dst)
{
    __m512i v = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)(src + 1)));
    __m512 d = _mm512_set1_ps(number_from_e8m0(src[0]));
    _mm512_storeu_ps(dst, _mm512_mul_ps(_mm512_permutexvar_ps(v, e2m1_values()), d));
    v = _mm512_srli_epi32(v, 4);
    _mm512_storeu_ps(dst + 16, _mm512_mul_ps(_mm512_permutexvar_ps(v, e2m1_values()), d));
}

void cpu_decode_float_avx512(enum dtype type, const void *src, float *dst, int64_t n)
{
    const uint8_t *p = src;
    int64_t i = 0;
    if (type == DTYPE_F16 || type == DTYPE_BF16 || type == DTYPE_E2M1)
        for (; i + 16 <= n; i += 16)
            _mm512_storeu_ps(dst + i, load_16(type, p, (size_t)i, 16));
    else if (type == DTYPE_E4M3)
        for (; i + 32 <= n; i += 32)
            decode_e4m3(p + i, dst + i);
    else if (type == DTYPE_MXFP4)
        for (; i < n; i += 32)
            decode_mxfp4(p + dtype_bytes(type, i), dst + i);
    block_decode(type, p + dtype_bytes(type, i), dst + i, n - i);
}

/* n_rows (4 or 1) by n_tok (up to 6) sums, vectors along the inner dimension. */
INLINE void tile(const struct wide_job *job, int r0, int t0, int n_rows, int n_tok)
{
    const float *w = job->w + (size_t)r0 * job->w_stride;
    const float *x = job->x + (size_t)t0 * job->x_stride;
    float *y = job->y + (size_t)t0 * job->y_stride + r0;
    __m512 sums[6][4];
    for (int t = 0; t < n_tok; t++)
        for (int r = 0; r < 4; r++)
            sums[t][r] = _mm512_setzero_ps();
    int i = 0;
    for (; i + 16 <= job->n; i += 16) {
        __m512 rows[4];
        for (int r = 0; r < n_rows; r++)
            rows[r] = _mm512_loadu_ps(w + (size_t)r * job->w_stride + i);
        for (int t = 0; t < n_tok; t++) {
            __m512 v = _mm512_loadu_ps(x + (size_t)t * job->x_stride + i);
            for (int r = 0; r < n_rows; r++)
                sums[t][r] = _mm512_fmadd_ps(rows[r], v, sums[t][r]);
        }
    }
    if (i < job->n) {
        __mmask16 m = lanes(job->n - i);
        for (int t = 0; t < n_tok; t++) {
            __m512 v = _mm512_maskz_loadu_ps(m, x + (size_t)t * job->x_stride + i);
            for (int r = 0; r < n_rows; r++)
                sums[t][r] = _mm512_fmadd_ps(
                    _mm512_maskz_loadu_ps(m, w + (size_t)r * job->w_stride + i), v, sums[t][r]);
        }
    }
    __mmask8 all = (__mmask8)((1 << n_rows) - 1), old = job->add ? all : 0;
    for (int t = 0; t < n_tok; t++, y += job->y_stride) {
        __m128 sum = sum_of_each(sums[t][0], sums[t][1], sums[t][2], sums[t][3]);
        _mm_mask_storeu_ps(y, all, _mm_add_ps(sum, _mm_maskz_loadu_ps(old, y)));
    }
}

/* All rows for n_tok tokens, whose vectors stay in the first-level cache. */
INLINE void wide_tokens(const struct wide_job *job, int t, int n_tok)
{
    int r = 0;
    for (; r + 4 <= job->n_rows; r += 4)
        tile(job, r, t, 4, n_tok);
    for (; r < job->n_rows; r++)
        tile(job, r, t, 1, n_tok);
}

static void wide_avx512(const struct wide_job *job)
{
    int t = 0;
    for (; t + 6 <= job->n_tok; t += 6)
        wide_tokens(job, t, 6);
    for (; t + 3 <= job->n_tok; t += 3)
        wide_tokens(job, t, 3);
    for (; t < job->n_tok; t++)
        wide_tokens(job, t, 1);
}

/* 64 columns from column i on, each a chain along the rows, for n_tok (up to 4) tokens. */
INLINE void fold_columns(const struct wide_job *job, int i, int t0, int n_tok)
{
    const float *w = job->w + i, *x = job->x + (size_t)t0 * job->x_stride;
    float *y = job->y + (size_t)t0 * job->y_stride + i;
    __mmask16 m[4];
    __m512 sums[4][4];
    for (int v = 0; v < 4; v++)
        m[v] = lanes(job->n - i > 16 * v ? job->n - i - 16 * v : 0);
    for (int t = 0; t < n_tok; t++)
        for (int v = 0; v < 4; v++)
            sums[t][v] = _mm512_setzero_ps();
    for (int r = 0; r < job->n_rows; r++)
        for (int v = 0; v < 4; v++) {
            __m512 row =
                _mm512_maskz_loadu_ps(m[v], w + (size_t)r * job->w_stride + 16 * (size_t)v);
            for (int t = 0; t < n_tok; t++)
                sums[t][v] = _mm512_fmadd_ps(
                    _mm512_set1_ps(x[(size_t)t * job->x_stride + (size_t)r]), row, sums[t][v]);
        }
    for (int t = 0; t < n_tok; t++)
        for (int v = 0; v < 4; v++) {
            float *to = y + (size_t)t * job->y_stride + 16 * (size_t)v;
            if (job->add)
                sums[t][v] = _mm512_add_ps(sums[t][v], _mm512_maskz_loadu_ps(m[v], to));
            _mm512_mask_storeu_ps(to, m[v], sums[t][v]);
        }
}

static void fold_avx512(const struct wide_job *job)
{
    for (int i = 0; i < job->n; i += 64) {
        int t = 0;
        for (; t + 4 <= job->n_tok; t += 4)
            fold_columns(job, i, t, 4);
        for (; t < job->n_tok; t++)
            fold_columns(job, i, t, 1);
    }
}

static void rms_norm_avx512(float *y, const float *x, const float *gain, int n, float eps)
{
    __m512 a = _mm512_setzero_ps(), b = _mm512_setzero_ps();
    for (int i = 0; i < n; i += 32) {
        __m512 v = _mm512_maskz_loadu_ps(lanes(n - i), x + i);
        a = _mm512_fmadd_ps(v, v, a);
        if (n - i > 16) {
            v = _mm512_maskz_loadu_ps(lanes(n - i - 16), x + i + 16);
            b = _mm512_fmadd_ps(v, v, b);
        }
    }
    float sum = _mm512_reduce_add_ps(_mm512_add_ps(a, b));
    __m512 scale = _mm512_set1_ps(1.0f / sqrtf(sum / (float)n + eps));
    for (int i = 0; i < n; i += 16) {
        __mmask16 m = lanes(n - i);
        __m512 v = _mm512_mul_ps(_mm512_maskz_loadu_ps(m, x + i), scale);
        _mm512_mask_storeu_ps(y + i, m, _mm512_mul_ps(v, _mm512_maskz_loadu_ps(m, gain + i)));
    }
}

static void silu_mul_avx512(float *gate, const float *up, int n)
{
    const __m512 one = _mm512_set1_ps(1.0f);
    for (int i = 0; i < n; i += 16) {
        __mmask16 m = lanes(n - i);
        __m512 g = _mm512_maskz_loadu_ps(m, gate + i);
        __m512 e = exponential(_mm512_sub_ps(_mm512_setzero_ps(), g));
        __m512 silu = _mm512_div_ps(g, _mm512_add_ps(one, e));
        _mm512_mask_storeu_ps(gate + i, m, _mm512_mul_ps(silu, _mm512_maskz_loadu_ps(m, up + i)));
    }
}

/* Sixteen elements of a row of keys or values, those of a mask; of Q8_0 all. */
INLINE __m512 load_16_kv(enum dtype type, const void *row, size_t i, __mmask16 m)
{
    if (type == DTYPE_F32)
        return _mm512_maskz_loadu_ps(m, (const float *)row + i);
    if (type == DTYPE_BF16)
        return from_bf16(_mm256_maskz_loadu_epi16(m, (const uint16_t *)row + i));
    /* Blocks are whole, so both halves of one are there; what is not wanted is not used. */
    const uint8_t *block = (const uint8_t *)row + i / 32 * 34;
    __m128i codes = _mm_loadu_si128((const __m128i *)(const void *)(block + 2 + i % 32));
    __m512 scale = _mm512_cvtph_ps(_mm256_set1_epi16((short)(block[0] | block[1] << 8)));
    return _mm512_mul_ps(scale, _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(codes)));
}

/* 32 elements, a whole block. */
INLINE void load_32_kv(enum dtype type, const void *row, size_t i, __m512 to[2])
{
    to[0] = load_16_kv(type, row, i, 0xffff);
    to[1] = load_16_kv(type, row, i + 16, 0xffff);
}

/* Row j of n elements each. */
INLINE const void *kv_row(enum dtype type, const void *data, int j, size_t n)
{
    size_t bytes = type == DTYPE_F32 ? 4 * n : type == DTYPE_BF16 ? 2 * n : n / 32 * 34;
    return (const uint8_t *)data + (size_t)j * bytes;
}

/* scores[h][j] of n_heads and n_keys, up to 4 each. */
INLINE void score(const struct attend_job *job, int h0, int n_heads, int j0, int n_keys,
                  enum dtype type, float (*scores)[ATTEND_ROWS])
{
    size_t dim = (size_t)job->k_dim, i = 0, stride = job->q_stride;
    const float *q = job->q + (size_t)h0 * stride;
    const void *rows[4];
    __m512 sums[4][4];
    for (int j = 0; j < n_keys; j++)
        rows[j] = kv_row(type, job->k, j0 + j, job->k_stride);
    for (int h = 0; h < n_heads; h++)
        for (int j = 0; j < 4; j++)
            sums[h][j] = _mm512_setzero_ps();
    for (; i + 32 <= dim; i += 32) {
        __m512 k[4][2];
        for (int j = 0; j < n_keys; j++)
            load_32_kv(type, rows[j], i, k[j]);
        for (size_t c = 0; c < 2; c++)
            for (int h = 0; h < n_heads; h++) {
                __m512 v = _mm512_loadu_ps(q + (size_t)h * stride + i + 16 * c);
                for (int j = 0; j < n_keys; j++)
                    sums[h][j] = _mm512_fmadd_ps(v, k[j][c], sums[h][j]);
            }
    }
    for (; i < dim; i += 16) {
        __mmask16 m = lanes((int)(dim - i));
        for (int h = 0; h < n_heads; h++) {
            __m512 v = _mm512_maskz_loadu_ps(m, q + (size_t)h * stride + i);
            for (int j = 0; j < n_keys; j++)
                sums[h][j] = _mm512_fmadd_ps(v, load_16_kv(type, rows[j], i, m), sums[h][j]);
        }
    }
    for (int h = 0; h < n_heads; h++) {
        float four[4];
        _mm_storeu_ps(four, _mm_mul_ps(sum_of_each(sums[h][0], sums[h][1], sums[h][2], sums[h][3]),
                                       _mm_set1_ps(job->scales[h0 + h])));
        for (int j = 0; j < n_keys; j++)
            scores[h0 + h][j0 + j] = four[j];
    }
}

/* Turns a head's scores into weights; returns what earlier sums are worth now. */
INLINE float weigh(const struct attend_job *job, int h, float *scores)
{
    __mmask16 m = lanes(job->n_keys);
    __m512 s = _mm512_mask_loadu_ps(_mm512_set1_ps(-INFINITY), m, scores);
    float max = fmaxf(job->max[h], _mm512_reduce_max_ps(s));
    float keep = max == job->max[h] ? 1.0f : expf(job->max[h] - max);
    __m512 below = _mm512_sub_ps(s, _mm512_set1_ps(max));
    m = _mm512_mask_cmp_ps_mask(m, below, _mm512_set1_ps(ATTEND_NOTHING), _CMP_NLT_UQ);
    __m512 p = _mm512_maskz_mov_ps(m, exponential(below));
    _mm512_storeu_ps(scores, p);
    job->sum[h] = job->sum[h] * keep + _mm512_reduce_add_ps(p);
    job->max[h] = max;
    return keep;
}

/* Adds the weighted values of elements i..i+16*n-1, n up to 4 and even, to n_heads (up to 4)
 * outputs. */
INLINE void add_whole(const struct attend_job *job, int h0, int n_heads, size_t i, size_t n,
                      enum dtype type, float (*weights)[ATTEND_ROWS], const float *keep)
{
    float *out = job->out + (size_t)h0 * job->out_stride + i;
    __m512 sums[4][4];
    for (int h = 0; h < n_heads; h++)
        for (size_t c = 0; c < n; c++)
            sums[h][c] = _mm512_mul_ps(_mm512_loadu_ps(out + (size_t)h * job->out_stride + 16 * c),
                                       _mm512_set1_ps(keep[h0 + h]));
    for (int j = 0; j < job->n_keys; j++) {
        const void *row = kv_row(type, job->v, j, job->v_stride);
        __m512 v[4];
        for (size_t c = 0; c < n; c += 2)
            load_32_kv(type, row, i + 16 * c, v + c);
        for (int h = 0; h < n_heads; h++)
            for (size_t c = 0; c < n; c++)
                sums[h][c] = _mm512_fmadd_ps(_mm512_set1_ps(weights[h0 + h][j]), v[c], sums[h][c]);
    }
    for (int h = 0; h < n_heads; h++)
        for (size_t c = 0; c < n; c++)
            _mm512_storeu_ps(out + (size_t)h * job->out_stride + 16 * c, sums[h][c]);
}

/* The same for the last elements. */
INLINE void add_tail(const struct attend_job *job, int h0, int n_heads, size_t i, enum dtype type,
                     float (*weights)[ATTEND_ROWS], const float *keep)
{
    __mmask16 m = lanes((int)((size_t)job->v_dim - i));
    for (int h = h0; h < h0 + n_heads; h++) {
        float *out = job->out + (size_t)h * job->out_stride + i;
        __m512 sum = _mm512_mul_ps(_mm512_maskz_loadu_ps(m, out), _mm512_set1_ps(keep[h]));
        for (int j = 0; j < job->n_keys; j++)
            sum = _mm512_fmadd_ps(_mm512_set1_ps(weights[h][j]),
                                  load_16_kv(type, kv_row(type, job->v, j, job->v_stride), i, m),
                                  sum);
        _mm512_mask_storeu_ps(out, m, sum);
    }
}

INLINE void attend_heads(const struct attend_job *job, int h0, int n_heads, enum dtype type)
{
    float scores[ATTEND_HEADS][ATTEND_ROWS], keep[ATTEND_HEADS];
    size_t dim = (size_t)job->v_dim, i = 0;
    int j = 0;
    for (; j + 4 <= job->n_keys; j += 4)
        score(job, h0, n_heads, j, 4, type, scores);
    for (; j < job->n_keys; j++)
        score(job, h0, n_heads, j, 1, type, scores);
    for (int h = h0; h < h0 + n_heads; h++)
        keep[h] = weigh(job, h, scores[h]);
    for (; i + 64 <= dim; i += 64)
        add_whole(job, h0, n_heads, i, 4, type, scores, keep);
    for (; i + 32 <= dim; i += 32)
        add_whole(job, h0, n_heads, i, 2, type, scores, keep);
    for (; i < dim; i += 16)
        add_tail(job, h0, n_heads, i, type, scores, keep);
}

INLINE void attend(const struct attend_job *job, enum dtype type)
{
    int h = 0;
    for (; h + 4 <= job->n_heads; h += 4)
        attend_heads(job, h, 4, type);
    for (; h + 2 <= job->n_heads; h += 2)
        attend_heads(job, h, 2, type);
    for (; h < job->n_heads; h++)
        attend_heads(job, h, 1, type);
}

static void attend_avx512(const struct attend_job *job)
{
    if (job->dtype == DTYPE_F32)
        attend(job, DTYPE_F32);
    else if (job->dtype == DTYPE_BF16)
        attend(job, DTYPE_BF16);
    else
        attend(job, DTYPE_Q8_0);
}

void cpu_float_avx512(struct cpu_ops *ops)
{
    ops->wide = wide_avx512;
    ops->fold = fold_avx512;
    ops->rms_norm = rms_norm_avx512;
    ops->silu_mul = silu_mul_avx512;
    ops->attend = attend_avx512;
}

#endif
