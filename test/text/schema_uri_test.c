/* SPDX-License-Identifier: Apache-2.0 */
#include "text/schema_uri_int.h"

#include <string.h>

#include "test.h"

static void check(const char *base, const char *ref, const char *want)
{
    struct arena arena = {0};
    struct err err = {0};
    struct span out;
    assert_true(schema_uri_resolve(&arena, (struct span){base, strlen(base)},
                                   (struct span){ref, strlen(ref)}, &out, &err));
    if (!span_is(out, want))
        fail_msg("%s in %s: %.*s", ref, base, (int)out.n, out.s);
    arena_free(&arena);
}

/* The examples of RFC 3986, section 5.4, without fragments. */
TEST(schema_uri, resolves_as_the_standard_does)
{
    static const char base[] = "http://a/b/c/d;p?q";
    static const char *const examples[][2] = {
        {"g:h", "g:h"},
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {";x", "http://a/b/c/;x"},
        {"g;x", "http://a/b/c/g;x"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"../../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {".g", "http://a/b/c/.g"},
        {"g..", "http://a/b/c/g.."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
        {"g;x=1/../y", "http://a/b/c/y"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        check(base, examples[i][0], examples[i][1]);
    check("", "a.json", "a.json");
    check("urn:uuid:1", "", "urn:uuid:1");
    check("http://a", "b", "http://a/b");
}

TEST(schema_uri, splits_and_decodes)
{
    struct arena arena = {0};
    struct err err = {0};
    struct span uri, fragment, out;
    schema_uri_split(SPAN("a#b"), &uri, &fragment);
    assert_true(span_is(uri, "a") && span_is(fragment, "b"));
    schema_uri_split(SPAN("a"), &uri, &fragment);
    assert_true(span_is(uri, "a") && !fragment.s);
    assert_true(schema_uri_decode(&arena, SPAN("a%25~1%2~0~2%zz"), true, &out, &err));
    assert_true(span_is(out, "a%/%2~~2%zz"));
    assert_true(schema_uri_decode(&arena, SPAN("~1"), false, &out, &err));
    assert_true(span_is(out, "~1"));
    arena_free(&arena);
}
