/* SPDX-License-Identifier: Apache-2.0 */
/* http_request_test.c has the table of whole requests; here is what needs no server. */
#include "net/http_framing.h"

#include <string.h>

#include "net/http_target.h"
#include "test.h"

/* Reads lines as libmicrohttpd leaves them; returns how many, or -1. */
static int read_lines(const char *text, size_t n, struct http_pair *pairs, struct err *err)
{
    static char lines[1000];
    size_t n_pairs;
    memcpy(lines, text, n);
    return http_framing_lines(lines, n, 40, pairs, 3, &n_pairs, err) ? (int)n_pairs : -1;
}

#define LINES(text) text, sizeof(text) - 1

TEST(http_framing, lines_as_libmicrohttpd_leaves_them)
{
    struct http_pair pairs[3];
    struct err err = {0};
    assert_int_equal(read_lines(LINES("\0\0"), pairs, &err), 0);
    assert_int_equal(read_lines(LINES("A\0 b \t\0\0C-d\0\0\0\0\0"), pairs, &err), 2);
    assert_string_equal(pairs[0].name, "A");
    assert_string_equal(pairs[0].value, "b");
    assert_string_equal(pairs[1].name, "C-d");
    assert_string_equal(pairs[1].value, "");
    assert_int_equal(read_lines(LINES("A\0b\xff\0\0\0\0"), pairs, &err), 1);
    static const struct {
        const char *text;
        size_t n;
        enum err_code code;
    } bad[] = {
        {LINES(""), ERR_FORMAT},
        {LINES("\0"), ERR_FORMAT},
        {LINES("A\0b\0\0"), ERR_FORMAT},
        {LINES("A\0b\0\0\0"), ERR_FORMAT},
        {LINES("A\0b\0\0\0x"), ERR_FORMAT},
        {LINES("A\0b\0C\0d\0\0\0\0"), ERR_FORMAT},
        {LINES("A\0b\0\0\0\0\0"), ERR_FORMAT},
        {LINES("A"), ERR_FORMAT},
        {LINES("A\0b"), ERR_FORMAT},
        {LINES("A\0b\r\0\0\0\0"), ERR_FORMAT},
        {LINES(" A\0b\0\0\0\0"), ERR_FORMAT},
        {LINES("A \0b\0\0\0\0"), ERR_FORMAT},
        {LINES("\0b\0\0\0\0"), ERR_FORMAT},
        {LINES("A\0b\0\0A\0b\0\0A\0b\0\0A\0b\0\0\0\0"), ERR_LIMIT},
        {LINES("A\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\0\0\0\0"), ERR_LIMIT},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err = (struct err){0};
        assert_int_equal(read_lines(bad[i].text, bad[i].n, pairs, &err), -1);
        assert_int_equal(err.code, bad[i].code);
    }
}

TEST(http_framing, length_of_content)
{
    struct http_framing framing;
    struct err err = {0};
    struct http_pair pairs[2] = {{"host", "a:1"}, {"CONTENT-length", "999999999999999999"}};
    assert_true(http_framing_check(&framing, pairs, 2, "HTTP/1.1", &err));
    assert_true(framing.has_length && framing.length == 999999999999999999ull);
    assert_string_equal(framing.host, "a:1");
    pairs[1].value = "1000000000000000000";
    assert_false(http_framing_check(&framing, pairs, 2, "HTTP/1.1", &err));
    pairs[1] = (struct http_pair){"transfer-encoding", "CHUNKED"};
    assert_true(http_framing_check(&framing, pairs, 2, "HTTP/1.1", &err));
    assert_true(framing.is_chunked && !framing.has_length);
    assert_false(http_framing_check(&framing, pairs, 2, "HTTP/1.0", &err));
    assert_false(http_framing_check(&framing, pairs + 1, 1, "HTTP/1.1", &err));
    assert_true(http_framing_check(&framing, NULL, 0, "HTTP/1.0", &err));
}
