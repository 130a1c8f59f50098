/* SPDX-License-Identifier: Apache-2.0 */
#include "data/jsonl.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "test.h"

/* Joins the lines that come. */
static bool join(void *arg, uint64_t index, const struct json_node *object, struct span text,
                 struct err *err)
{
    struct buf *out = arg;
    assert_int_equal(object->kind, NODE_OBJECT);
    (void)index;
    return buf_add(out, text.s, text.n, err) && buf_add(out, "|", 1, err);
}

/* Feeds text in pieces of n_piece bytes.  Returns the number of lines, or -1. */
static long check(const char *text, size_t n_piece, struct buf *out, struct err *err)
{
    struct jsonl lines;
    size_t n = strlen(text);
    bool ok = true;
    buf_clear(out);
    jsonl_init(&lines, join, out);
    for (size_t i = 0; ok && i < n; i += n_piece) {
        /* An exact copy, so that a sanitizer sees a read past the end. */
        size_t n_here = n - i < n_piece ? n - i : n_piece;
        char *piece = malloc(n_here);
        memcpy(piece, text + i, n_here);
        ok = jsonl_add(&lines, piece, n_here, err);
        free(piece);
    }
    ok = ok && jsonl_end(&lines, err);
    long n_lines = (long)lines.n_lines;
    jsonl_free(&lines);
    return ok ? n_lines : -1;
}

TEST(jsonl, takes_lines_however_they_are_cut)
{
    static const char text[] = "{\"a\":1}\r\n{}\n {\"b\":\"\\u00e9\xc3\xa9\"} \n{\"c\":[{}]}";
    struct buf out;
    struct err err = {0};
    buf_init(&out, 1000);
    for (size_t n_piece = 1; n_piece <= sizeof text; n_piece++) {
        assert_int_equal(check(text, n_piece, &out, &err), 4);
        assert_string_equal(out.data, "{\"a\":1}|{}| {\"b\":\"\\u00e9\xc3\xa9\"} |{\"c\":[{}]}|");
    }
    assert_int_equal(check("", 1, &out, &err), 0);
    assert_int_equal(check("{}\n", 9, &out, &err), 1);
    assert_int_equal(err.code, ERR_NONE);
    buf_free(&out);
}

TEST(jsonl, names_the_line_that_is_none)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{}\n\n{}\n", "line 2: expected a JSON object: column 1: expected a value"},
        {"{}\n{}\n[]\n", "line 3: expected a JSON object"},
        {"1", "line 1: expected a JSON object"},
        {"{\"a\":}\n", "line 1: expected a JSON object: column 6: expected a value"},
        {"{}{}\n", "line 1: expected a JSON object: column 3: something stands behind the value"},
        {"\xef\xbb\xbf{}\n", "line 1: expected a JSON object: column 1: expected a value"},
        {"{}\n{\"a\":\"\xff\"}\n", "line 2: expected a JSON object: not UTF-8"},
        {"{}\n{", "line 2: expected a JSON object: column 2: expected the name of a member"},
    };
    struct buf out;
    buf_init(&out, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t n_piece = 1; n_piece < 12; n_piece++) {
            struct err err = {0};
            assert_int_equal(check(cases[i].text, n_piece, &out, &err), -1);
            assert_int_equal(err.code, ERR_FORMAT);
            if (strncmp(err.text, cases[i].message, strlen(cases[i].message)) != 0)
                fail_msg("got '%s', want '%s'", err.text, cases[i].message);
        }
    buf_free(&out);
}

TEST(jsonl, bounds_a_line)
{
    struct jsonl lines;
    struct err err = {0};
    size_t n = LIMIT_JSONL_LINE / 4 + 1;
    char *bytes = malloc(n);
    memset(bytes, ' ', n);
    jsonl_init(&lines, NULL, NULL);
    bool ok = true;
    for (int i = 0; ok && i < 5; i++)
        ok = jsonl_add(&lines, bytes, n, &err);
    assert_false(ok);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(strstr(err.text, "line 1: longer than"));
    jsonl_free(&lines);
    free(bytes);
}

TEST(jsonl, survives_every_failing_allocation)
{
    struct buf out;
    buf_init(&out, 1000);
    for (size_t n = 0;; n++) {
        struct err err = {0};
        mem_fail_after(n);
        long n_lines = check("{\"a\":1}\n{\"b\":[1,2]}\n", 5, &out, &err);
        mem_fail_never();
        if (n_lines == 2)
            break;
        assert_int_equal(err.code, ERR_LIMIT);
        assert_true(n < 100);
    }
    buf_free(&out);
}
