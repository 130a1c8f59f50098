/* SPDX-License-Identifier: Apache-2.0 */
/* The streams are the examples of the HTML standard, and what it says beside them. */
#include "net/sse_parser.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"

enum { MAX = 40 };

/* Writes an event as NAME=DATA| with '/' for LF. */
static bool note(void *arg, const struct sse_event *event, struct err *err)
{
    struct buf *out = arg;
    size_t from;
    bool ok = buf_add(out, event->name.s, event->name.n, err) && buf_add(out, "=", 1, err);
    from = out->len;
    ok = ok && buf_add(out, event->data.s, event->data.n, err);
    for (char *s = out->data + from; ok && *s; s++)
        *s = *s == '\n' ? '/' : *s;
    return ok && buf_add(out, "|", 1, err);
}

/* Feeds text in pieces of step bytes and compares the events with want. */
static void expect_cut(const char *text, const char *want, size_t step, bool amid)
{
    struct sse_parser sse;
    struct err err = {0};
    struct buf out;
    size_t n = strlen(text);
    buf_init(&out, 1000);
    sse_init(&sse, MAX, note, &out);
    assert_true(buf_add(&out, "", 0, &err));
    for (size_t i = 0; i < n; i += step)
        assert_true(sse_feed(&sse, text + i, n - i < step ? n - i : step, &err));
    assert_string_equal(out.data, want);
    assert_int_equal(sse_is_amid(&sse), amid);
    sse_free(&sse);
    buf_free(&out);
}

static void expect(const char *text, const char *want, bool amid)
{
    for (size_t step = 1; step <= strlen(text); step++)
        expect_cut(text, want, step, amid);
}

TEST(sse_parser, reads_the_examples_of_the_standard)
{
    expect("data: YHOO\ndata: +2\ndata: 10\n\n", "=YHOO/+2/10|", false);
    expect(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third\n\n",
           "=first event|=second event|= third|", false);
    expect("data\n\ndata\ndata\n\ndata:", "=|=/|", true);
    expect("data:test\n\ndata: test\n\n", "=test|=test|", false);
    expect("event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n",
           "add=73857293|remove=2153|", false);
}

TEST(sse_parser, ends_lines_in_three_ways)
{
    expect("data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", "=a/b|=c|", false);
    expect("data: a\rdata: b\r\rdata: c\r\r", "=a/b|=c|", false);
    expect("data: a\r\n\ndata: b\n\r\ndata: c\r\r\n", "=a|=b|=c|", false);
    expect("data: a\n\rdata: b\r\n\r", "=a|=b|", false);
}

TEST(sse_parser, leaves_out_what_is_no_event)
{
    expect("\xef\xbb\xbf"
           "data: a\n\n\xef\xbb\xbf"
           "data: b\n\n",
           "=a|", false);
    expect(":\n:\n: ping\n\nevent: alone\n\ndata: a\n\n", "=a|", false);
    expect("retry: 10\nid: x\nDATA: no\ndata : no\nunknown\n\n\n\n", "", false);
    expect("event: a\nevent: b\ndata: c\nevent:\n\n", "=c|", false);
    expect("data: x:y: z\n\n", "=x:y: z|", false);
}

TEST(sse_parser, gives_no_event_that_was_cut)
{
    expect("data: a\n\ndata: b\n", "=a|", true);
    expect("data: a\n\ndata: b", "=a|", true);
    expect("data: a\n", "", true);
    expect(": pi", "", true);
}

static bool refuse(void *arg, const struct sse_event *event, struct err *err)
{
    (void)arg;
    return err_set(err, ERR_FORMAT, "refused %.*s", (int)event->data.n, event->data.s);
}

TEST(sse_parser, ends_when_its_reader_does)
{
    struct sse_parser sse;
    struct err err = {0};
    sse_init(&sse, MAX, refuse, NULL);
    assert_false(sse_feed(&sse, "data: a\n\ndata: b\n\n", 18, &err));
    assert_string_equal(err.text, "refused a");
    sse_free(&sse);
}

/* Feeds n bytes of text in pieces.  Returns the code of the failure. */
static enum err_code feed(const char *text, size_t step)
{
    struct sse_parser sse;
    struct err err = {0};
    struct buf out;
    bool ok = true;
    size_t n = strlen(text);
    buf_init(&out, 1000);
    sse_init(&sse, MAX, note, &out);
    for (size_t i = 0; ok && i < n; i += step)
        ok = sse_feed(&sse, text + i, n - i < step ? n - i : step, &err);
    sse_free(&sse);
    buf_free(&out);
    return err.code;
}

TEST(sse_parser, limits_lines_and_events)
{
    char most[100], more[100], comment[100], sum[200];
    snprintf(most, sizeof most, "data: %034d\n\n", 1); /* the line has 40 bytes */
    snprintf(more, sizeof more, "data: %035d\n\n", 1);
    snprintf(comment, sizeof comment, ":%040d\n\n", 1);
    snprintf(sum, sizeof sum, "data: %030d\ndata: %010d\n\n", 1, 2);
    for (size_t step = 1; step < 60; step++) {
        assert_int_equal(feed(most, step), ERR_NONE);
        assert_int_equal(feed(more, step), ERR_LIMIT);
        assert_int_equal(feed(comment, step), ERR_LIMIT);
        assert_int_equal(feed(sum, step), ERR_LIMIT);
    }
}

TEST(sse_parser, begins_again)
{
    struct sse_parser sse;
    struct err err = {0};
    struct buf out;
    buf_init(&out, 100);
    sse_init(&sse, MAX, note, &out);
    assert_true(sse_feed(&sse, "event: x\ndata: a\nda\r", 20, &err));
    sse_reset(&sse);
    assert_false(sse_is_amid(&sse));
    assert_true(sse_feed(&sse, "\ndata: b\n\n", 10, &err));
    assert_string_equal(out.data, "=b|");
    sse_free(&sse);
    buf_free(&out);
}

TEST(sse_parser, reports_each_allocation_that_fails)
{
    for (size_t k = 0;; k++) {
        struct sse_parser sse;
        struct err err = {0};
        struct buf out;
        buf_init(&out, 100);
        sse_init(&sse, MAX, note, &out);
        mem_fail_once(k);
        bool ok = sse_feed(&sse, "event: x\ndata: a\n", 17, &err) &&
                  sse_feed(&sse, "data: ", 6, &err) && sse_feed(&sse, "b\n\n", 3, &err);
        size_t n_failed = mem_n_failed();
        mem_fail_never();
        assert_int_equal(ok, n_failed == 0);
        assert_int_equal(err.code, ok ? ERR_NONE : ERR_LIMIT);
        sse_free(&sse);
        buf_free(&out);
        if (ok)
            break;
    }
}
