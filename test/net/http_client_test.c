/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_client.h"

#include "base/buf.h"
#include "canned_server.h"

static bool add(void *arg, const void *bytes, size_t n, struct err *err)
{
    return buf_add(arg, bytes, n, err);
}

static bool forget(void *arg, struct err *err)
{
    (void)err;
    buf_clear(arg);
    return true;
}

/* Asks; text then has what came. */
static void ask(struct http_get *get, struct buf *text, int n_tries)
{
    const struct http_options options = {.agent = "test", .stall_s = 5, .n_tries = n_tries};
    struct err err = {0};
    struct http_get *done = NULL;
    buf_init(text, 1000);
    get->write = add;
    get->restart = forget;
    get->arg = text;
    struct http_client *client = http_open(&options, &err);
    assert_non_null(client);
    if (http_start(client, get, &err))
        while (!done)
            assert_true(http_step(client, &done, &err));
    else
        get->err = err;
    http_close(client);
}

static void fetch(struct canned *server, const char *path, struct http_get *get, struct buf *text)
{
    static char url[200];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server->port, path);
    get->url = url;
    ask(get, text, 3);
    canned_stop(server);
}

TEST(http_client, a_token_does_not_follow_to_another_host)
{
    struct canned server;
    struct buf text;
    struct http_get get = {.token = "secret", .n_bytes = 100};
    canned_start(&server);
    snprintf(server.answers[0], 200,
             "HTTP/1.1 302 Found\r\nLocation: http://localhost:%d/b\r\nContent-Length: 0\r\n\r\n",
             server.port);
    snprintf(server.answers[1], 200, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    fetch(&server, "/a", &get, &text);
    assert_true(get.ok);
    assert_string_equal(text.data, "hello");
    assert_non_null(strstr(server.requests[0], "Authorization: Bearer secret\r\n"));
    assert_non_null(strstr(server.requests[0], "User-Agent: test\r\n"));
    assert_null(strstr(server.requests[1], "uthorization"));
    assert_null(strstr(server.requests[1], "secret"));
    buf_free(&text);
}

TEST(http_client, goes_on_where_it_was_cut)
{
    struct canned server;
    struct buf text;
    struct http_get get = {.n_bytes = 10, .exact = true};
    canned_start(&server);
    snprintf(server.answers[0], 200,
             "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: 10\r\n\r\n0123");
    snprintf(server.answers[1], 200,
             "HTTP/1.1 206 Partial\r\nETag: \"x\"\r\nContent-Range: bytes 4-9/10\r\n"
             "Content-Length: 6\r\n\r\n456789");
    fetch(&server, "/", &get, &text);
    assert_true(get.ok);
    assert_string_equal(text.data, "0123456789");
    assert_non_null(strstr(server.requests[1], "Range: bytes=4-\r\n"));
    assert_non_null(strstr(server.requests[1], "If-Range: \"x\"\r\n"));
    buf_free(&text);
}

TEST(http_client, begins_again_when_the_part_is_another)
{
    struct canned server;
    struct buf text;
    struct http_get get = {.n_bytes = 10, .offset = 4, .exact = true};
    canned_start(&server);
    snprintf(server.answers[0], 200, /* not what was asked for */
             "HTTP/1.1 206 Partial\r\nContent-Range: bytes 3-8/10\r\nContent-Length: 6\r\n\r\n"
             "456789");
    snprintf(server.answers[1], 200, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789");
    fetch(&server, "/", &get, &text);
    assert_true(get.ok);
    assert_string_equal(text.data, "0123456789");
    assert_null(strstr(server.requests[1], "Range"));
    buf_free(&text);
}

TEST(http_client, refusals_and_their_notes)
{
    static const char *const names[] = {"X-Error-Code", NULL};
    struct canned server;
    struct buf text;
    struct http_get get = {.n_bytes = 100, .note_names = names};
    canned_start(&server);
    snprintf(server.answers[0], 200,
             "HTTP/1.1 404 No\r\nX-Error-Code: EntryNotFound\r\nContent-Length: 2\r\n\r\nno");
    fetch(&server, "/", &get, &text);
    assert_false(get.ok);
    assert_int_equal(get.status, 404);
    assert_int_equal(get.err.code, ERR_NOT_FOUND);
    assert_string_equal(get.notes[0], "EntryNotFound");
    assert_int_equal(text.len, 0);
    buf_free(&text);
}

TEST(http_client, more_than_wanted_is_not_taken)
{
    static const char *const heads[] = {"Content-Length: 11\r\n", "Connection: close\r\n"};
    for (int i = 0; i < 2; i++) {
        struct canned server;
        struct buf text;
        struct http_get get = {.n_bytes = 10};
        canned_start(&server);
        snprintf(server.answers[0], 200, "HTTP/1.1 200 OK\r\n%s\r\n0123456789a", heads[i]);
        fetch(&server, "/", &get, &text);
        assert_false(get.ok);
        assert_int_equal(get.err.code, ERR_LIMIT);
        assert_int_equal(server.n, 1);
        buf_free(&text);
    }
}

TEST(http_client, an_empty_file)
{
    struct canned server;
    struct buf text;
    struct http_get get = {.exact = true};
    canned_start(&server);
    snprintf(server.answers[0], 200, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    fetch(&server, "/", &get, &text);
    assert_true(get.ok);
    buf_free(&text);
}

TEST(http_client, addresses_that_lead_nowhere)
{
    static const char *const urls[] = {
        "",          "ftp://a/b", "file:///etc/passwd", "http://u:p@a/b", "http://127.0.0.1:1/",
        "http://[::"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct http_get get = {.url = urls[i], .n_bytes = 1};
        struct buf text;
        ask(&get, &text, 5);
        assert_false(get.ok);
        assert_int_equal(get.err.code, ERR_IO);
        buf_free(&text);
    }
}

TEST(http_client, a_redirect_to_another_protocol_is_refused)
{
    struct canned server;
    struct buf text;
    struct http_get get = {.n_bytes = 100};
    canned_start(&server);
    snprintf(server.answers[0], 200,
             "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n");
    fetch(&server, "/", &get, &text);
    assert_false(get.ok);
    assert_int_equal(text.len, 0);
    buf_free(&text);
}

TEST(http_client, a_head_that_leads_elsewhere_is_not_followed)
{
    static const char *const names[] = {"X-Size", "X-None", NULL};
    struct canned server;
    struct buf text, location;
    struct http_get get = {.note_names = names, .location = &location};
    canned_start(&server);
    buf_init(&location, 200);
    snprintf(server.answers[0], 200, "HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\n");
    snprintf(server.answers[1], 200,
             "HTTP/1.1 302 Found\r\nX-Size: 7\r\nLocation: /b?c\r\nContent-Length: 9\r\n\r\n");
    fetch(&server, "/a", &get, &text);
    assert_true(get.ok);
    assert_int_equal(get.status, 302);
    assert_int_equal(server.n, 2);
    assert_non_null(strstr(server.requests[1], "HEAD /a HTTP"));
    assert_string_equal(get.notes[0], "7");
    assert_string_equal(get.notes[1], "");
    assert_string_equal(strrchr(location.data, '/'), "/b?c");
    assert_int_equal(text.len, 0);
    buf_free(&location);
    buf_free(&text);
}
