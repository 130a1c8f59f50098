/* SPDX-License-Identifier: Apache-2.0 */
#include "base/span.h"

#include "test.h"

TEST(span, compares)
{
    struct span none = {0};
    assert_true(span_is(SPAN("abc"), "abc"));
    assert_false(span_is(SPAN("abc"), "ab"));
    assert_false(span_is(SPAN("a\0c"), "a"));
    assert_true(span_is(none, ""));
    assert_true(span_same(none, SPAN("")));
    assert_false(span_same(SPAN("ab"), SPAN("ac")));
}

TEST(span, finds)
{
    assert_true(span_has(SPAN("x[ARGS]y"), "[ARGS]"));
    assert_false(span_has(SPAN("x[ARGS"), "[ARGS]"));
    assert_false(span_has((struct span){0}, "a"));
}
