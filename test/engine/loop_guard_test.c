/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/loop_guard.h"

#include <stdlib.h>

#include "base/mem.h"
#include "test.h"

/* Adds 100 tokens that never recur, then a cycle of the period until it is noticed;
 * returns how many tokens of the cycle that took, or -1. */
static int tokens_until_noticed(int period, int n_max)
{
    struct loop_guard guard = {0};
    for (int i = 0; i < 100; i++)
        assert_false(loop_guard_add(&guard, 100000 + i));
    for (int i = 0; i < n_max; i++)
        if (loop_guard_add(&guard, i % period))
            return i + 1;
    return -1;
}

TEST(loop_guard, a_cycle_is_noticed_at_its_eighth_end_and_256_tokens)
{
    mem_forbid(true);
    assert_int_equal(tokens_until_noticed(1, 5000), 256);
    assert_int_equal(tokens_until_noticed(7, 5000), 256);
    assert_int_equal(tokens_until_noticed(32, 5000), 256);
    assert_int_equal(tokens_until_noticed(33, 5000), 264);
    assert_int_equal(tokens_until_noticed(255, 5000), 2040);
    assert_int_equal(tokens_until_noticed(256, 5000), 2048);
    assert_int_equal(tokens_until_noticed(257, 5000), -1);
    mem_forbid(false);
}

TEST(loop_guard, what_differs_a_little_is_no_loop)
{
    struct loop_guard guard = {0};
    uint64_t random = 1;
    for (int i = 0; i < 200000; i++) /* noise over two symbols */
        assert_false(loop_guard_add(&guard, (int32_t)(test_random(&random) % 2)));
    for (int i = 0; i < 20000; i++) /* lines of a table that are numbered */
        assert_false(loop_guard_add(&guard, i % 20 ? i % 20 : 1000 + i));
}

TEST(loop_guard, real_stories_are_no_loop)
{
    char *text = test_read("test/data/stories260K/stories260K-f32.tokens.txt", NULL);
    struct loop_guard guard = {0};
    int n = 0;
    char *end = NULL;
    for (char *at = text; *at != '\n'; at = end, n++) {
        assert_false(loop_guard_add(&guard, (int32_t)strtol(at, &end, 10)));
        if (*end == ' ')
            end++;
    }
    assert_int_equal(n, 257);
    free(text);
}
