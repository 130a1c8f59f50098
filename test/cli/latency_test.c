/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/latency.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static void assert_close(double got, double want)
{
    if (fabs(got - want) > 0.004 * want)
        fail_msg("%.9g is not %.9g", got, want);
}

TEST(latency, nothing_has_no_duration)
{
    static struct latency none;
    assert_true(latency_at(&none, 0.5) == 0 && latency_mean(&none) == 0);
}

TEST(latency, few_are_exact)
{
    static struct latency few;
    memset(&few, 0, sizeof few);
    latency_add(&few, 0.125);
    for (int i = 0; i <= 10; i++)
        assert_true(latency_at(&few, 0.1 * i) == 0.125);
    latency_add(&few, 2);
    assert_close(latency_at(&few, 0.5), 0.125); /* a half does not exceed that */
    assert_true(latency_at(&few, 0.51) == 2 && latency_at(&few, 1) == 2);
    assert_true(latency_mean(&few) == 1.0625);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Compares with the same durations, sorted: nearest rank. */
TEST(latency, agrees_with_sorting)
{
    enum { N = 20001 };
    static struct latency all;
    static double times[N];
    static const double parts[] = {0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1};
    uint64_t random = 3;
    memset(&all, 0, sizeof all);
    for (int i = 0; i < N; i++) { /* from 2 microseconds to hours */
        times[i] = 2e-6 * exp(23 * (double)test_random(&random) / 4294967296.0);
        latency_add(&all, times[i]);
    }
    qsort(times, N, sizeof *times, by_size);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        double rank = ceil(parts[i] * N);
        assert_close(latency_at(&all, parts[i]), times[rank < 1 ? 0 : (size_t)rank - 1]);
    }
    assert_true(all.min == times[0] && all.max == times[N - 1]);
}

TEST(latency, takes_any_duration)
{
    static struct latency odd;
    memset(&odd, 0, sizeof odd);
    latency_add(&odd, 0);
    latency_add(&odd, -1);
    latency_add(&odd, 1e9);
    latency_add(&odd, 1e-6);
    assert_int_equal(odd.n, 4);
    assert_true(latency_at(&odd, 0.5) == 1e-6 || latency_at(&odd, 0.5) < 1.01e-6);
    assert_true(latency_at(&odd, 1) == 1e9);
}
