/* SPDX-License-Identifier: Apache-2.0 */
#include "base/plural.h"

#include "test.h"

TEST(plural, only_one_is_singular)
{
    assert_string_equal(plural(0), "s");
    assert_string_equal(plural(1), "");
    assert_string_equal(plural(2), "s");
    assert_string_equal(plural(UINT64_MAX), "s");
}
