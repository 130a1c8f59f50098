/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/block_fit_int.h"

#include <math.h>
#include <string.h>

#include "test.h"

static const int8_t levels[16] = {-12, -8, -6, -4, -3, -2, -1, 0, 0, 1, 2, 3, 4, 6, 8, 12};
static const struct fit_codes signed_codes = {NULL, -8, 7, 0.85f, 1.25f, 12};
static const struct fit_codes level_codes = {levels, -12, 12, 0.85f, 1.25f, 12};
static const struct fit_codes line_codes = {NULL, 0, 15, 0.95f, 1.25f, 4};

static void fill(uint64_t *random, float *x, float *w)
{
    for (int i = 0; i < FIT_MAX; i++) {
        x[i] = test_random_f32(random) + 0.5f * test_random_f32(random);
        w[i] = 1.0f + test_random_f32(random);
    }
}

static double nearest(const struct fit_codes *codes, double v)
{
    if (!codes->levels)
        return fmin(fmax(nearbyint(v), (double)codes->low), (double)codes->high);
    double best = codes->levels[0];
    for (int k = 1; k < 16; k++)
        if (fabs(codes->levels[k] - v) < fabs(best - v))
            best = codes->levels[k];
    return best;
}

/* The sum of squared errors by its definition. */
static double error_of(const struct fit_codes *codes, const float *x, const float *w, double scale,
                       double min)
{
    double error = 0.0;
    for (int i = 0; i < FIT_MAX; i++) {
        double r = (double)x[i] - min - scale * nearest(codes, ((double)x[i] - min) / scale);
        error += (double)w[i] * r * r;
    }
    return error;
}

TEST(block_fit, an_error_is_what_its_definition_says)
{
    float x[FIT_MAX], w[FIT_MAX];
    uint64_t seed = 1;
    for (int run = 0; run < 200; run++) {
        struct fit_data data = {x, w, FIT_MAX};
        fill(&seed, x, w);
        float scale = 0.15f + 0.1f * test_random_f32(&seed), min = -1.0f;
        struct fit_scale a = fit_ops()->scale_at(&signed_codes, &data, scale);
        struct fit_scale b = fit_ops()->scale_at(&level_codes, &data, scale);
        struct fit_line c = fit_ops()->line_at(&line_codes, &data, scale, min);
        float got[3] = {a.error, b.error, c.error};
        float want[3] = {(float)error_of(&signed_codes, x, w, (double)scale, 0.0),
                         (float)error_of(&level_codes, x, w, (double)scale, 0.0),
                         (float)error_of(&line_codes, x, w, (double)scale, (double)min)};
        assert_near_f32(got, want, 3, 1e-5f, 1e-5f);
    }
}

/* A scan of a thousand scales is the judge: the search may miss its best by a little, not more. */
TEST(block_fit, a_search_finds_nearly_the_best_scale)
{
    float x[FIT_MAX], w[FIT_MAX];
    uint64_t seed = 2;
    double found = 0.0, best = 0.0;
    for (int run = 0; run < 300; run++) {
        const struct fit_codes *codes = run % 2 ? &signed_codes : &level_codes;
        struct fit_data data = {x, w, FIT_MAX};
        fill(&seed, x, w);
        struct fit_scale f = fit_ops()->scale_search(codes, &data);
        double least = INFINITY;
        for (int i = 1; i <= 1000; i++) {
            least = fmin(least, error_of(codes, x, w, 0.0003 * i, 0.0));
            least = fmin(least, error_of(codes, x, w, -0.0003 * i, 0.0));
        }
        assert_true(error_of(codes, x, w, (double)f.scale, 0.0) <= (double)f.error * 1.0001);
        found += (double)f.error;
        best += least;
    }
    assert_true(found < 1.1 * best);
}

TEST(block_fit, a_search_finds_nearly_the_best_line)
{
    float x[FIT_MAX], w[FIT_MAX];
    uint64_t seed = 3;
    double found = 0.0, best = 0.0;
    for (int run = 0; run < 40; run++) {
        struct fit_data data = {x, w, FIT_MAX};
        fill(&seed, x, w);
        struct fit_line f = fit_ops()->line_search(&line_codes, &data, 0.0f);
        double least = INFINITY;
        for (int i = 1; i <= 100; i++)
            for (int m = 0; m <= 100; m++)
                least = fmin(least, error_of(&line_codes, x, w, 0.0025 * i, -0.02 * m));
        assert_true(error_of(&line_codes, x, w, (double)f.scale, (double)f.min) <=
                    (double)f.error * 1.0001);
        assert_true(f.scale >= 0.0f && f.min <= 0.0f);
        found += (double)f.error;
        best += least;
    }
    assert_true(found < 1.06 * best);
}

TEST(block_fit, a_minimum_keeps_its_bound)
{
    float x[FIT_MAX], w[FIT_MAX];
    uint64_t seed = 4;
    fill(&seed, x, w);
    struct fit_data data = {x, w, FIT_MAX};
    for (int i = 0; i < FIT_MAX; i++)
        x[i] += 3.0f;
    assert_true(fit_ops()->line_search(&line_codes, &data, 0.0f).min == 0.0f);
    assert_true(fit_ops()->line_search(&line_codes, &data, INFINITY).min > 1.0f);
}

TEST(block_fit, every_instruction_set_computes_the_same_bits)
{
    float x[FIT_MAX], w[FIT_MAX];
    uint64_t seed = 5;
    const struct fit_ops *a = &fit_ops_c, *b = fit_ops();
    for (int run = 0; run < 500; run++) {
        const struct fit_codes *codes = run % 2 ? &signed_codes : &level_codes;
        struct fit_data data = {x, w, run % 4 == 1 ? 16 : FIT_MAX};
        fill(&seed, x, w);
        struct fit_scale s = a->scale_search(codes, &data), t = b->scale_search(codes, &data);
        assert_memory_equal(&s, &t, sizeof s);
        data.n = FIT_MAX;
        struct fit_line l = a->line_search(&line_codes, &data, 0.0f);
        struct fit_line m = b->line_search(&line_codes, &data, 0.0f);
        assert_memory_equal(&l, &m, sizeof l);
        float q[FIT_MAX], r[FIT_MAX];
        a->round(codes, &data, s.scale, 0.0f, q);
        b->round(codes, &data, s.scale, 0.0f, r);
        assert_memory_equal(q, r, sizeof q);
    }
}
