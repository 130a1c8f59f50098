/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/experts.h"

#include "cli/cli.h"
#include "cli/machine.h"
#include "cli/options.h"
#include "cli/plan.h"
#include "lib/runtime.h"
#include "test.h"

static struct checkpoint *open_mixtral(void)
{
    struct err err = {0};
    struct checkpoint *ckpt = checkpoint_open("test/data/oracle/mixtral", &err);
    assert_string_equal(err.text, "");
    return ckpt;
}

TEST(experts, get_what_the_rest_leaves_where_not_all_fits)
{
    struct checkpoint *ckpt = open_mixtral();
    struct expert_sizes sizes = expert_cache_sizes(ckpt);
    struct plan plan = plan_memory(ckpt, 64, DTYPE_BF16, 0);
    for (int i = 0; i < 2; i++) {
        const struct runtime_options options = {.expert_memory = i ? EXPERTS_AUTO : 0,
                                                .context = 64};
        assert_int_equal(experts_room(&options, ckpt, 0), 0);
        assert_int_equal(experts_room(&options, ckpt, plan.needed), 0);
        assert_int_equal(experts_room(&options, ckpt, 1), sizes.min_bytes);
        /* Here a slot is larger than an expert, so that much is left before all fits. */
        uint64_t available = plan.needed - 1;
        uint64_t left = available - available / 16 - (plan.needed - sizes.n_bytes);
        if (left > available || left < sizes.min_bytes)
            left = sizes.min_bytes;
        assert_int_equal(experts_room(&options, ckpt, available), left);
    }
    const struct runtime_options given = {.expert_memory = 12345};
    assert_int_equal(experts_room(&given, ckpt, 0), 12345);
    assert_int_equal(experts_room(&given, ckpt, 1), 12345);
    checkpoint_close(ckpt);
}

TEST(experts, leave_a_dense_model_alone_unless_told)
{
    static struct checkpoint dense;
    dense.config = (struct model_config){.dim = 8, .n_layers = 1, .n_vocab = 8, .context = 8};
    const struct runtime_options automatic = {.expert_memory = EXPERTS_AUTO};
    assert_int_equal(experts_room(&automatic, &dense, 1), 0);
}

TEST(experts, statistics_are_differences)
{
    const struct expert_cache_stats a = {4, 10, 20, 300, 1.0, 0.5}, b = {4, 13, 21, 700, 1.5, 0.75};
    struct expert_cache_stats s = experts_between(&a, &b);
    assert_int_equal(s.hits, 3);
    assert_int_equal(s.misses, 1);
    assert_int_equal(s.n_read, 400);
    assert_true(s.read_s == 0.5 && s.wait_s == 0.25);
    assert_true(experts_hit_rate(&s) == 0.75);
    assert_true(experts_hit_rate(&(struct expert_cache_stats){0}) == 0);
}
