/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/block_encode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/block.h"
#include "tensor/number.h"
#include "test.h"

#define N 16384

/* Mean squared errors, over the mean square, that llama.cpp's encoders make of the numbers of
 * fill(): without importance, and weighted with it.  From ggml d99724f2, quantize_TYPE(). */
static const struct peer {
    enum dtype type;
    double plain, weighted;
} peers[] = {
    {DTYPE_Q4_0, 0.007284, 0.005437},   {DTYPE_Q4_1, 0.005937, 0.003537},
    {DTYPE_Q5_0, 0.001788, 0.001361},   {DTYPE_Q5_1, 0.001408, 0.0008351},
    {DTYPE_Q8_0, 2.77e-05, 2.775e-05},  {DTYPE_Q4_K, 0.00493, 0.003684},
    {DTYPE_Q5_K, 0.001275, 0.0009658},  {DTYPE_Q6_K, 0.0003091, 0.000227},
    {DTYPE_IQ4_NL, 0.005711, 0.004549}, {DTYPE_IQ4_XS, 0.005783, 0.00464},
    {DTYPE_MXFP4, 0.01288, 0.01319},
};

/* Numbers that are nearly normally distributed, and importances that differ a lot. */
static void fill(float *x, float *importance, int n)
{
    uint64_t state = 1;
    for (int i = 0; i < n; i++) {
        float sum = 0.0f, u = test_random_f32(&state);
        for (int k = 0; k < 12; k++)
            sum += test_random_f32(&state);
        x[i] = 0.01f * sum;
        importance[i] = u * u * u * u;
    }
}

static void encode(enum dtype type, const float *x, const float *importance, void *blocks, int n)
{
    struct err err = {0};
    if (!block_encode(type, x, importance, blocks, n, &err))
        fail_msg("%s: %s", dtype_info(type)->name, err.text);
}

/* Encodes and decodes.  n <= N. */
static const float *round_trip(enum dtype type, const float *x, const float *importance, int n)
{
    static uint8_t blocks[N * sizeof(float)];
    static float back[N];
    encode(type, x, importance, blocks, n);
    block_decode(type, blocks, back, n);
    return back;
}

static double error_of(const float *x, const float *back, const float *importance, int n)
{
    double error = 0.0, all = 0.0;
    for (int i = 0; i < n; i++) {
        double w = importance ? (double)importance[i] : 1.0, d = (double)x[i] - (double)back[i];
        error += w * d * d;
        all += w * (double)x[i] * (double)x[i];
    }
    return error / all;
}

TEST(block_encode, errors_are_below_those_of_a_peer)
{
    static float x[N], importance[N];
    fill(x, importance, N);
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        const struct peer *p = &peers[i];
        double plain = error_of(x, round_trip(p->type, x, NULL, N), NULL, N);
        double weighted = error_of(x, round_trip(p->type, x, importance, N), importance, N);
        if (plain > p->plain || weighted > p->weighted)
            fail_msg("%s: %.4g, peer %.4g; weighted %.4g, peer %.4g", dtype_info(p->type)->name,
                     plain, p->plain, weighted, p->weighted);
        if (plain < 0.5 * p->plain || weighted < 0.5 * p->weighted)
            fail_msg("%s: too good to be true", dtype_info(p->type)->name);
    }
}

/* Every type that block_encode() writes, and the error that rounding to it makes at most of a
 * number beside the largest of its block, whatever that is. */
static const struct bound {
    enum dtype type;
    float of_largest;
} bounds[] = {
    {DTYPE_F32, 0.0f},     {DTYPE_F16, 0x1p-11f}, {DTYPE_BF16, 0x1p-8f}, {DTYPE_E4M3, 0x1p-4f},
    {DTYPE_Q4_0, 0.13f},   {DTYPE_Q4_1, 0.14f},   {DTYPE_Q5_0, 0.07f},   {DTYPE_Q5_1, 0.07f},
    {DTYPE_Q8_0, 0.006f},  {DTYPE_Q4_K, 0.16f},   {DTYPE_Q5_K, 0.09f},   {DTYPE_Q6_K, 0.04f},
    {DTYPE_IQ4_NL, 0.16f}, {DTYPE_IQ4_XS, 0.18f}, {DTYPE_MXFP4, 0.26f},
};
#define N_BOUNDS (sizeof bounds / sizeof *bounds)

static float largest_of(const float *x, int n)
{
    float largest = 0.0f;
    for (int i = 0; i < n; i++)
        largest = fmaxf(largest, fabsf(x[i]));
    return largest;
}

/* Checks a block of 256 against the bound of its type. */
static void check_bound(const struct bound *b, const float *x, const char *what)
{
    int block = dtype_info(b->type)->block;
    const float *back = round_trip(b->type, x, NULL, 256);
    for (int i = 0; i < 256; i++) {
        float limit = b->of_largest * largest_of(x + i / block * block, block);
        limit += b->type == DTYPE_E4M3 ? 0x1p-10f : 0x1p-24f; /* subnormal steps */
        if (!(fabsf(x[i] - back[i]) <= limit))
            fail_msg("%s %s [%d]: %g became %g", dtype_info(b->type)->name, what, i, (double)x[i],
                     (double)back[i]);
    }
}

TEST(block_encode, errors_have_bounds_on_unusual_numbers)
{
    float normal[256], importance[256], one[256] = {0}, same[256], tiny[256], wide[256], ramp[256];
    fill(normal, importance, 256);
    one[77] = -3.0f;
    for (int i = 0; i < 256; i++) {
        same[i] = i < 128 ? 0.3f : -0.7f;
        tiny[i] = normal[i] * 1e-38f;
        wide[i] = ldexpf(normal[i], i % 32 - 24);
        ramp[i] = 5.0f + (float)i / 64.0f;
    }
    for (size_t i = 0; i < N_BOUNDS; i++) {
        check_bound(&bounds[i], normal, "normal");
        check_bound(&bounds[i], one, "one of 256");
        check_bound(&bounds[i], same, "constant");
        check_bound(&bounds[i], tiny, "subnormal");
        check_bound(&bounds[i], ramp, "ramp");
        check_bound(&bounds[i], wide, "wide");
    }
}

TEST(block_encode, zeros_stay_zero)
{
    float zeros[256];
    for (int i = 0; i < 256; i++)
        zeros[i] = i % 2 ? -0.0f : 0.0f;
    for (size_t i = 0; i < N_BOUNDS; i++) {
        const float *back = round_trip(bounds[i].type, zeros, zeros, 256);
        for (int k = 0; k < 256; k++)
            assert_true(back[k] == 0.0f);
    }
}

TEST(block_encode, an_outlier_and_a_constant_survive)
{
    for (size_t i = 0; i < N_BOUNDS; i++) {
        float x[256] = {0}, tolerance = bounds[i].type == DTYPE_MXFP4 ? 0.2f : 2e-3f;
        if (bounds[i].type == DTYPE_E4M3 || bounds[i].type == DTYPE_BF16)
            tolerance = 0.0625f;
        x[5] = 77.7f;
        assert_near_f32(round_trip(bounds[i].type, x, NULL, 256) + 5, x + 5, 1, 0.0f, tolerance);
        for (int k = 0; k < 256; k++)
            x[k] = -0.123f;
        assert_near_f32(round_trip(bounds[i].type, x, NULL, 256), x, 256, 0.0f, tolerance);
    }
}

/* Blocks that span all codes: scale and minimum are exact, so every number must come back. */
TEST(block_encode, what_a_format_can_say_comes_back_exactly)
{
    static const int8_t iq4[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                   1,    13,   25,  38,  53,  69,  89,  113};
    float q4[256], q5[256], q8[256], nl[256], e2m1[256], line4[256], line5[256], q6[256];
    for (int i = 0; i < 256; i++) {
        q4[i] = 0.25f * (float)(i % 16 - 8);
        q5[i] = -0.5f * (float)(i * 7 % 32 - 16);
        q8[i] = 0.125f * (float)(i % 32 ? i * 37 % 255 - 127 : -128);
        nl[i] = 0x1p-7f * (float)iq4[i * 5 % 16];
        e2m1[i] = 4.0f * number_e2m1[i % 16];
        line4[i] = 0.5f * (float)(i * 3 % 16) - 2.0f;
        line5[i] = 0.5f * (float)(i * 3 % 32) - 2.0f;
        q6[i] = 0x1p-4f * (float)(i % 16 ? i * 11 % 63 - 31 : -32);
    }
    const struct {
        enum dtype type;
        const float *x;
    } cases[] = {{DTYPE_Q4_0, q4},    {DTYPE_Q5_0, q5},   {DTYPE_Q8_0, q8},    {DTYPE_Q4_1, line4},
                 {DTYPE_Q5_1, line5}, {DTYPE_IQ4_NL, nl}, {DTYPE_MXFP4, e2m1}, {DTYPE_Q6_K, q6},
                 {DTYPE_F32, nl},     {DTYPE_F16, nl},    {DTYPE_BF16, q4},    {DTYPE_E4M3, e2m1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int k = 0; k < 256; k++) {
            const float *back = round_trip(cases[i].type, cases[i].x, NULL, 256);
            if (back[k] != cases[i].x[k])
                fail_msg("%s [%d]: %g became %g", dtype_info(cases[i].type)->name, k,
                         (double)cases[i].x[k], (double)back[k]);
        }
}

TEST(block_encode, importance_moves_the_error_to_what_matters_less)
{
    static float x[N], importance[N], even[N];
    fill(x, importance, N);
    for (int i = 0; i < N; i++)
        importance[i] = i % 4 ? 0.01f : 1.0f;
    for (int i = 0; i < N; i++)
        even[i] = i % 4 ? 0.0f : 1.0f;
    for (enum dtype type = DTYPE_Q4_0; type <= DTYPE_MXFP4; type++) {
        double plain = error_of(x, round_trip(type, x, NULL, N), even, N);
        const float *back = round_trip(type, x, importance, N);
        double important = error_of(x, back, even, N), all = error_of(x, back, NULL, N);
        if (!(important < 0.95 * plain && all > important))
            fail_msg("%s: %g of the important, %g without importance, %g of all",
                     dtype_info(type)->name, important, plain, all);
    }
}

TEST(block_encode, equal_importances_are_none)
{
    static float x[N], importance[N];
    static uint8_t a[N * 4], b[N * 4];
    fill(x, importance, N);
    for (int i = 0; i < N; i++)
        importance[i] = 0.375f;
    for (size_t i = 0; i < N_BOUNDS; i++) {
        encode(bounds[i].type, x, NULL, a, N);
        encode(bounds[i].type, x, importance, b, N);
        assert_memory_equal(a, b, dtype_bytes(bounds[i].type, N));
    }
}

TEST(block_encode, a_decoded_block_is_encoded_as_it_was)
{
    static const enum dtype types[] = {DTYPE_F16, DTYPE_BF16, DTYPE_E4M3, DTYPE_MXFP4};
    static float x[N], importance[N], once[N];
    fill(x, importance, N);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        memcpy(once, round_trip(types[i], x, NULL, N), sizeof once);
        const float *twice = round_trip(types[i], once, NULL, N);
        assert_near_f32(twice, once, N, 0.0f, 0.0f);
    }
}

static void refuse(enum dtype type, const float *x, const float *importance, enum err_code code,
                   const char *text)
{
    struct err err = {0};
    uint8_t blocks[1024];
    assert_false(block_encode(type, x, importance, blocks, 256, &err));
    assert_int_equal(err.code, code);
    assert_string_equal(err.text, text);
}

TEST(block_encode, what_is_no_number_is_refused_by_its_place)
{
    float x[256] = {1.0f, 2.0f}, importance[256] = {1.0f};
    struct err err = {0};
    importance[200] = -1.0f;
    refuse(DTYPE_Q4_K, x, importance, ERR_FORMAT, "the importance of element 200 is -1");
    importance[200] = INFINITY;
    refuse(DTYPE_F16, x, importance, ERR_FORMAT, "the importance of element 200 is inf");
    refuse(DTYPE_E2M1, x, NULL, ERR_UNSUPPORTED, "F4: weights are not written in this format");
    refuse(DTYPE_NVFP4, x, NULL, ERR_UNSUPPORTED, "NVFP4: weights are not written in this format");
    for (int type = 0; type < DTYPE_COUNT; type++)
        assert_int_equal(block_encodes((enum dtype)type),
                         type != DTYPE_E2M1 && type != DTYPE_NVFP4);
    x[255] = 1e38f;
    refuse(DTYPE_F16, x, NULL, ERR_UNSUPPORTED,
           "element 255, 1e+38, exceeds 65504, the most of F16");
    refuse(DTYPE_Q8_0, x, NULL, ERR_UNSUPPORTED,
           "element 255, 1e+38, exceeds 8.31901e+06, the most of Q8_0");
    x[7] = -INFINITY;
    refuse(DTYPE_F32, x, NULL, ERR_FORMAT, "element 7 is -inf");
    x[3] = NAN;
    for (size_t i = 0; i < N_BOUNDS; i++)
        refuse(bounds[i].type, x, NULL, ERR_FORMAT, "element 3 is nan");
    assert_true(block_encode(DTYPE_Q4_K, x, NULL, x, 0, &err));
}

TEST(block_encode, huge_numbers_are_kept_where_they_fit)
{
    float x[256];
    for (int i = 0; i < 256; i++)
        x[i] = (i % 2 ? -1e38f : 3e38f);
    assert_near_f32(round_trip(DTYPE_MXFP4, x, NULL, 256), x, 256, 0.0f, 0.35f);
    assert_near_f32(round_trip(DTYPE_BF16, x, NULL, 256), x, 256, 0.0f, 0x1p-8f);
    for (int i = 0; i < 256; i++)
        x[i] = (i % 2 ? -60000.0f : 60000.0f);
    for (size_t i = 0; i < N_BOUNDS; i++)
        if (bounds[i].type != DTYPE_E4M3)
            assert_near_f32(round_trip(bounds[i].type, x, NULL, 256), x, 256, 0.0f, 0.1f);
}
