/* SPDX-License-Identifier: Apache-2.0 */
/* Products with float weights, and the other operations, on AVX2. */
#if defined(__x86_64__)
#include <math.h>
#include <string.h>

#include "cpu/cpu_floats_avx2.h"
#include "tensor/block.h"

/* Decodes eight at a time and returns how many it did. */
INLINE int64_t decode(enum dtype type, const uint8_t *src, float *dst, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 v = load_weights(type, src, (size_t)i);
        if (type == DTYPE_E4M3) /* all bits set is a NaN */
            v = _mm256_or_ps(v, _mm256_cmp_ps(magnitude(v), _mm256_set1_ps(480.0f), _CMP_EQ_OQ));
        _mm256_storeu_ps(dst + i, v);
    }
    return i;
}

void cpu_decode_float_avx2(enum dtype type, const void *src, float *dst, int64_t n)
{
    int64_t i = 0;
    if (type == DTYPE_F16)
        i = decode(DTYPE_F16, src, dst, n);
    else if (type == DTYPE_BF16)
        i = decode(DTYPE_BF16, src, dst, n);
    else if (type == DTYPE_E4M3)
        i = decode(DTYPE_E4M3, src, dst, n);
    else if (type == DTYPE_E2M1)
        i = decode(DTYPE_E2M1, src, dst, n);
    block_decode(type, (const uint8_t *)src + dtype_bytes(type, i), dst + i, n - i);
}

/* n_rows (4 or 1) by n_tok (up to 3) sums, vectors along the inner dimension. */
INLINE void tile(const struct wide_job *job, int r0, int t0, int n_rows, int n_tok)
{
    const float *w = job->w + (size_t)r0 * job->w_stride;
    const float *x = job->x + (size_t)t0 * job->x_stride;
    float *y = job->y + (size_t)t0 * job->y_stride + r0;
    __m256 sums[3][4];
    for (int t = 0; t < n_tok; t++)
        for (int r = 0; r < 4; r++)
            sums[t][r] = _mm256_setzero_ps();
    int i = 0;
    for (; i + 8 <= job->n; i += 8) {
        __m256 v[3];
        for (int t = 0; t < n_tok; t++)
            v[t] = _mm256_loadu_ps(x + (size_t)t * job->x_stride + i);
        for (int r = 0; r < n_rows; r++) {
            __m256 row = _mm256_loadu_ps(w + (size_t)r * job->w_stride + i);
            for (int t = 0; t < n_tok; t++)
                sums[t][r] = _mm256_fmadd_ps(row, v[t], sums[t][r]);
        }
    }
    __m256i m = lanes(job->n - i);
    for (int t = 0; t < n_tok && i < job->n; t++)
        for (int r = 0; r < n_rows; r++)
            sums[t][r] = _mm256_fmadd_ps(_mm256_maskload_ps(w + (size_t)r * job->w_stride + i, m),
                                         _mm256_maskload_ps(x + (size_t)t * job->x_stride + i, m),
                                         sums[t][r]);
    for (int t = 0; t < n_tok; t++, y += job->y_stride) {
        float four[4];
        _mm_storeu_ps(four, sum_of_each(sums[t][0], sums[t][1], sums[t][2], sums[t][3]));
        for (int r = 0; r < n_rows; r++)
            y[r] = job->add ? y[r] + four[r] : four[r];
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

static void wide_avx2(const struct wide_job *job)
{
    int t = 0;
    for (; t + 3 <= job->n_tok; t += 3)
        wide_tokens(job, t, 3);
    for (; t < job->n_tok; t++)
        wide_tokens(job, t, 1);
}

/* 16 columns from column i on, each a chain along the rows, for n_tok (up to 4) tokens. */
INLINE void fold_columns(const struct wide_job *job, int i, int t0, int n_tok)
{
    const float *w = job->w + i, *x = job->x + (size_t)t0 * job->x_stride;
    float *y = job->y + (size_t)t0 * job->y_stride + i;
    __m256i m[2];
    __m256 sums[4][2];
    for (int v = 0; v < 2; v++)
        m[v] = lanes(job->n - i > 8 * v ? job->n - i - 8 * v : 0);
    for (int t = 0; t < n_tok; t++)
        for (int v = 0; v < 2; v++)
            sums[t][v] = _mm256_setzero_ps();
    for (int r = 0; r < job->n_rows; r++)
        for (int v = 0; v < 2; v++) {
            __m256 row = _mm256_maskload_ps(w + (size_t)r * job->w_stride + 8 * (size_t)v, m[v]);
            for (int t = 0; t < n_tok; t++)
                sums[t][v] = _mm256_fmadd_ps(
                    _mm256_set1_ps(x[(size_t)t * job->x_stride + (size_t)r]), row, sums[t][v]);
        }
    for (int t = 0; t < n_tok; t++)
        for (int v = 0; v < 2; v++) {
            float *to = y + (size_t)t * job->y_stride + 8 * (size_t)v;
            if (job->add)
                sums[t][v] = _mm256_add_ps(sums[t][v], _mm256_maskload_ps(to, m[v]));
            _mm256_maskstore_ps(to, m[v], sums[t][v]);
        }
}

static void fold_avx2(const struct wide_job *job)
{
    for (int i = 0; i < job->n; i += 16) {
        int t = 0;
        for (; t + 4 <= job->n_tok; t += 4)
            fold_columns(job, i, t, 4);
        for (; t < job->n_tok; t++)
            fold_columns(job, i, t, 1);
    }
}

static void rms_norm_avx2(float *y, const float *x, const float *gain, int n, float eps)
{
    __m256 a = _mm256_setzero_ps(), b = _mm256_setzero_ps();
    int i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256 u = _mm256_loadu_ps(x + i), v = _mm256_loadu_ps(x + i + 8);
        a = _mm256_fmadd_ps(u, u, a);
        b = _mm256_fmadd_ps(v, v, b);
    }
    for (; i < n; i += 8) {
        __m256 v = _mm256_maskload_ps(x + i, lanes(n - i));
        a = _mm256_fmadd_ps(v, v, a);
    }
    __m256 scale = _mm256_set1_ps(1.0f / sqrtf(sum8(_mm256_add_ps(a, b)) / (float)n + eps));
    for (i = 0; i < n; i += 8) {
        __m256i m = lanes(n - i);
        __m256 v = _mm256_mul_ps(_mm256_maskload_ps(x + i, m), scale);
        _mm256_maskstore_ps(y + i, m, _mm256_mul_ps(v, _mm256_maskload_ps(gain + i, m)));
    }
}

static void silu_mul_avx2(float *gate, const float *up, int n)
{
    for (int i = 0; i < n; i += 8) {
        __m256i m = lanes(n - i);
        __m256 g = _mm256_maskload_ps(gate + i, m);
        __m256 e = exponential(_mm256_sub_ps(_mm256_setzero_ps(), g));
        __m256 silu = _mm256_div_ps(g, _mm256_add_ps(_mm256_set1_ps(1.0f), e));
        _mm256_maskstore_ps(gate + i, m, _mm256_mul_ps(silu, _mm256_maskload_ps(up + i, m)));
    }
}

/* Eight elements of keys or values from element i on, 0 where fewer are left. */
INLINE __m256 load_kv(enum dtype type, const void *data, size_t i, int left)
{
    if (type == DTYPE_F32)
        return _mm256_maskload_ps((const float *)data + i, lanes(left));
    if (type == DTYPE_Q8_0) { /* blocks are whole; what is not wanted is not used */
        const uint8_t *block = (const uint8_t *)data + i / 32 * 34;
        __m128i codes = _mm_loadl_epi64((const __m128i *)(const void *)(block + 2 + i % 32));
        __m256 scale = _mm256_cvtph_ps(_mm_set1_epi16((short)(block[0] | block[1] << 8)));
        return _mm256_mul_ps(scale, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes)));
    }
    const uint16_t *p = (const uint16_t *)data + i;
    if (left >= 8)
        return from_bf16(_mm_loadu_si128((const __m128i *)(const void *)p));
    uint16_t last[8] = {0};
    memcpy(last, p, (size_t)left * sizeof *p);
    return from_bf16(_mm_loadu_si128((const __m128i *)(const void *)last));
}

/* scores[h][j] of n_heads (up to 4) heads and all keys, each key read once. */
INLINE void score(const struct attend_job *job, int h0, int n_heads, enum dtype type,
                  float (*scores)[ATTEND_ROWS])
{
    size_t dim = (size_t)job->k_dim;
    const float *q = job->q + (size_t)h0 * job->q_stride;
    for (int j = 0; j < job->n_keys; j++) {
        __m256 sums[4];
        for (int h = 0; h < 4; h++)
            sums[h] = _mm256_setzero_ps();
        for (size_t i = 0; i < dim; i += 8) {
            int left = (int)(dim - i);
            __m256 k = load_kv(type, job->k, (size_t)j * job->k_stride + i, left);
            for (int h = 0; h < n_heads; h++)
                sums[h] = _mm256_fmadd_ps(
                    _mm256_maskload_ps(q + (size_t)h * job->q_stride + i, lanes(left)), k, sums[h]);
        }
        float four[4];
        _mm_storeu_ps(four, sum_of_each(sums[0], sums[1], sums[2], sums[3]));
        for (int h = 0; h < n_heads; h++)
            scores[h0 + h][j] = four[h] * job->scales[h0 + h];
    }
}

/* Turns a head's scores into weights; returns what earlier sums are worth now. */
INLINE float weigh(const struct attend_job *job, int h, float *scores)
{
    float max = job->max[h];
    for (int j = 0; j < job->n_keys; j++)
        max = fmaxf(max, scores[j]);
    float keep = expf(job->max[h] - max);
    __m256 sum = _mm256_setzero_ps();
    for (int j = 0; j < job->n_keys; j += 8) {
        __m256i m = lanes(job->n_keys - j);
        __m256 s = _mm256_sub_ps(_mm256_maskload_ps(scores + j, m), _mm256_set1_ps(max));
        __m256 some = _mm256_cmp_ps(s, _mm256_set1_ps(ATTEND_NOTHING), _CMP_NLT_UQ);
        __m256 p = _mm256_and_ps(exponential(s), _mm256_and_ps(some, _mm256_castsi256_ps(m)));
        _mm256_maskstore_ps(scores + j, m, p);
        sum = _mm256_add_ps(sum, p);
    }
    job->sum[h] = job->sum[h] * keep + sum8(sum);
    job->max[h] = max;
    return keep;
}

/* Adds the weighted values to n_heads (up to 4) outputs, each value read once. */
INLINE void add_values(const struct attend_job *job, int h0, int n_heads, enum dtype type,
                       float (*weights)[ATTEND_ROWS], const float *keep)
{
    size_t dim = (size_t)job->v_dim;
    float *out = job->out + (size_t)h0 * job->out_stride;
    for (size_t i = 0; i < dim; i += 8) {
        int left = (int)(dim - i);
        __m256i m = lanes(left);
        __m256 sums[4];
        for (int h = 0; h < n_heads; h++)
            sums[h] = _mm256_mul_ps(_mm256_maskload_ps(out + (size_t)h * job->out_stride + i, m),
                                    _mm256_set1_ps(keep[h0 + h]));
        for (int j = 0; j < job->n_keys; j++) {
            __m256 v = load_kv(type, job->v, (size_t)j * job->v_stride + i, left);
            for (int h = 0; h < n_heads; h++)
                sums[h] = _mm256_fmadd_ps(_mm256_set1_ps(weights[h0 + h][j]), v, sums[h]);
        }
        for (int h = 0; h < n_heads; h++)
            _mm256_maskstore_ps(out + (size_t)h * job->out_stride + i, m, sums[h]);
    }
}

INLINE void attend(const struct attend_job *job, enum dtype type)
{
    float scores[ATTEND_HEADS][ATTEND_ROWS], keep[ATTEND_HEADS];
    int h = 0;
    for (; h + 4 <= job->n_heads; h += 4)
        score(job, h, 4, type, scores);
    for (; h < job->n_heads; h++)
        score(job, h, 1, type, scores);
    for (h = 0; h < job->n_heads; h++)
        keep[h] = weigh(job, h, scores[h]);
    for (h = 0; h + 4 <= job->n_heads; h += 4)
        add_values(job, h, 4, type, scores, keep);
    for (; h < job->n_heads; h++)
        add_values(job, h, 1, type, scores, keep);
}

static void attend_avx2(const struct attend_job *job)
{
    if (job->dtype == DTYPE_F32)
        attend(job, DTYPE_F32);
    else if (job->dtype == DTYPE_BF16)
        attend(job, DTYPE_BF16);
    else
        attend(job, DTYPE_Q8_0);
}

void cpu_float_avx2(struct cpu_ops *ops)
{
    ops->wide = wide_avx2;
    ops->fold = fold_avx2;
    ops->rms_norm = rms_norm_avx2;
    ops->silu_mul = silu_mul_avx2;
    ops->attend = attend_avx2;
}

#endif
