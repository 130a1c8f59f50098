/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/cpu_ops.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cpu/backends.h"
#include "cpu/operands.h"
#include "tensor/block.h"

/* The tables that this machine can run, plain C first. */
static int tables(struct cpu_ops ops[MAX_MASKS])
{
    unsigned masks[MAX_MASKS];
    int n = cpu_masks(masks);
    for (int i = 0; i < n; i++)
        cpu_ops_init(&ops[i], masks[i]);
    return n;
}

TEST(cpu_ops, decode_is_the_definition)
{
    struct cpu_ops ops[MAX_MASKS];
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
    struct cpu_ops ops[MAX_MASKS];
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
    struct cpu_ops ops[MAX_MASKS];
    int n_ops = tables(ops);
    uint64_t seed = 2;
    for (int n = 1; n < 600; n = n * 3 / 2 + 1) {
        size_t n_pad = act_padded(n);
        struct guarded x = guarded_f32((size_t)n, &seed);
        struct guarded want = guarded_new(act_bytes(n)), got = guarded_new(act_bytes(n));
        ops[0].round_act(want.p, x.p, n);
        for (int i = 0; i < (int)n_pad; i++) {
            const struct act_group *group = act_group(want.p, (size_t)i);
            int at = i % ACT_GROUP;
            float value = i < n ? ((float *)x.p)[i] : 0.0f, step = group->steps[at / 16];
            assert_true(fabsf((float)group->q[at] * step - value) <= 0.5001f * step);
            assert_true(step <= 1.0f / 127.0f);
        }
        for (size_t k = 0; k < n_pad; k += ACT_BLOCK) {
            const struct act_group *group = act_group(want.p, k);
            size_t block = k % ACT_GROUP / ACT_BLOCK;
            float sums[2] = {0.0f, 0.0f}, step = group->steps[2 * block];
            for (size_t i = 0; i < ACT_BLOCK; i++)
                sums[i / 16] += (float)group->q[k % ACT_GROUP + i];
            assert_float_equal(group->steps[2 * block + 1], step, 0);
            assert_memory_equal(group->sums + 2 * block, sums, sizeof sums);
            assert_float_equal(group->block_sums[block], sums[0] + sums[1], 0);
            assert_float_equal(group->values[block], (sums[0] + sums[1]) * step, 0);
        }
        for (int i = 1; i < n_ops; i++) {
            ops[i].round_act(got.p, x.p, n);
            assert_memory_equal(got.p, want.p, act_bytes(n));
        }
        guarded_free(&x);
        guarded_free(&want);
        guarded_free(&got);
    }
}

TEST(cpu_ops, a_broken_input_stays_broken_when_rounded)
{
    struct cpu_ops ops[MAX_MASKS];
    int n_ops = tables(ops);
    const float broken[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < n_ops; i++)
        for (int k = 0; k < 3; k++) {
            struct guarded act = guarded_new(act_bytes(ACT_GROUP));
            float x[40] = {[3] = 1.0f, [7] = broken[k], [35] = FLT_MIN / 4};
            ops[i].round_act(act.p, x, 40);
            assert_false(isfinite(act_group(act.p, 0)->steps[0]));
            assert_true(act_group(act.p, 0)->steps[2] < FLT_MIN); /* too small to divide by */
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
    struct cpu_ops ops[MAX_MASKS];
    int n_ops = tables(ops);
    size_t n_y = (size_t)n_tok * (size_t)n_rows, stride = act_bytes(n);
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

/* Tables from AVX2 on multiply the same integers and add up in one order, so they agree bit for
 * bit; check_narrow() compares each with itself. */
static void check_tables_agree(enum dtype type, int n_rows, int n, int n_tok, uint64_t *seed)
{
    struct cpu_ops ops[MAX_MASKS];
    int n_ops = tables(ops);
    size_t n_y = (size_t)n_tok * (size_t)n_rows, stride = act_bytes(n);
    struct guarded w = guarded_weights(type, (int64_t)n_rows * n, seed);
    struct guarded x = guarded_f32((size_t)n, seed), act = guarded_new((size_t)n_tok * stride);
    struct guarded one = guarded_new(n_y * sizeof(float)), other = guarded_new(n_y * sizeof(float));
    for (int t = 0; t < n_tok; t++) {
        for (int i = 0; i < n; i++)
            ((float *)x.p)[i] = test_random_f32(seed);
        ops[0].round_act((int8_t *)act.p + (size_t)t * stride, x.p, n);
    }
    struct narrow_job job = {.type = type,
                             .scale = 0.3f,
                             .w = w.p,
                             .act = act.p,
                             .row_bytes = dtype_bytes(type, n),
                             .y_stride = (size_t)n_rows,
                             .n_rows = n_rows,
                             .n_tok = n_tok,
                             .n = n};
    for (int i = 2; i < n_ops; i++) {
        run_narrow(&ops[1], job, one.p);
        run_narrow(&ops[i], job, other.p);
        assert_memory_equal(one.p, other.p, n_y * sizeof(float));
    }
    guarded_free(&w);
    guarded_free(&x);
    guarded_free(&act);
    guarded_free(&one);
    guarded_free(&other);
}

TEST(cpu_ops, rounded_products_are_the_same_in_any_company)
{
    static const int tokens[] = {1, 2, 3, 5, 8, 15, 16, 17, 33, 64, 65, 100};
    uint64_t seed = 9;
    for (int type = DTYPE_Q4_0; type < DTYPE_COUNT; type++)
        for (int i = 0; i < 12; i++) {
            int block = dtype_info((enum dtype)type)->block, rows = 1 + (type * 7 + i * 11) % 40;
            int n = block * (block == 256 ? 1 + i % 3 : 1 + i * 5 % 17);
            check_narrow((enum dtype)type, rows, n, tokens[i], &seed);
            check_tables_agree((enum dtype)type, rows, n, tokens[i], &seed);
        }
    for (int rows = 1; rows <= 40; rows++)
        check_narrow(DTYPE_Q8_0, rows, 32 * (rows % 9 + 1), 1 + rows % 18, &seed);
}

/* Makes the first scale of a block NaN, where the format has one. */
static bool break_scale(enum dtype type, uint8_t *block)
{
    size_t at = type == DTYPE_Q6_K ? 208 : 0;
    if (type == DTYPE_NVFP4)
        return false;
    block[at] = type == DTYPE_MXFP4 ? 0xff : 0x01;
    if (type != DTYPE_MXFP4)
        block[at + 1] = 0x7e;
    return true;
}

TEST(cpu_ops, a_nan_scale_of_a_block_gives_nan_for_its_row)
{
    enum { ROWS = 20, N = 512, TOKENS = 17, BROKEN = 3 };
    struct cpu_ops ops[MAX_MASKS];
    int n_ops = tables(ops);
    uint64_t seed = 10;
    size_t stride = act_bytes(N);
    struct guarded x = guarded_f32(N, &seed), act = guarded_new(TOKENS * stride);
    float y[TOKENS * ROWS];
    for (int t = 0; t < TOKENS; t++)
        ops[0].round_act((int8_t *)act.p + (size_t)t * stride, x.p, N);
    for (int type = DTYPE_Q4_0; type < DTYPE_COUNT; type++) {
        struct guarded w = guarded_weights((enum dtype)type, (int64_t)ROWS * N, &seed);
        struct narrow_job job = {.type = (enum dtype)type,
                                 .scale = 1.0f,
                                 .w = w.p,
                                 .act = act.p,
                                 .row_bytes = dtype_bytes((enum dtype)type, N),
                                 .y_stride = ROWS,
                                 .n_rows = ROWS,
                                 .n = N};
        if (!break_scale((enum dtype)type, (uint8_t *)w.p + BROKEN * job.row_bytes))
            job.n_rows = 0;
        for (int i = 0; i < n_ops; i++)
            for (job.n_tok = 1; job.n_tok <= TOKENS; job.n_tok += 8) {
                run_narrow(&ops[i], job, y);
                for (int k = 0; k < job.n_tok * job.n_rows; k++)
                    assert_int_equal(isnan(y[k]) != 0, k % ROWS == BROKEN);
            }
        guarded_free(&w);
    }
    guarded_free(&x);
    guarded_free(&act);
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
    struct cpu_ops ops[MAX_MASKS];
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
    struct cpu_ops ops[MAX_MASKS];
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

/* Elements of n rows that lie stride apart, without what would follow the last one. */
static size_t strided(int n, size_t stride, int dim)
{
    return (size_t)(n - 1) * stride + (size_t)dim;
}

/* Compares with plain sums, twice: the second call adds to the first one's result. */
static void check_fold(int n_rows, int n_tok, int n, uint64_t *seed)
{
    struct cpu_ops ops[MAX_MASKS];
    int n_ops = tables(ops);
    size_t w_stride = (size_t)n + 3, x_stride = (size_t)n_rows + 1, y_stride = (size_t)n + 2;
    struct guarded w = guarded_f32(strided(n_rows, w_stride, n), seed);
    struct guarded x = guarded_f32(strided(n_tok, x_stride, n_rows), seed);
    struct guarded y = guarded_f32(strided(n_tok, y_stride, n), seed);
    struct wide_job job = {.w = w.p,
                           .x = x.p,
                           .y = y.p,
                           .w_stride = w_stride,
                           .x_stride = x_stride,
                           .y_stride = y_stride,
                           .n_rows = n_rows,
                           .n_tok = n_tok,
                           .n = n};
    for (int k = 0; k < n_ops; k++)
        for (int times = 1; times <= 2; times++) {
            job.add = times == 2;
            ops[k].fold(&job);
            for (int t = 0; t < n_tok; t++)
                for (int i = 0; i < n; i++) {
                    double sum = 0.0;
                    for (int r = 0; r < n_rows; r++)
                        sum += (double)job.x[(size_t)t * x_stride + (size_t)r] *
                               (double)job.w[(size_t)r * w_stride + (size_t)i];
                    double got = (double)job.y[(size_t)t * y_stride + (size_t)i];
                    if (!(fabs(got - times * sum) <= 1e-6 * n_rows))
                        fail_msg("table %d token %d [%d]: got %.9g, want %.9g", k, t, i, got,
                                 times * sum);
                }
        }
    guarded_free(&w);
    guarded_free(&x);
    guarded_free(&y);
}

TEST(cpu_ops, folded_products_match_the_definition)
{
    uint64_t seed = 8;
    for (int n = 1; n < 70; n++)
        check_fold(1 + n % 19, 1 + n % 9, n, &seed);
    check_fold(128, 16, 512, &seed);
}

TEST(cpu_ops, norms_and_gates_match_the_definition)
{
    struct cpu_ops ops[MAX_MASKS];
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

/* Whole and cut vectors, against the rotation in double; a pair has no other neighbour. */
TEST(cpu_ops, rotations_match_the_definition)
{
    struct cpu_ops ops[MAX_MASKS];
    int n_ops = tables(ops);
    uint64_t seed = 9;
    for (int n = 1; n < 100; n++)
        for (int k = 0; k < 2 * n_ops; k++) {
            struct guarded x = guarded_f32(2 * (size_t)n, &seed);
            struct guarded table = guarded_f32(2 * (size_t)n, &seed);
            float *got = x.p, *t = table.p, before[200], want[200];
            bool halves = k >= n_ops;
            memcpy(before, got, 2 * (size_t)n * sizeof *got);
            for (int i = 0; i < n; i++) {
                int a = halves ? i : 2 * i, b = halves ? n + i : 2 * i + 1;
                double c = (double)t[2 * i], s = (double)t[2 * i + 1];
                want[a] = (float)((double)before[a] * c - (double)before[b] * s);
                want[b] = (float)((double)before[a] * s + (double)before[b] * c);
            }
            ops[k % n_ops].rotate(got, t, n, halves);
            assert_near_f32(got, want, 2 * (size_t)n, 2e-7f, 0.0f);
            guarded_free(&x);
            guarded_free(&table);
        }
}

TEST(cpu_ops, gates_reach_both_ends)
{
    struct cpu_ops ops[MAX_MASKS];
    int n_ops = tables(ops);
    for (int i = 0; i < n_ops; i++) {
        float gate[4] = {-1e30f, 1e30f, -200.0f, 0.0f}, up[4] = {1.0f, 1.0f, 1.0f, 1.0f};
        ops[i].silu_mul(gate, up, 4);
        assert_true(gate[0] == 0.0f && gate[1] == 1e30f && gate[3] == 0.0f);
        assert_true(fabsf(gate[2]) < 1e-30f);
    }
}

/* One softmax over all pages, in double. */
static void attend_plainly(const struct attend_job *job, int head, const float *k, const float *v,
                           int n_keys, double *out)
{
    double *scores = malloc((size_t)n_keys * sizeof *scores), max = -INFINITY, sum = 0.0;
    const float *q = job->q + (size_t)head * job->q_stride;
    for (size_t j = 0; j < (size_t)n_keys; j++) {
        scores[j] = 0.0;
        for (size_t i = 0; i < (size_t)job->k_dim; i++)
            scores[j] += (double)q[i] * (double)k[j * job->k_stride + i];
        scores[j] *= (double)job->scales[head];
        max = fmax(max, scores[j]);
    }
    for (int j = 0; j < n_keys; j++)
        sum += scores[j] = exp(scores[j] - max);
    for (size_t i = 0; i < (size_t)job->v_dim; i++) {
        out[i] = 0.0;
        for (size_t j = 0; j < (size_t)n_keys; j++)
            out[i] += scores[j] / sum * (double)v[j * job->v_stride + i];
    }
    free(scores);
}

/* Runs all pages of one case: keys and values of dtype at k and v, their values k32 and v32. */
static void check_pages(const struct cpu_ops *ops, struct attend_job *job, int n_keys,
                        const float *k32, const float *v32)
{
    float max[ATTEND_HEADS], sum[ATTEND_HEADS];
    const uint8_t *k = job->k, *v = job->v;
    for (int h = 0; h < job->n_heads; h++) {
        max[h] = -INFINITY;
        sum[h] = 0.0f;
    }
    job->max = max;
    job->sum = sum;
    memset(job->out, 0, strided(job->n_heads, job->out_stride, job->v_dim) * sizeof *job->out);
    for (int key = 0; key < n_keys; key += job->n_keys) {
        job->n_keys = n_keys - key < ATTEND_ROWS ? n_keys - key : ATTEND_ROWS;
        job->k = k + dtype_bytes(job->dtype, key * (int64_t)job->k_stride);
        job->v = v + dtype_bytes(job->dtype, key * (int64_t)job->v_stride);
        ops->attend(job);
    }
    double *want = malloc((size_t)job->v_dim * sizeof *want);
    for (int h = 0; h < job->n_heads; h++) {
        attend_plainly(job, h, k32, v32, n_keys, want);
        for (int c = 0; c < job->v_dim; c++) {
            float got = job->out[(size_t)h * job->out_stride + (size_t)c] / sum[h];
            if (!(fabs((double)got - want[c]) <= 3e-6))
                fail_msg("head %d [%d]: got %.9g, want %.9g", h, c, (double)got, want[c]);
        }
    }
    free(want);
    job->k = k;
    job->v = v;
}

/* gap: elements between the rows of every operand. */
static void check_attend(struct attend_job job, int n_keys, size_t gap, uint64_t *seed)
{
    struct cpu_ops ops[MAX_MASKS];
    int n_ops = tables(ops);
    float scales[ATTEND_HEADS];
    for (int h = 0; h < ATTEND_HEADS; h++)
        scales[h] = 0.7f - 0.03f * (float)h;
    job.q_stride = job.k_stride = (size_t)job.k_dim + gap;
    job.v_stride = (size_t)job.v_dim + 2 * gap;
    job.out_stride = (size_t)job.v_dim + 3 * gap;
    size_t n_k = strided(n_keys, job.k_stride, job.k_dim);
    size_t n_v = strided(n_keys, job.v_stride, job.v_dim);
    struct guarded q = guarded_f32(strided(job.n_heads, job.q_stride, job.k_dim), seed);
    struct guarded out = guarded_f32(strided(job.n_heads, job.out_stride, job.v_dim), seed);
    struct guarded k = guarded_weights(job.dtype, (int64_t)n_k, seed);
    struct guarded v = guarded_weights(job.dtype, (int64_t)n_v, seed);
    float *k32 = malloc(n_k * sizeof *k32), *v32 = malloc(n_v * sizeof *v32);
    block_decode(job.dtype, k.p, k32, (int64_t)n_k);
    block_decode(job.dtype, v.p, v32, (int64_t)n_v);
    job.q = q.p;
    job.k = k.p;
    job.v = v.p;
    job.out = out.p;
    job.scales = scales;
    for (int i = 0; i < n_ops; i++)
        check_pages(&ops[i], &job, n_keys, k32, v32);
    free(k32);
    free(v32);
    guarded_free(&q);
    guarded_free(&out);
    guarded_free(&k);
    guarded_free(&v);
}

TEST(cpu_ops, attention_matches_a_plain_softmax)
{
    uint64_t seed = 6;
    for (int n_keys = 1; n_keys <= 40; n_keys++)
        for (int bf16 = 0; bf16 < 2; bf16++) {
            int dim = 2 * (1 + n_keys * 7 % 65);
            struct attend_job job = {.dtype = bf16 ? DTYPE_BF16 : DTYPE_F32,
                                     .n_heads = 1 + n_keys % ATTEND_HEADS,
                                     .k_dim = dim,
                                     .v_dim = dim};
            check_attend(job, n_keys, 0, &seed);
        }
    check_attend((struct attend_job){.dtype = DTYPE_BF16, .n_heads = 4, .k_dim = 512, .v_dim = 512},
                 33, 0, &seed);
}

TEST(cpu_ops, attention_takes_keys_and_values_of_different_widths)
{
    static const int widths[][2] = {{576, 512}, {20, 3}, {5, 40}, {1, 1}, {96, 1000}};
    uint64_t seed = 7;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++)
        for (int bf16 = 0; bf16 < 2; bf16++)
            for (size_t gap = 0; gap < 4; gap += 3) {
                struct attend_job job = {.dtype = bf16 ? DTYPE_BF16 : DTYPE_F32,
                                         .n_heads = 6,
                                         .k_dim = widths[i][0],
                                         .v_dim = widths[i][1]};
                check_attend(job, 21, gap, &seed);
            }
}
