/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "cpu/cpu_int.h"
#include "test.h"

TEST(cpu_parts, are_cut_at_fixed_positions)
{
    static const struct {
        int begin, pos, most, n_keys, first, n;
    } cases[] = {
        {0, 0, 64, 512, 0, 1},
        {0, 511, 64, 512, 0, 1},
        {0, 512, 64, 512, 0, 2},
        {511, 512, 64, 512, 0, 2},
        {512, 512, 64, 512, 1, 1},
        {700, 1600, 64, 512, 1, 3},
        {0, 32767, 64, 512, 0, 64},
        {0, 32768, 64, 1024, 0, 33},
        {1024, 65536, 64, 2048, 0, 33},
        {2048, 65536, 64, 2048, 1, 32},
        {0, 7679, 15, 512, 0, 15},
        {0, 7680, 15, 1024, 0, 8},
        {0, LIMIT_CONTEXT - 1, 64, 1 << 18, 0, 64},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cpu_parts parts = cpu_parts_of(cases[i].begin, cases[i].pos, cases[i].most);
        assert_int_equal(parts.n_keys, cases[i].n_keys);
        assert_int_equal(parts.first, cases[i].first);
        assert_int_equal(parts.n, cases[i].n);
    }
}

/* Two heads of two dimensions: sums, largest scores, sums of weights; then what is skipped. */
TEST(cpu_parts, are_put_together_as_if_all_had_met_the_largest_score)
{
    float parts[3][9] = {{2, 4, 1, 1, /**/ 3, 0, /**/ 2, 1, NAN},
                         {6, 8, 8, 2, /**/ 3, 0x1.62e43p0f, /**/ 2, 1, NAN},
                         {7, 7, 9, 9, /**/ -200, 0, /**/ 5, 2, NAN}};
    float out[4];
    assert_int_equal(cpu_part_floats(2, 2), 8);
    cpu_join_parts(out, parts[0], 9, 3, 2, 2);
    /* The second head's first and third part count a quarter: e^(-2 ln 2). */
    const float want[4] = {2, 3, (1 + 4 * 8 + 9) / 7.0f, (1 + 4 * 2 + 9) / 7.0f};
    assert_near_f32(out, want, 4, 0.0f, 1e-6f);
    cpu_join_parts(out, parts[1], 9, 1, 2, 2);
    const float alone[4] = {3, 4, 8, 2};
    assert_memory_equal(out, alone, sizeof out);
}
