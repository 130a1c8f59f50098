/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_call.h"

#include <sys/resource.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "canned_server.h"

static bool add(void *arg, const void *bytes, size_t n, struct err *err)
{
    return buf_add(arg, bytes, n, err);
}

static bool refuse(void *arg, const void *bytes, size_t n, struct err *err)
{
    (void)arg, (void)bytes;
    return err_set(err, ERR_FORMAT, "%zu bytes too many", n);
}

static struct http_caller *open_caller(uint32_t n_most)
{
    const struct http_caller_options options = {
        .agent = "test", .connect_s = 5, .most_s = 2, .n_most = n_most};
    struct err err = {0};
    struct http_caller *caller = http_caller_open(&options, &err);
    assert_non_null(caller);
    return caller;
}

/* Works until n calls are done. */
static void await(struct http_caller *caller, int n)
{
    struct err err = {0};
    for (double end = clock_now() + 10; n;) {
        assert_true(http_caller_wait(caller, clock_now() + 0.1, &err));
        while (http_caller_done(caller))
            n--;
        assert_true(clock_now() < end);
    }
}

/* Asks a server that gives one answer; text then has what came. */
static void ask(struct http_call *call, const char *answer, struct buf *text)
{
    static struct canned server;
    char url[100];
    struct err err = {0};
    struct http_caller *caller = open_caller(1);
    buf_init(text, 1000);
    call->arg = text;
    call->write = call->write ? call->write : add;
    canned_start(&server);
    snprintf(server.answers[0], sizeof server.answers[0], "%s", answer);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/v1/x", server.port);
    call->url = url;
    assert_true(http_call_begin(caller, call, &err));
    await(caller, 1);
    http_call_free(caller, call);
    http_caller_close(caller);
    canned_stop(&server);
}

TEST(http_call, posts_and_gives_the_answer_as_it_is)
{
    struct buf text;
    struct http_call call = {.token = "secret", .body = SPAN("{\"a\":1}")};
    ask(&call, "HTTP/1.1 429 Slow\r\nContent-Type: text/x\r\nContent-Length: 5\r\n\r\nhello",
        &text);
    assert_int_equal(call.end, HTTP_WHOLE);
    assert_int_equal(call.status, 429);
    assert_string_equal(call.type, "text/x");
    assert_string_equal(text.data, "hello");
    buf_free(&text);
}

TEST(http_call, says_how_a_call_failed)
{
    struct buf text;
    struct http_call cut = {0}, refused = {.write = refuse}, nothing = {0}, moved = {0};
    ask(&cut, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", &text);
    assert_int_equal(cut.end, HTTP_CUT);
    assert_int_equal(cut.status, 200);
    assert_string_equal(text.data, "hello");
    buf_free(&text);
    ask(&refused, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", &text);
    assert_int_equal(refused.end, HTTP_REFUSED);
    assert_string_equal(refused.err.text, "5 bytes too many");
    ask(&nothing, "", &text);
    assert_int_equal(nothing.end, HTTP_CUT);
    assert_int_equal(nothing.status, 0);
    assert_int_equal(nothing.err.code, ERR_IO);
    ask(&moved, "HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n", &text);
    assert_int_equal(moved.end, HTTP_WHOLE);
    assert_int_equal(moved.status, 302);
}

TEST(http_call, says_that_nobody_is_there)
{
    struct err err = {0};
    struct buf text;
    struct http_caller *caller = open_caller(1);
    struct http_call call = {.url = "http://127.0.0.1:1/", .write = add, .arg = &text};
    buf_init(&text, 10);
    assert_true(http_call_begin(caller, &call, &err));
    await(caller, 1);
    assert_int_equal(call.end, HTTP_NONE);
    assert_string_equal(call.err.text, "Connection refused");
    struct http_call odd = {.url = "gopher://127.0.0.1/", .write = add, .arg = &text};
    assert_true(http_call_begin(caller, &odd, &err));
    await(caller, 1);
    assert_int_equal(odd.end, HTTP_NONE);
    http_call_free(caller, &call);
    http_call_free(caller, &odd);
    http_caller_close(caller);
}

/* A socket that takes connections and says nothing. */
static int mute_socket(int *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(fd, 100), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

TEST(http_call, waits_no_longer_than_it_may)
{
    enum { N = 20 };
    int port, fd = mute_socket(&port);
    char url[100];
    struct err err = {0};
    struct buf text;
    struct http_caller *caller = open_caller(N);
    struct http_call calls[N];
    buf_init(&text, 10);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    double start = clock_now();
    for (int i = 0; i < N; i++) {
        calls[i] = (struct http_call){.url = url, .write = add, .arg = &text};
        assert_true(http_call_begin(caller, &calls[i], &err));
    }
    http_call_free(caller, &calls[0]); /* is not returned */
    await(caller, N - 1);
    assert_true(clock_now() - start > 1.9);
    for (int i = 1; i < N; i++) {
        assert_int_equal(calls[i].end, HTTP_LATE);
        http_call_free(caller, &calls[i]);
    }
    http_caller_close(caller);
    close(fd);
}

TEST(http_call, wakes_when_it_should)
{
    struct err err = {0};
    struct http_caller *caller = open_caller(1);
    double start = clock_now();
    assert_true(http_caller_wait(caller, start + 0.0125, &err));
    double took = clock_now() - start;
    assert_true(took >= 0.0124 && took < 0.5);
    assert_true(http_caller_wait(caller, start, &err)); /* long ago */
    assert_null(http_caller_done(caller));
    http_caller_close(caller);
}

TEST(http_call, one_after_the_other_with_the_same_struct)
{
    static struct canned server;
    char url[100];
    struct err err = {0};
    struct buf text;
    struct http_caller *caller = open_caller(1);
    struct http_call call = {.write = add, .arg = &text};
    buf_init(&text, 100);
    canned_start(&server);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", server.port);
    call.url = url;
    for (int i = 0; i < 3; i++) {
        char body[20];
        int n = snprintf(body, sizeof body, "number %d", i);
        snprintf(server.answers[i], 200,
                 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n%d;", i);
        call.body = (struct span){body, (size_t)n};
        assert_true(http_call_begin(caller, &call, &err));
        await(caller, 1);
        assert_int_equal(call.end, HTTP_WHOLE);
    }
    assert_string_equal(text.data, "0;1;2;");
    assert_non_null(strstr(server.requests[1], "POST / HTTP/1.1\r\n"));
    assert_non_null(strstr(server.requests[1], "Content-Type: application/json\r\n"));
    assert_null(strstr(server.requests[1], "Expect"));
    http_call_free(caller, &call);
    http_caller_close(caller);
    canned_stop(&server);
    buf_free(&text);
}

TEST(http_call, needs_as_many_files_as_calls)
{
    const struct http_caller_options options = {.agent = "test", .n_most = 4000000000u};
    struct err err = {0};
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max >= options.n_most)
        skip();
    assert_null(http_caller_open(&options, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(strstr(err.text, "ulimit -n"));
}
