/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/read_speed.h"

#include "base/mem.h"
#include "test.h"

TEST(read_speed, is_plausible)
{
    struct err err = {0};
    for (int huge = 0; huge < 2; huge++)
        for (size_t size = 1; size <= (4 << 20); size <<= 22) {
            double rate = 0;
            struct read_speed_options options = {
                .read = cpu_reader(0), .n_threads = 2, .set_bytes = size, .huge = huge};
            assert_true(read_speed(&options, &rate, &err));
            assert_true(rate > 1e7 && rate < 1e13);
        }
}

TEST(read_speed, says_when_there_is_no_memory)
{
    struct read_speed_options options = {.read = cpu_reader(0), .n_threads = 1, .set_bytes = 1};
    for (size_t n = 0; n < 3; n++) {
        struct err err = {0};
        double rate;
        mem_fail_after(n);
        assert_false(read_speed(&options, &rate, &err));
        mem_fail_never();
        assert_int_equal(err.code, ERR_LIMIT);
    }
}
