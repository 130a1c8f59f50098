/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uuid.h"

#include <string.h>

#include "test.h"

TEST(uuid, is_random_and_of_version_4)
{
    struct err err = {0};
    char a[UUID_TEXT], b[UUID_TEXT];
    for (int i = 0; i < 100; i++) {
        assert_true(uuid_new(a, &err) && uuid_new(b, &err));
        assert_string_not_equal(a, b);
        assert_int_equal(strlen(a), 36);
        assert_true(uuid_is(a));
        assert_int_equal(a[14], '4');
        assert_non_null(strchr("89ab", a[19]));
    }
}

TEST(uuid, is_nothing_else)
{
    static const char *const others[] = {
        "",
        "x",
        "..",
        "9f2d3c1e-4b6a-4d8f-9a1b-2c3d4e5f6a7",   /* one short */
        "9f2d3c1e-4b6a-4d8f-9a1b-2c3d4e5f6a7bc", /* one more */
        "9F2D3C1E-4B6A-4D8F-9A1B-2C3D4E5F6A7B",  /* another name of a file */
        "9f2d3c1e04b6a-4d8f-9a1b-2c3d4e5f6a7b",
        "9f2d3c1e-4b6a-4d8f-9a1b-2c3d4e5f6a/b",
        "{f2d3c1e-4b6a-4d8f-9a1b-2c3d4e5f6a7}",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(uuid_is(others[i]));
    assert_true(uuid_is("9f2d3c1e-4b6a-4d8f-9a1b-2c3d4e5f6a7b"));
}
