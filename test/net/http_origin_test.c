/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_origin.h"

#include <stddef.h>

#include "test.h"

static const char *const none[] = {NULL};

TEST(http_origin, hosts)
{
    static const char *const names[] = {"api.test", NULL};
    static const struct {
        const char *host;
        bool ours;
    } table[] = {
        {"localhost", true},      {"LOCALHOST:1", true}, {"127.0.0.1:65535", true},
        {"[::1]", true},          {"[::1]:80", true},    {"api.test", true},
        {"Api.Test:443", true},   {"localhost.", false}, {"127.0.0.2", false},
        {"127.1", false},         {"::1", false},        {"[::1", false},
        {"[::1]x", false},        {"localhost:", true},  {"localhost:123456", false},
        {"localhost:8x", false},  {"", false},           {":80", false},
        {"api.test.evil", false}, {"x.api.test", false}, {"[::2]", false},
        {"localhost:1:2", false}, {"0.0.0.0", false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(http_host_is_ours(table[i].host, names), table[i].ours);
    assert_false(http_host_is_ours("api.test", none));
}

TEST(http_origin, origins)
{
    static const char *const origins[] = {"https://app.test", NULL};
    assert_true(http_origin_is_ours("https://app.test", origins, false, "a"));
    assert_false(http_origin_is_ours("https://app.test:444", origins, false, "a"));
    assert_false(http_origin_is_ours("http://app.test", origins, false, "a"));
    assert_true(http_origin_is_ours("http://localhost", none, false, "a"));
    assert_true(http_origin_is_ours("https://[::1]:1", none, false, "a"));
    assert_true(http_origin_is_ours("http://own:1", none, false, "own:1"));
    assert_true(http_origin_is_ours("https://own:1", none, true, "own:1"));
    assert_false(http_origin_is_ours("http://own:1", none, true, "own:1"));
    assert_false(http_origin_is_ours("http://own:1", none, false, "own"));
    assert_false(http_origin_is_ours("http://own", none, false, NULL));
    assert_false(http_origin_is_ours("http://", none, false, ""));
    assert_false(http_origin_is_ours("null", none, false, "null"));
    assert_false(http_origin_is_ours("", none, false, ""));
    assert_false(http_origin_is_ours("http://localhost/", none, false, "a"));
    assert_false(http_origin_is_ours("http://localhost.evil", none, false, "a"));
}
