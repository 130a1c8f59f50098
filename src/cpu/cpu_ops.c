/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/cpu_ops.h"

#include <math.h>
#include <string.h>

#include "cpu/cpu_backend.h"
#include "tensor/block.h"
#include "tensor/number.h"

static void wide_c(const struct wide_job *job)
{
    for (int t = 0; t < job->n_tok; t++)
        for (int r = 0; r < job->n_rows; r++) {
            const float *x = job->x + (size_t)t * job->x_stride;
            const float *w = job->w + (size_t)r * job->w_stride;
            double sum = 0.0;
            for (int i = 0; i < job->n; i++)
                sum += (double)x[i] * (double)w[i];
            float *y = job->y + (size_t)t * job->y_stride + r;
            *y = job->add ? *y + (float)sum : (float)sum;
        }
}

static void fold_c(const struct wide_job *job)
{
    for (int t = 0; t < job->n_tok; t++)
        for (int i = 0; i < job->n; i++) {
            const float *x = job->x + (size_t)t * job->x_stride, *w = job->w + i;
            double sum = 0.0;
            for (int r = 0; r < job->n_rows; r++)
                sum += (double)x[r] * (double)w[(size_t)r * job->w_stride];
            float *y = job->y + (size_t)t * job->y_stride + i;
            *y = job->add ? *y + (float)sum : (float)sum;
        }
}

void cpu_apply_scales(const struct tensor_scales *s, int64_t row, int64_t k0, int n, float *dst)
{
    const uint8_t *entries = cpu_scale_row(s, row);
    for (int i = 0; i < n;) {
        int64_t block = (k0 + i) / s->n_cols, left = (block + 1) * s->n_cols - k0;
        int end = left < n ? (int)left : n;
        float entry = cpu_scale_entry(entries, s->dtype, (size_t)block);
        for (; i < end; i++)
            dst[i] *= entry;
    }
}

/* Elements k0..k0+n-1 of what token t multiplies, as floats. */
static void narrow_input(const struct narrow_job *job, int t, int k0, int n, float *x)
{
    if (!job->act) {
        memcpy(x, job->x + (size_t)t * job->x_stride + k0, (size_t)n * sizeof *x);
        return;
    }
    size_t n_pad = act_padded(job->n);
    const int8_t *act = job->act + (size_t)t * act_bytes(n_pad);
    for (int i = 0; i < n; i++)
        x[i] = (float)act[k0 + i] * act_steps(act, n_pad)[(k0 + i) / 16];
}

/* Elements k0..k0+n-1 of row r as floats. */
static void narrow_weights(const struct narrow_job *job, int r, int k0, int n, float *w)
{
    const uint8_t *row = job->w + (size_t)r * job->row_bytes;
    block_decode(job->type, row + dtype_bytes(job->type, k0), w, n);
    if (job->scales)
        cpu_apply_scales(job->scales, job->row + r, k0, n, w);
}

/* Decodes a row once for a few tokens. */
static void narrow_c(const struct narrow_job *job)
{
    enum { TOKENS = 8 };
    float w[ACT_GROUP], x[ACT_GROUP];
    for (int r = 0; r < job->n_rows; r++)
        for (int t0 = 0; t0 < job->n_tok; t0 += TOKENS) {
            int n_tok = job->n_tok - t0 < TOKENS ? job->n_tok - t0 : TOKENS;
            double sums[TOKENS] = {0};
            for (int k0 = 0; k0 < job->n; k0 += ACT_GROUP) {
                int n = job->n - k0 < ACT_GROUP ? job->n - k0 : ACT_GROUP;
                narrow_weights(job, r, k0, n, w);
                for (int t = 0; t < n_tok; t++) {
                    narrow_input(job, t0 + t, k0, n, x);
                    for (int i = 0; i < n; i++)
                        sums[t] += (double)w[i] * (double)x[i];
                }
            }
            for (int t = 0; t < n_tok; t++)
                job->y[(size_t)(t0 + t) * job->y_stride + (size_t)r] = (float)sums[t] * job->scale;
        }
}

static void round_act_c(int8_t *act, const float *x, int n)
{
    size_t n_pad = act_padded(n);
    float *steps = (float *)(void *)(act + n_pad);
    int32_t *sums = (int32_t *)(void *)(steps + n_pad / 16);
    for (size_t k0 = 0; k0 < n_pad; k0 += ACT_BLOCK) {
        float block[ACT_BLOCK] = {0}, inverse;
        uint32_t top = 0;
        for (size_t i = 0; i < ACT_BLOCK && k0 + i < (size_t)n; i++) {
            block[i] = x[k0 + i];
            uint32_t bits = number_bits(fabsf(block[i]));
            top = bits > top ? bits : top;
        }
        float step = act_step(top, &inverse);
        int halves[2] = {0, 0};
        for (size_t i = 0; i < ACT_BLOCK; i++) {
            int q = inverse != 0.0f ? (int)rintf(block[i] * inverse) : 0;
            act[k0 + i] = (int8_t)q;
            halves[i / 16] += q;
        }
        for (size_t h = 0; h < 2; h++) {
            steps[k0 / 16 + h] = step;
            sums[k0 / 16 + h] = halves[h];
        }
    }
}

static void rms_norm_c(float *y, const float *x, const float *gain, int n, float eps)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    float scale = (float)(1.0 / sqrt(sum / n + (double)eps));
    for (int i = 0; i < n; i++)
        y[i] = x[i] * scale * gain[i];
}

static void silu_mul_c(float *gate, const float *up, int n)
{
    for (int i = 0; i < n; i++) {
        double g = (double)gate[i];
        gate[i] = (float)(g / (1.0 + exp(-g)) * (double)up[i]);
    }
}

/* Element i of keys or values. */
static double kv_element(const void *data, enum dtype dtype, size_t i)
{
    if (dtype == DTYPE_F32)
        return (double)((const float *)data)[i];
    return (double)number_from_bf16(((const uint16_t *)data)[i]);
}

/* One head: scores, then values, weighted relative to the new largest score. */
static void attend_head_c(const struct attend_job *job, int head)
{
    const float *q = job->q + (size_t)head * job->q_stride;
    float *out = job->out + (size_t)head * job->out_stride;
    float scores[ATTEND_ROWS], max = job->max[head];
    for (int j = 0; j < job->n_keys; j++) {
        double dot = 0.0;
        for (int i = 0; i < job->k_dim; i++)
            dot += (double)q[i] *
                   kv_element(job->k, job->dtype, (size_t)j * job->k_stride + (size_t)i);
        scores[j] = (float)(dot * (double)job->scales[head]);
        max = fmaxf(max, scores[j]);
    }
    float keep = expf(job->max[head] - max);
    for (int i = 0; i < job->v_dim; i++)
        out[i] *= keep;
    double sum = (double)(job->sum[head] * keep);
    for (int j = 0; j < job->n_keys; j++) {
        scores[j] = expf(scores[j] - max);
        sum += (double)scores[j];
    }
    for (int i = 0; i < job->v_dim; i++) {
        double value = (double)out[i];
        for (int j = 0; j < job->n_keys; j++)
            value += (double)scores[j] *
                     kv_element(job->v, job->dtype, (size_t)j * job->v_stride + (size_t)i);
        out[i] = (float)value;
    }
    job->max[head] = max;
    job->sum[head] = (float)sum;
}

static void attend_c(const struct attend_job *job)
{
    for (int head = 0; head < job->n_heads; head++)
        attend_head_c(job, head);
}

void cpu_ops_init(struct cpu_ops *ops, unsigned flags)
{
    *ops = (struct cpu_ops){
        .decode = block_decode,
        .wide = wide_c,
        .fold = fold_c,
        .narrow_rounded = narrow_c,
        .narrow = narrow_c,
        .round_act = round_act_c,
        .rms_norm = rms_norm_c,
        .silu_mul = silu_mul_c,
        .attend = attend_c,
    };
#if defined(__x86_64__)
    if (flags & CPU_AVX2) {
        cpu_float_avx2(ops);
        cpu_quant_avx2(ops);
    }
    if (flags & CPU_AVX512) {
        cpu_float_avx512(ops);
        cpu_quant_avx512(ops);
        cpu_rounded_avx512(ops);
    }
    if (flags & CPU_AMX)
        cpu_rounded_amx(ops);
#else
    (void)flags;
#endif
}
