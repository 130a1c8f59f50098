/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "backends.h"
#include "cpu/cpu_ops.h"
#include "operands.h"
#include "tensor/block.h"

enum { N = 64 };

/* Stores with every version, which must agree in every bit. */
static void store_everywhere(enum dtype type, void *row, const float *src, int n)
{
    unsigned masks[MAX_MASKS];
    int n_masks = cpu_masks(masks);
    struct guarded from = guarded_new((size_t)n * sizeof *src);
    struct guarded to = guarded_new(dtype_bytes(type, n));
    memcpy(from.p, src, (size_t)n * sizeof *src);
    for (int i = 0; i < n_masks; i++) {
        struct cpu_ops ops;
        cpu_ops_init(&ops, masks[i]);
        memset(to.p, 0x5a, dtype_bytes(type, n));
        ops.store(type, to.p, from.p, n);
        if (i == 0)
            memcpy(row, to.p, dtype_bytes(type, n));
        assert_memory_equal(to.p, row, dtype_bytes(type, n));
    }
    guarded_free(&from);
    guarded_free(&to);
}

static void store_and_load(enum dtype type, const float *src, float *back)
{
    uint8_t row[N * sizeof(float)];
    store_everywhere(type, row, src, N);
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

/* Any bits, of NaN with any payload, too; numbers between two codes; rows of every length. */
TEST(cpu_cache, every_version_stores_the_same_bits)
{
    uint64_t seed = 2;
    uint8_t row[256 * sizeof(float)];
    float src[256];
    for (int n = 1; n <= 256; n++)
        for (int kind = 0; kind < 4; kind++) {
            for (int i = 0; i < n; i++)
                src[i] = kind == 0   ? number_from_bits(test_random(&seed))
                         : kind == 1 ? ldexpf((float)((int)(test_random(&seed) % 255) - 127), -1)
                         : kind == 2
                             ? ldexpf(test_random_f32(&seed), -(int)(test_random(&seed) % 40))
                             : test_random_f32(&seed);
            store_everywhere(DTYPE_F32, row, src, n);
            store_everywhere(DTYPE_BF16, row, src, n);
            for (int i = 0; i < n; i++) {
                uint16_t code;
                memcpy(&code, row + 2 * i, sizeof code);
                assert_int_equal(code, number_to_bf16(src[i]));
            }
            if (n % 32 == 0)
                store_everywhere(DTYPE_Q8_0, row, src, n);
        }
}
