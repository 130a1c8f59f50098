/* SPDX-License-Identifier: Apache-2.0 */
/* config_moe_test.c - relations of a mixture's sizes; the readers' tests have its keys. */
#include <string.h>

#include "model/config_int.h"
#include "test.h"

static bool check(uint32_t n_experts, uint32_t n_used, uint32_t n_groups, uint32_t n_groups_used,
                  struct err *err)
{
    struct model_config c = config_plain();
    c.n_layers = 4;
    c.ffn_dim = 64;
    c.is_moe = true;
    c.moe = config_plain_moe(&c);
    c.moe.n_experts = n_experts;
    c.moe.n_used = n_used;
    c.moe.n_groups = n_groups;
    c.moe.n_groups_used = n_groups_used;
    return config_check_moe(&c, err);
}

TEST(config_moe, groups_that_fit_are_accepted)
{
    struct err err = {0};
    assert_true(check(8, 2, 1, 1, &err));
    assert_true(check(2, 2, 1, 1, &err));
    assert_true(check(8, 8, 1, 1, &err));
    assert_true(check(256, 8, 8, 4, &err));
    assert_true(check(8, 2, 4, 1, &err));
    assert_true(check(8, 4, 4, 2, &err));
}

TEST(config_moe, groups_that_do_not_fit_are_named)
{
    static const struct {
        uint32_t n_experts, n_used, n_groups, n_groups_used;
        const char *text;
    } bad[] = {
        {8, 9, 1, 1, "each token uses 9 experts, the model has 8"},
        {8, 2, 3, 1, "8 experts cannot form 3 groups"},
        {8, 2, 8, 4, "8 experts cannot form 8 groups"},
        {8, 2, 16, 4, "8 experts cannot form 16 groups"},
        {8, 2, 2, 3, "each token uses 3 groups of experts, the model has 2"},
        {8, 3, 4, 1, "3 experts cannot be chosen from 1 group of 2"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        assert_false(
            check(bad[i].n_experts, bad[i].n_used, bad[i].n_groups, bad[i].n_groups_used, &err));
        assert_string_equal(err.text, bad[i].text);
    }
}
