/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/cpu_ops.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cpu/cpu_backend.h"
#include "cpu/operands.h"
#include "tensor/block.h"

/* The tables that this machine can run, plain C first. */
static int tables(struct cpu_ops ops[3])
{
    unsigned have = cpu_detect();
    int n = 0;
    cpu_ops_init(&ops[n++], 0);
    if (have & CPU_AVX2)
        cpu_ops_init(&ops[n++], CPU_AVX2);
    if (have & CPU_AVX512)
        cpu_ops_init(&ops[n++], CPU_AVX2 | CPU_AVX512);
    return n;
}

TEST(cpu_ops, decode_is_the_definition)
{
    struct cpu_ops ops[3];
    int n_ops = tables(ops);
    uint64_t seed = 1;
    for (int type = 0; type < DTYPE_COUNT; type++)
        for (int blocks = 1; blocks <= 40; blocks++) {
            int64_t n = (int64_t)blocks * dtype_info((enum dtype)type)->block;
            struct guarded w = guarded_weights((enum dtype)type, n, &seed);
            struct guarded want = guarded_f32((size_t)n, &seed);
            struct guarded got = guarded_f32((size_t)n, &seed);
            block_decode((enum dtype)type, w.p, want.p, n);
            for (int i = 0; i < n_ops; i++) {
                ops[i].decode((enum dtype)type, w.p, got.p, n);
                for (int64_t k = 0; k < n; k++)
                    assert_true(((float *)got.p)[k] == ((float *)want.p)[k]);
            }
            guarded_free(&w);
            guarded_free(&want);
            guarded_free(&got);
        }
}

/* Compares decoded blocks, NaN for NaN. */
static void check_decode(enum dtype type, const uint8_t *blocks, int64_t n)
{
    struct cpu_ops ops[3];
    int n_ops = tables(ops);
    float *want = malloc((size_t)n * sizeof *want), *got = malloc((size_t)n * sizeof *got);
    block_decode(type, blocks, want, n);
    for (int i = 0; i < n_ops; i++) {
        ops[i].decode(type, blocks, got, n);
        for (int64_t k = 0; k < n; k++)
            if (!(got[k] == want[k] || (isnan(got[k]) && isnan(want[k]))))
                fail_msg("table %d, %s [%d]: got %.9g, want %.9g", i, dtype_info(type)->name,
                         (int)k, (double)got[k], (double)want[k]);
    }
    free(want);
    free(got);
}

TEST(cpu_ops, every_code_of_the_small_floats_decodes)
{
    uint8_t codes[4 * 256], mx[256 * 17], nv[256 * 36];
    for (int i = 0; i < 4 * 256; i++)
        codes[i] = (uint8_t)(i * 5 + i / 256); /* every code in other neighbourhoods */
    check_decode(DTYPE_E4M3, codes, 4 * 256);
    check_decode(DTYPE_E2M1, codes, 8 * 256);
    for (int scale = 0; scale < 256; scale++) {
        for (int i = 0; i < 16; i++)
            mx[scale * 17 + 1 + i] = (uint8_t)(i * 16 + 15 - i);
        mx[scale * 17] = (uint8_t)scale;
        for (int i = 0; i < 32; i++)
            nv[scale * 36 + 4 + i] = (uint8_t)(i * 16 + (i + i / 16) % 16);
        for (int i = 0; i < 4; i++)
            nv[scale * 36 + i] = (uint8_t)(scale + 64 * i);
    }
    check_decode(DTYPE_MXFP4, mx, 256 * 32);
    check_decode(DTYPE_NVFP4, nv, 256 * 64);
}

TEST(cpu_ops, rounding_is_within_half_a_step_and_the_same_everywhere)
{
    struct cpu_ops ops[3];
    int n_ops = tables(ops);
    uint64_t seed = 2;
    for (int n = 1; n < 600; n = n * 3 / 2 + 1) {
        size_t n_pad = act_padded(n);
        struct guarded x = guarded_f32((size_t)n, &seed);
        struct guarded want = guarded_new(act_bytes(n_pad)), got = guarded_new(act_bytes(n_pad));
        ops[0].round_act(want.p, x.p, n);
        const int8_t *q = want.p;
        for (int i = 0; i < (int)n_pad; i++) {
            float value = i < n ? ((float *)x.p)[i] : 0.0f, step = act_steps(q, n_pad)[i / 16];
            assert_true(fabsf((float)q[i] * step - value) <= 0.5001f * step);
            assert_true(step <= 1.0f / 127.0f);
        }
        for (size_t i = 0; i < n_pad / 16; i++) {
            float sum = 0.0f;
            for (size_t k = 0; k < 16; k++)
                sum += (float)q[16 * i + k] * act_steps(q, n_pad)[i];
            assert_true(fabsf(sum - act_sums(q, n_pad)[i]) <= 1e-5f);
        }
        for (int i = 1; i < n_ops; i++) {
            ops[i].round_act(got.p, x.p, n);
            assert_memory_equal(got.p, want.p, act_bytes(n_pad));
        }
        guarded_free(&x);
        guarded_free(&want);
        guarded_free(&got);
    }
}

TEST(cpu_ops, a_broken_input_stays_broken_when_rounded)
{
    struct cpu_ops ops[3];
    int n_ops = tables(ops);
    const float broken[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < n_ops; i++)
        for (int k = 0; k < 3; k++) {
            struct guarded act = guarded_new(act_bytes(ACT_GROUP));
            float x[40] = {[3] = 1.0f, [7] = broken[k], [35] = FLT_MIN / 4};
            ops[i].round_act(act.p, x, 40);
            assert_false(isfinite(act_steps(act.p, ACT_GROUP)[0]));
            assert_true(act_steps(act.p, ACT_GROUP)[2] < FLT_MIN); /* too small to divide by */
            for (int j = 0; j < ACT_GROUP; j++)
                assert_int_equal(((int8_t *)act.p)[j], 0);
            guarded_free(&act);
        }
}

/* |got - want| is bounded by eps times the sum of the magnitudes of the terms. */
static void check_products(const char *what, const float *got, const float *want,
                           const float *bound, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(got[i] - want[i]) <= 2e-6f * bound[i] + 1e-12f))
            fail_msg("%s [%zu]: got %.9g, want %.9g, terms %.9g", what, i, (double)got[i],
                     (double)want[i], (double)bound[i]);
}

/* Sums of |x w|, with the offset that kernels subtract from unsigned weights. */
static void bound_products(const struct narrow_job *job, float *bound)
{
    float *w = malloc((size_t)job->n * sizeof *w);
    for (int r = 0; r < job->n_rows; r++) {
        float max = 0.0f;
        block_decode(job->type, job->w + (size_t)r * job->row_bytes, w, job->n);
        for (int i = 0; i < job->n; i++)
            max = fmaxf(max, fabsf(w[i]));
        for (int t = 0; t < job->n_tok; t++) {
            float sum = 0.0f;
            for (int i = 0; i < job->n; i++)
                sum += (fabsf(w[i]) + (job->act ? 2.0f * max : 0.0f)) *
                       fabsf(job->x[(size_t)t * (size_t)job->n + (size_t)i]);
            bound[(size_t)t * job->y_stride + (size_t)r] = sum;
        }
    }
    free(w);
}

static void run_narrow(const struct cpu_ops *ops, struct narrow_job job, float *y)
{
    job.y = y;
    if (job.act)
        ops->narrow_rounded(&job);
    else
        ops->narrow(&job);
}

static void check_narrow(enum dtype type, int n_rows, int n, int n_tok, uint64_t *seed)
{
    struct cpu_ops ops[3];
    int n_ops = tables(ops);
    size_t n_y = (size_t)n_tok * (size_t)n_rows, stride = act_bytes(act_padded(n));
    struct guarded w = guarded_weights(type, (int64_t)n_rows * n, seed);
    struct guarded x = guarded_f32((size_t)n_tok * (size_t)n, seed);
    struct guarded act = guarded_new((size_t)n_tok * stride);
    struct guarded y[4];
    for (int i = 0; i < 4; i++)
        y[i] = guarded_new(n_y * sizeof(float));
    float *want = y[0].p, *got = y[1].p, *bound = y[2].p, *alone = y[3].p;
    for (int t = 0; t < n_tok; t++)
        ops[0].round_act((int8_t *)act.p + (size_t)t * stride, (float *)x.p + (size_t)t * (size_t)n,
                         n);
    struct narrow_job job = {.type = type,
                             .scale = 1.0f,
                             .x_stride = (size_t)n,
                             .w = w.p,
                             .x = x.p,
                             .act = act_rounded(type) ? act.p : NULL,
                             .row_bytes = dtype_bytes(type, n),
                             .y_stride = (size_t)n_rows,
                             .n_rows = n_rows,
                             .n_tok = n_tok,
                             .n = n};
    bound_products(&job, bound);
    run_narrow(&ops[0], job, want);
    for (int i = 0; i < n_ops; i++) {
        run_narrow(&ops[i], job, got);
        check_products(dtype_info(type)->name, got, want, bound, n_y);
        /* Each token alone, and each row alone, gives the same bits. */
        for (int t = 0; t < n_tok; t++)
            for (int r = 0; r < n_rows; r++) {
                struct narrow_job one = job;
                one.w += (size_t)r * job.row_bytes;
                one.x += (size_t)t * (size_t)n;
                one.act = job.act ? job.act + (size_t)t * stride : NULL;
                one.n_rows = one.n_tok = 1;
                run_narrow(&ops[i], one, alone);
                assert_memory_equal(alone, got + (size_t)t * (size_t)n_rows + r, sizeof *alone);
            }
    }
    for (int i = 0; i < 4; i++)
        guarded_free(&y[i]);
    guarded_free(&w);
    guarded_free(&x);
    guarded_free(&act);
}

TEST(cpu_ops, narrow_products_match_the_definition)
{
    uint64_t seed = 3;
    for (int type = 0; type < DTYPE_COUNT; type++) {
        int block = dtype_info((enum dtype)type)->block;
        int most = block == 1 ? 150 : block == 256 ? 4 : 1200 / block;
        for (int blocks = 1; blocks <= most; blocks += 1 + blocks / 6)
            check_narrow((enum dtype)type, 1 + blocks % 5, blocks * block, 1 + blocks % 8, &seed);
        check_narrow((enum dtype)type, 3, 4096, 7, &seed);
    }
}

/* The product of a row of zeros but for one broken code, or of broken scales. */
static float broken_row(const struct cpu_ops *ops, enum dtype type, int n, uint8_t code,
                        const struct tensor_scales *scales)
{
    uint8_t w[200] = {0};
    float x[200] = {0}, y = 0.0f;
    w[n - 1] = code;
    ops->narrow(&(struct narrow_job){.type = type,
                                     .scale = 1.0f,
                                     .scales = scales,
                                     .w = w,
                                     .x = x,
                                     .y = &y,
                                     .row_bytes = dtype_bytes(type, n),
                                     .x_stride = (size_t)n,
                                     .y_stride = 1,
                                     .n_rows = 1,
                                     .n_tok = 1,
                                     .n = n});
    return y;
}

TEST(cpu_ops, a_nan_weight_or_scale_gives_nan)
{
    static const float ones[4] = {1.0f, 1.0f, 1.0f, 1.0f};
    struct tensor_scales blocks = {
        .data = ones, .dtype = DTYPE_F32, .n_rows = 1, .n_cols = 64, .stride = 4};
    struct cpu_ops ops[3];
    int n_ops = tables(ops);
    for (int i = 0; i < n_ops; i++)
        for (int n = 1; n < 200; n++) {
            uint8_t code = n % 2 ? 0x7f : 0xff, entries[13] = {0};
            assert_true(isnan(broken_row(&ops[i], DTYPE_E4M3, n, code, NULL)));
            assert_true(isnan(broken_row(&ops[i], DTYPE_E4M3, n, code, &blocks)));
            entries[(n - 1) / 16] = code;
            struct tensor_scales sixteens = {
                .data = entries, .dtype = DTYPE_E4M3, .n_rows = 1, .n_cols = 16, .stride = 13};
            if (n % 2 == 0)
                assert_true(isnan(broken_row(&ops[i], DTYPE_E2M1, n, 0, &sixteens)));
        }
}

static void check_wide(int n_rows, int n_tok, int n, uint64_t *seed)
{
    struct cpu_ops ops[3];
    int n_ops = tables(ops);
    size_t n_y = (size_t)n_tok * (size_t)n_rows;
    struct guarded w = guarded_f32((size_t)n_rows * (size_t)n, seed);
    struct guarded x = guarded_f32((size_t)n_tok * (size_t)n, seed);
    struct guarded got = guarded_f32(n_y, seed), want = guarded_f32(n_y, seed);
    float *bound = malloc(n_y * sizeof *bound);
    for (size_t i = 0; i < n_y; i++)
        bound[i] = (float)n + 1.0f;
    struct wide_job job = {.w = w.p,
                           .x = x.p,
                           .w_stride = (size_t)n,
                           .x_stride = (size_t)n,
                           .y_stride = (size_t)n_rows,
                           .n_rows = n_rows,
                           .n_tok = n_tok,
                           .n = n};
    for (int i = 0; i < n_ops; i++)
        for (int add = 0; add < 2; add++) {
            job.add = add;
            job.y = want.p;
            ops[0].wide(&job);
            job.y = got.p;
            ops[i].wide(&job);
            check_products("wide", got.p, want.p, bound, n_y);
            for (int t = 0; t < n_tok && !add; t++)
                for (int r = 0; r < n_rows; r++) {
                    float alone = 0.0f;
                    struct wide_job one = job;
                    one.w += (size_t)r * (size_t)n;
                    one.x += (size_t)t * (size_t)n;
                    one.y = &alone;
                    one.n_rows = one.n_tok = 1;
                    ops[i].wide(&one);
                    assert_memory_equal(&alone, (float *)got.p + (size_t)t * (size_t)n_rows + r,
                                        sizeof alone);
                }
        }
    free(bound);
    guarded_free(&w);
    guarded_free(&x);
    guarded_free(&got);
    guarded_free(&want);
}

TEST(cpu_ops, wide_products_match_the_definition)
{
    uint64_t seed = 4;
    for (int n = 1; n < 70; n++)
        check_wide(1 + n % 7, 1 + n % 17, n, &seed);
    for (int n_tok = 1; n_tok <= 17; n_tok++)
        check_wide(32, n_tok, 257, &seed);
}

TEST(cpu_ops, norms_and_gates_match_the_definition)
{
    struct cpu_ops ops[3];
    int n_ops = tables(ops);
    uint64_t seed = 5;
    for (int n = 1; n < 300; n++)
        for (int i = 1; i < n_ops; i++) {
            struct guarded x = guarded_f32((size_t)n, &seed), y = guarded_f32((size_t)n, &seed);
            struct guarded want = guarded_f32((size_t)n, &seed);
            ops[0].rms_norm(want.p, x.p, y.p, n, 1e-5f);
            ops[i].rms_norm(x.p, x.p, y.p, n, 1e-5f); /* in place */
            assert_near_f32(x.p, want.p, (size_t)n, 1e-7f, 1e-6f);
            for (int k = 0; k < n; k++)
                ((float *)x.p)[k] = ((float *)want.p)[k] = test_random_f32(&seed) * 20.0f;
            ops[0].silu_mul(want.p, y.p, n);
            ops[i].silu_mul(x.p, y.p, n);
            assert_near_f32(x.p, want.p, (size_t)n, 1e-12f, 1e-6f);
            guarded_free(&x);
            guarded_free(&y);
            guarded_free(&want);
        }
}

TEST(cpu_ops, gates_reach_both_ends)
{
    struct cpu_ops ops[3];
    int n_ops = tables(ops);
    for (int i = 0; i < n_ops; i++) {
        float gate[4] = {-1e30f, 1e30f, -200.0f, 0.0f}, up[4] = {1.0f, 1.0f, 1.0f, 1.0f};
        ops[i].silu_mul(gate, up, 4);
        assert_true(gate[0] == 0.0f && gate[1] == 1e30f && gate[3] == 0.0f);
        assert_true(fabsf(gate[2]) < 1e-30f);
    }
}

/* One softmax over all pages, in double. */
static void attend_plainly(const struct attend_job *job, const float *k, const float *v, int n_keys,
                           double *out)
{
    double *scores = malloc((size_t)n_keys * sizeof *scores), max = -INFINITY, sum = 0.0;
    for (int j = 0; j < n_keys; j++) {
        scores[j] = 0.0;
        for (int i = 0; i < job->head_dim; i++)
            scores[j] += (double)job->q[i] * (double)k[j * job->head_dim + i];
        scores[j] *= (double)job->scale;
        max = fmax(max, scores[j]);
    }
    for (int j = 0; j < n_keys; j++)
        sum += scores[j] = exp(scores[j] - max);
    for (int i = 0; i < job->head_dim; i++) {
        out[i] = 0.0;
        for (int j = 0; j < n_keys; j++)
            out[i] += scores[j] / sum * (double)v[j * job->head_dim + i];
    }
    free(scores);
}

static void check_attend(enum dtype dtype, int n_heads, int head_dim, int n_keys, uint64_t *seed)
{
    struct cpu_ops ops[3];
    int n_ops = tables(ops);
    size_t n_q = (size_t)n_heads * (size_t)head_dim, n_kv = (size_t)n_keys * (size_t)head_dim;
    struct guarded q = guarded_f32(n_q, seed), out = guarded_f32(n_q, seed);
    struct guarded k = guarded_weights(dtype, (int64_t)n_kv, seed);
    struct guarded v = guarded_weights(dtype, (int64_t)n_kv, seed);
    float *k32 = malloc(n_kv * sizeof *k32), *v32 = malloc(n_kv * sizeof *v32);
    double *want = malloc((size_t)head_dim * sizeof *want);
    block_decode(dtype, k.p, k32, (int64_t)n_kv);
    block_decode(dtype, v.p, v32, (int64_t)n_kv);
    for (int i = 0; i < n_ops; i++) {
        float max[ATTEND_HEADS], sum[ATTEND_HEADS];
        for (int h = 0; h < n_heads; h++) {
            max[h] = -INFINITY;
            sum[h] = 0.0f;
        }
        memset(out.p, 0, n_q * sizeof(float));
        struct attend_job job = {.q = q.p,
                                 .out = out.p,
                                 .max = max,
                                 .sum = sum,
                                 .dtype = dtype,
                                 .n_heads = n_heads,
                                 .head_dim = head_dim,
                                 .scale = 0.7f};
        for (int key = 0; key < n_keys; key += job.n_keys) {
            size_t at = dtype_bytes(dtype, (int64_t)key * head_dim);
            job.n_keys = n_keys - key < ATTEND_ROWS ? n_keys - key : ATTEND_ROWS;
            job.k = (uint8_t *)k.p + at;
            job.v = (uint8_t *)v.p + at;
            ops[i].attend(&job);
        }
        for (int h = 0; h < n_heads; h++) {
            job.q = (float *)q.p + (size_t)h * (size_t)head_dim;
            attend_plainly(&job, k32, v32, n_keys, want);
            for (int c = 0; c < head_dim; c++) {
                float got = ((float *)out.p)[h * head_dim + c] / sum[h];
                if (!(fabs((double)got - want[c]) <= 3e-6))
                    fail_msg("table %d head %d [%d]: got %.9g, want %.9g", i, h, c, (double)got,
                             want[c]);
            }
        }
    }
    free(k32);
    free(v32);
    free(want);
    guarded_free(&q);
    guarded_free(&out);
    guarded_free(&k);
    guarded_free(&v);
}

TEST(cpu_ops, attention_matches_a_plain_softmax)
{
    uint64_t seed = 6;
    for (int n_keys = 1; n_keys <= 40; n_keys++)
        for (int bf16 = 0; bf16 < 2; bf16++)
            check_attend(bf16 ? DTYPE_BF16 : DTYPE_F32, 1 + n_keys % ATTEND_HEADS,
                         2 * (1 + n_keys * 7 % 65), n_keys, &seed);
    check_attend(DTYPE_BF16, 4, 512, 33, &seed);
}
