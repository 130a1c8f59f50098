/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_target.h"

#include <string.h>

#include "base/mem.h"
#include "test.h"

static const struct {
    const char *raw, *path; /* path NULL: refused */
} paths[] = {
    {"/", "/"},
    {"*", "*"},
    {"/v1/models/a%2Fb", "/v1/models/a/b"},
    {"/a+b", "/a+b"},
    {"/%25%32%35", "/%25"},
    {"/%C3%A9%e2%82%ac%F0%9F%98%80", "/\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
    {"//double", "//double"},
    {"/...", "/..."},
    {"/.a/..b", "/.a/..b"},
    {"http://host:80/x?y", "/x"},
    {"HTTPS://host/x", "/x"},
    {"", NULL},
    {"x", NULL},
    {"?x", NULL},
    {"**", NULL},
    {"/..", NULL},
    {"/a/..", NULL},
    {"/a/../b", NULL},
    {"/.", NULL},
    {"/%2e%2e%2fetc", NULL},
    {"/a%2f..%2f", NULL},
    {"/%", NULL},
    {"/%1", NULL},
    {"/%1g", NULL},
    {"/%00", NULL},
    {"/%0a", NULL},
    {"/%7f", NULL},
    {"/ ", NULL},
    {"/a#b", NULL},
    {"/\x80", NULL},
    {"/%80", NULL},
    {"/%c1%81", NULL},
    {"/%ed%a0%80", NULL},
    {"/%e0%80%80", NULL},
    {"/%f4%90%80%80", NULL},
    {"/%f0%80%80%80", NULL},
    {"/%e2%82", NULL},
    {"http:///x", NULL},
    {"http://host", NULL},
    {"ftp://host/x", NULL},
    {"/?a=%", NULL},
    {"/?%ff=1", NULL},
};

TEST(http_target, paths)
{
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct arena arena = {0};
        struct http_target t;
        struct err err = {0};
        bool ok = http_target_parse(&t, paths[i].raw, strlen(paths[i].raw), &arena, &err);
        if (ok != (paths[i].path != NULL))
            print_error("%s\n", paths[i].raw);
        assert_int_equal(ok, paths[i].path != NULL);
        if (ok)
            assert_string_equal(t.path, paths[i].path);
        else
            assert_int_equal(err.code, ERR_FORMAT);
        arena_free(&arena);
    }
}

TEST(http_target, queries)
{
    struct arena arena = {0};
    struct http_target t;
    struct err err = {0};
    const char *raw = "http://Host:1/p?a=1&&b&=x&c=2=3&a=4&d=%26+%3D&?";
    assert_true(http_target_parse(&t, raw, strlen(raw), &arena, &err));
    assert_string_equal(t.authority, "Host:1");
    assert_int_equal(t.n_query, 7);
    assert_string_equal(http_target_query(&t, "a"), "1");
    assert_string_equal(http_target_query(&t, "b"), "");
    assert_string_equal(http_target_query(&t, ""), "x");
    assert_string_equal(http_target_query(&t, "c"), "2=3");
    assert_string_equal(http_target_query(&t, "d"), "& =");
    assert_string_equal(http_target_query(&t, "?"), "");
    assert_null(http_target_query(&t, "A"));
    arena_free(&arena);
}

TEST(http_target, without_memory)
{
    for (size_t n = 0;; n++) {
        struct arena arena = {0};
        struct http_target t;
        struct err err = {0};
        mem_fail_after(n);
        bool ok = http_target_parse(&t, "http://h/p?a=1", 14, &arena, &err);
        mem_fail_never();
        arena_free(&arena);
        if (ok)
            break;
        assert_int_equal(err.code, ERR_LIMIT);
    }
}
