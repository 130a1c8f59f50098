/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_limits.h"

#include "test.h"

/* A machine that reads 10 bytes a second and computes 100 operations. */
static void check(double bytes, double flops, double disk_part, double part, const char *limit)
{
    const struct bench_limits limits = {.read = 10, .compute = 100, .compute_name = "AMX bf16"};
    struct bench_share share = bench_share(&limits, bytes, flops, disk_part);
    assert_true(share.part == part);
    assert_string_equal(share.limit, limit);
}

TEST(bench_limits, the_nearest_limit_is_what_binds)
{
    check(5, 25, 0, 0.5, "memory");
    check(5, 75, 0, 0.75, "AMX bf16");
    check(5, 25, 0.625, 0.625, "disk");
    check(5, 25, 0.375, 0.5, "memory"); /* most experts were in memory */
    check(0, 25, 0.125, 0.25, "AMX bf16");
}
