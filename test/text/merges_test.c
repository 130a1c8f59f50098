/* SPDX-License-Identifier: Apache-2.0 */
#include "text/merges_int.h"

#include "base/limits.h"
#include "base/mem.h"
#include "test.h"

TEST(merges, finds_what_was_entered)
{
    enum { N = 1000 };
    struct merges merges;
    struct err err = {0};
    assert_true(merges_init(&merges, N * 3, &err));
    for (int32_t i = 0; i < N; i++) {
        assert_true(merges_add(&merges, &(struct merge){i, i + 1, i, (uint32_t)i + 1}));
        assert_true(merges_add(&merges, &(struct merge){i + 1, i, -i, (uint32_t)i + 1}));
        assert_true(merges_add(&merges, &(struct merge){i, i << 20, 7, (uint32_t)i + 1}));
        assert_false(merges_add(&merges, &(struct merge){i, i + 1, 5, 9}));
    }
    for (int32_t i = 0; i < N; i++) {
        const struct merge *merge = merges_find(&merges, i, i + 1);
        assert_non_null(merge);
        assert_int_equal(merge->id, i);
        assert_int_equal(merges_find(&merges, i + 1, i)->id, -i);
        assert_int_equal(merges_find(&merges, i, i << 20)->order, i + 1);
        assert_null(merges_find(&merges, i, i + 2));
        assert_null(merges_find(&merges, i, -1));
        assert_null(merges_find(&merges, -1, i));
    }
    merges_free(&merges);
    assert_null(merges.slots);
}

TEST(merges, reports_limits)
{
    struct merges merges;
    struct err err = {0};
    assert_false(merges_init(&merges, (size_t)LIMIT_MERGES + 1, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    merges_free(&merges);
    mem_fail_after(0);
    assert_false(merges_init(&merges, 3, &err));
    mem_fail_never();
    merges_free(&merges);
    assert_true(merges_init(&merges, 0, &err));
    assert_null(merges_find(&merges, 0, 0));
    merges_free(&merges);
}
