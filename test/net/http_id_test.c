/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_id.h"

#include <string.h>

#include "test.h"

TEST(http_id, fresh_ones_differ)
{
    char a[HTTP_ID_FRESH], b[HTTP_ID_FRESH];
    http_id_fresh(a);
    http_id_fresh(b);
    assert_true(strlen(a) == 32 && strspn(a, "0123456789abcdef") == 32);
    assert_string_not_equal(a, b);
    assert_true(http_id_is_sane(a));
}

TEST(http_id, sane_ones)
{
    char text[131] = "";
    memset(text, ' ', 129);
    assert_false(http_id_is_sane(text));
    assert_true(http_id_is_sane(text + 1));
    assert_false(http_id_is_sane(""));
    assert_false(http_id_is_sane("a\n"));
    assert_false(http_id_is_sane("\x7f"));
    assert_false(http_id_is_sane("\xe9"));
}
