/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "cpu/cpu_int.h"
#include "tensor/block.h"
#include "test.h"

enum { N = 64 };

static void store_and_load(enum dtype type, const float *src, float *back)
{
    uint8_t row[N * sizeof(float)];
    cpu_store_row(type, row, src, N);
    block_decode(type, row, back, N);
}

TEST(cpu_cache, rows_come_back_within_the_step_of_their_type)
{
    static const struct {
        enum dtype type;
        double step; /* of the largest magnitude of a block, or of each number */
    } types[] = {{DTYPE_F32, 0.0}, {DTYPE_BF16, 0x1p-8}, {DTYPE_Q8_0, 0.5 / 127.0 * 1.001}};
    uint64_t seed = 1;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (int exponent = -5; exponent <= 10; exponent++) {
            float src[N], back[N];
            for (int k = 0; k < N; k++)
                src[k] = ldexpf(test_random_f32(&seed), exponent);
            store_and_load(types[i].type, src, back);
            for (int k = 0; k < N; k++) {
                double top = fabs((double)src[k]);
                for (int j = k / 32 * 32; types[i].type == DTYPE_Q8_0 && j < k / 32 * 32 + 32; j++)
                    top = fmax(top, fabs((double)src[j]));
                assert_true(fabs((double)back[k] - (double)src[k]) <= top * types[i].step);
            }
        }
}

TEST(cpu_cache, what_is_not_finite_does_not_come_back_as_a_number)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY, 1e38f};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        float src[N] = {1.0f, 2.0f}, back[N];
        src[40] = bad[i];
        store_and_load(DTYPE_Q8_0, src, back);
        assert_false(isfinite(back[40]));
        assert_true(isfinite(back[0]));
    }
}

TEST(cpu_cache, zeros_and_numbers_too_small_for_a_scale_are_zero)
{
    float src[N] = {0.0f, 1e-30f, -1e-30f}, back[N];
    store_and_load(DTYPE_Q8_0, src, back);
    for (int k = 0; k < N; k++)
        assert_true(back[k] == 0.0f);
}
