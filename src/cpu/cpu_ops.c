/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/cpu_ops.h"

#include <assert.h>
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

/* Decodes a row part by part. */
static void narrow_c(const struct narrow_job *job)
{
    float w[WIDE_COLS];
    for (int r = 0; r < job->n_rows; r++)
        for (int k0 = 0; k0 < job->n; k0 += WIDE_COLS) {
            int n = job->n - k0 < WIDE_COLS ? job->n - k0 : WIDE_COLS;
            const uint8_t *row = job->w + (size_t)r * job->row_bytes;
            block_decode(job->type, row + dtype_bytes(job->type, k0), w, n);
            for (int i = 0; i < n; i++)
                w[i] *= job->scale;
            if (job->scales)
                cpu_apply_scales(job->scales, job->row + r, k0, n, w);
            wide_c(&(struct wide_job){
                .w = w,
                .x = job->x + k0,
                .y = job->y + r,
                .x_stride = job->x_stride,
                .y_stride = job->y_stride,
                .n_rows = 1,
                .n_tok = job->n_tok,
                .n = n,
                .add = k0 > 0,
            });
        }
}

/* Adds the products of columns k0..k0+n-1 of a row, w, with a token's. */
static double rounded_products(const struct narrow_job *job, int t, int k0, int n, const float *w,
                               double sum)
{
    const int8_t *act = job->act + (size_t)t * act_bytes(job->n);
    const struct act_group *group = act_group(act, (size_t)k0);
    for (size_t i = 0; i < (size_t)n; i++)
        sum += (double)w[i] * (double)((float)group->q[i] * group->steps[i / 16]);
    return sum;
}

/* Decodes a row once for a few tokens. */
static void narrow_rounded_c(const struct narrow_job *job)
{
    enum { TOKENS = 8 };
    float w[ACT_GROUP];
    for (int r = 0; r < job->n_rows; r++)
        for (int t0 = 0; t0 < job->n_tok; t0 += TOKENS) {
            int n_tok = job->n_tok - t0 < TOKENS ? job->n_tok - t0 : TOKENS;
            double sums[TOKENS] = {0};
            for (int k0 = 0; k0 < job->n; k0 += ACT_GROUP) {
                int n = job->n - k0 < ACT_GROUP ? job->n - k0 : ACT_GROUP;
                const uint8_t *row = job->w + (size_t)r * job->row_bytes;
                block_decode(job->type, row + dtype_bytes(job->type, k0), w, n);
                for (int t = 0; t < n_tok; t++)
                    sums[t] = rounded_products(job, t0 + t, k0, n, w, sums[t]);
            }
            for (int t = 0; t < n_tok; t++)
                job->y[(size_t)(t0 + t) * job->y_stride + (size_t)r] = (float)sums[t] * job->scale;
        }
}

static void round_act_c(void *act, const float *x, int n)
{
    size_t n_pad = act_padded(n);
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
        struct act_group *group = (struct act_group *)act + k0 / ACT_GROUP;
        for (size_t i = 0; i < ACT_BLOCK; i++) {
            int q = inverse != 0.0f ? (int)rintf(block[i] * inverse) : 0;
            group->q[k0 % ACT_GROUP + i] = (int8_t)q;
            halves[i / 16] += q;
        }
        act_put_block(group, k0, step, halves[0], halves[1]);
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

static void rotate_c(float *x, const float *table, int n_pairs, bool halves)
{
    size_t n = (size_t)n_pairs, next = halves ? 1 : 2, step = halves ? n : 1;
    for (size_t i = 0; i < n; i++) {
        float *a = x + i * next, *b = a + step;
        float c = table[2 * i], s = table[2 * i + 1], a0 = *a, b0 = *b;
        *a = a0 * c - b0 * s;
        *b = a0 * s + b0 * c;
    }
}

static void store_q8_0(uint8_t *block, const float *src)
{
    uint32_t top = 0;
    for (int i = 0; i < 32; i++) {
        uint32_t bits = number_bits(fabsf(src[i]));
        top = bits > top ? bits : top;
    }
    float inverse = cpu_kv_scale(block, top);
    for (int i = 0; i < 32; i++) {
        float q = inverse > 0.0f ? rintf(src[i] * inverse) : 0.0f;
        block[2 + i] = (uint8_t)(int8_t)(q > 127.0f ? 127.0f : q < -127.0f ? -127.0f : q);
    }
}

static void store_c(enum dtype type, void *row, const float *src, int n)
{
    uint16_t *bf16 = row;
    switch (type) {
    case DTYPE_F32:
        memcpy(row, src, (size_t)n * sizeof *src);
        break;
    case DTYPE_BF16:
        for (int i = 0; i < n; i++)
            bf16[i] = number_to_bf16(src[i]);
        break;
    default:
        assert(type == DTYPE_Q8_0 && n % 32 == 0);
        for (int i = 0; i < n; i += 32)
            store_q8_0((uint8_t *)row + dtype_bytes(type, i), src + i);
    }
}

/* Element i of keys or values. */
static double kv_element(const void *data, enum dtype dtype, size_t i)
{
    if (dtype == DTYPE_F32)
        return (double)((const float *)data)[i];
    if (dtype == DTYPE_BF16)
        return (double)number_from_bf16(((const uint16_t *)data)[i]);
    float block[32];
    block_decode(DTYPE_Q8_0,
                 (const uint8_t *)data + dtype_bytes(DTYPE_Q8_0, (int64_t)(i / 32 * 32)), block,
                 32);
    return (double)block[i % 32];
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

static void tile_weights_c(uint16_t *tiles, const float *w, int n)
{
    for (int i = 0; i < (n + TILE_COLS - 1) / TILE_COLS * TILE_COLS; i++)
        tiles[i / TILE_COLS * TILE_INPUTS + i % TILE_COLS] = i < n ? number_to_bf16(w[i]) : 0;
}

static void tile_inputs_c(uint16_t *tiles, const float *x, size_t x_stride, int n_tok, int n)
{
    int n_tiles = (n + TILE_COLS - 1) / TILE_COLS;
    memset(tiles, 0, (size_t)n_tiles * TILE_INPUTS * sizeof *tiles);
    for (int t = 0; t < n_tok; t++)
        for (int i = 0; i < n; i++) {
            uint16_t *pair = tiles + ((size_t)(i / 2) * TILE_ROWS + (size_t)t) * 2;
            pair[i % 2] = number_to_bf16(x[(size_t)t * x_stride + (size_t)i]);
        }
}

/* One tile of sums over all columns. */
static void tile_sums_c(const struct tile_job *job, const uint16_t *w, const uint16_t *x, float *y)
{
    for (size_t r = 0; r < TILE_ROWS; r++)
        for (size_t t = 0; t < TILE_ROWS; t++) {
            double sum = 0.0;
            for (size_t i = 0; i < (size_t)job->n_col_tiles * TILE_COLS; i++) {
                size_t of_w = i / TILE_COLS * job->w_tile + r * job->w_row + i % TILE_COLS;
                size_t of_x = (i / 2 * TILE_ROWS + t) * 2 + i % 2;
                sum += (double)number_from_bf16(w[of_w]) * (double)number_from_bf16(x[of_x]);
            }
            float *to = y + r * TILE_ROWS + t;
            *to = job->add ? *to + (float)sum : (float)sum;
        }
}

static void tile_products_c(const struct tile_job *job)
{
    for (size_t t = 0; t < (size_t)job->n_tok_tiles; t++)
        for (size_t r = 0; r < 2; r++)
            tile_sums_c(job, job->w + r * job->w_second,
                        job->x + t * (size_t)job->n_col_tiles * TILE_INPUTS,
                        job->y + (2 * t + r) * TILE_SUMS);
}

static void untile_c(float *y, size_t y_stride, const float *tile, float scale, int n_tok,
                     int n_rows)
{
    for (int t = 0; t < n_tok; t++)
        for (int r = 0; r < n_rows; r++)
            y[(size_t)t * y_stride + (size_t)r] = scale * tile[r * TILE_ROWS + t];
}

void cpu_ops_init(struct cpu_ops *ops, unsigned flags)
{
    *ops = (struct cpu_ops){
        .decode = block_decode,
        .wide = wide_c,
        .fold = fold_c,
        .narrow_rounded = narrow_rounded_c,
        .narrow = narrow_c,
        .round_act = round_act_c,
        .rms_norm = rms_norm_c,
        .silu_mul = silu_mul_c,
        .rotate = rotate_c,
        .store = store_c,
        .attend = attend_c,
        .tile_weights = tile_weights_c,
        .tile_inputs = tile_inputs_c,
        .tile_products = tile_products_c,
        .untile = untile_c,
        .narrow_tokens = 1,
    };
#if defined(__x86_64__)
    if (flags & CPU_AVX2) {
        cpu_float_avx2(ops);
        cpu_quant_avx2(ops);
        cpu_rows_avx2(ops);
        cpu_narrow_avx2(ops);
        cpu_rounded_avx2(ops);
        cpu_part_avx2(ops);
    }
    if (flags & CPU_AVX512) {
        cpu_float_avx512(ops);
        cpu_quant_avx512(ops);
        cpu_rows_avx512(ops);
        cpu_narrow_avx512(ops);
        cpu_rounded_avx512(ops);
        cpu_part_avx512(ops);
    }
    if (flags & CPU_AMX) {
        cpu_attend_amx(ops);
        cpu_part_amx(ops);
        cpu_tiles_amx(ops);
        cpu_stored_amx(ops);
        cpu_codes_amx(ops);
        cpu_rounded_amx(ops);
    }
#else
    (void)flags;
#endif
}
