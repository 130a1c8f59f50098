/* SPDX-License-Identifier: Apache-2.0 */
/* Replies from other threads, later, by nobody; clients that leave in between. */
#include "net/http_server.h"

#include <fcntl.h>
#include <netinet/in.h>

#include "base/thread.h"
#include "http_fixture.h"

#define HOLD "GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n"

static void reply_to_all(void *arg)
{
    struct fixture *f = arg;
    for (int i = 0; i < f->n_held; i++)
        http_reply(f->held[i], 200 + i % 3, "text/plain", &"abc"[i % 3], 1);
}

TEST(http_exchange, replies_from_another_thread)
{
    enum { N = 60 };
    struct fixture f;
    struct err err = {0};
    int fds[N], seen[3] = {0};
    fixture_init(&f);
    fixture_open(&f);
    for (int i = 0; i < N; i++) {
        fds[i] = peer_connect(&f);
        peer_say(fds[i], HOLD);
    }
    fixture_wait(&f, &f.n_held, N);
    struct thread *thread = thread_open("test", reply_to_all, &f, &err);
    for (int i = 0; i < N; i++) {
        struct answer a = peer_answer(fds[i], false);
        assert_in_range(a.status, 200, 202);
        assert_int_equal(a.body[0], "abc"[a.status - 200]);
        seen[a.status - 200]++;
        answer_free(&a);
        close(fds[i]);
    }
    thread_close(thread);
    assert_true(seen[0] == N / 3 && seen[1] == N / 3);
    assert_int_equal(f.n_gone, 0);
    fixture_close(&f);
}

/* How a client leaves. */
enum leaving { FIN, RST, HALF };

static void leave(int fd, enum leaving how)
{
    struct linger reset = {.l_onoff = 1};
    if (how == RST)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (how == HALF)
        shutdown(fd, SHUT_WR);
    else
        close(fd);
}

TEST(http_exchange, who_leaves_while_nothing_is_sent_is_noticed)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    for (int streaming = 0; streaming < 2; streaming++)
        for (enum leaving how = FIN; how <= HALF; how++) {
            int i = f.n_held, fd = peer_connect(&f);
            char line[400];
            peer_say(fd, HOLD);
            fixture_wait(&f, &f.n_held, i + 1);
            if (streaming) {
                http_stream_begin(f.held[i], 200, "text/event-stream");
                assert_true(http_stream_write(f.held[i], "data: 1\n\n", 9));
                assert_true(peer_line(fd, line, sizeof line, "data: 1\n\n\r\n"));
            }
            double start = clock_now();
            leave(fd, how);
            fixture_wait(&f, &f.n_gone, i + 1);
            double took = f.gone_at - start;
            print_message("noticed after %.2f ms\n", took * 1e3);
            assert_true(took < 0.1);
            assert_true(http_is_gone(f.held[i]));
            assert_false(http_stream_write(f.held[i], "x", 1));
            http_reply(f.held[i], 200, "text/plain", "late", 4);
            http_stream_begin(f.held[i], 200, "text/plain");
            http_stream_end(f.held[i]);
            assert_false(http_on_gone(f.held[i], fixture_gone, &f));
            fixture_wait(&f, &f.n_logged, i + 1);
            assert_int_equal(f.last.status, streaming ? 200 : 499);
            assert_false(f.last.complete);
            if (how == HALF)
                assert_true(peer_is_closed(fd));
        }
    assert_int_equal(f.n_gone, 6);
    struct http_counts counts = fixture_counts(&f);
    assert_int_equal(counts.n_gone, 6);
    assert_int_equal(counts.n_running, 0);
    assert_int_equal(counts.n_streams, 0);
    fixture_close(&f);
    assert_int_equal(f.n_released, 6);
}

TEST(http_exchange, an_answer_that_nobody_will_give)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    int fd = peer_connect(&f);
    peer_say(fd, HOLD);
    fixture_wait(&f, &f.n_held, 1);
    http_unref(f.held[0]);
    struct answer a = peer_answer(fd, false);
    assert_int_equal(a.status, 500);
    answer_free(&a);
    /* A stream that was begun, too; one of which something has left is cut off. */
    for (int written = 0; written < 2; written++) {
        peer_say(fd, HOLD);
        fixture_wait(&f, &f.n_held, 2 + written);
        struct http_exchange *x = f.held[1 + written];
        http_stream_begin(x, 200, "text/plain");
        if (written)
            assert_true(http_stream_write(x, "abc", 3));
        http_unref(x);
        a = peer_answer(fd, false);
        assert_int_equal(a.status, written ? 200 : 500);
        assert_true(a.complete == !written);
        answer_free(&a);
    }
    assert_true(peer_is_closed(fd));
    close(fd);
    f.n_held = 0;
    fixture_close(&f);
    assert_int_equal(f.n_released, 3);
}

TEST(http_exchange, headers_of_the_response)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    int fd = peer_connect(&f);
    peer_say(fd, HOLD);
    fixture_wait(&f, &f.n_held, 1);
    struct http_exchange *x = f.held[0];
    http_set_header(x, "Retry-After", "1");
    http_set_header(x, "retry-after", "2");
    http_set_header(x, "Gone", "1");
    http_set_header(x, "Gone", NULL);
    http_set_header(x, "Content-Length", "99");
    http_set_header(x, "Bad name", "1");
    http_set_header(x, "Injected", "a\r\nEvil: yes");
    http_stream_begin(x, 200, "text/event-stream");
    http_set_header(x, "X-Late", "in time");
    /* Before a byte of it has left, a stream can become an error. */
    http_reply(x, 429, "application/json", "{}", 2);
    http_reply(x, 200, "text/plain", "second", 6);
    struct answer a = peer_answer(fd, false);
    assert_int_equal(a.status, 429);
    assert_string_equal(a.body, "{}");
    assert_string_equal(answer_header(&a, "Retry-After"), "2");
    assert_string_equal(answer_header(&a, "Content-Type"), "application/json");
    assert_string_equal(answer_header(&a, "X-Late"), "in time");
    assert_string_equal(answer_header(&a, "Content-Length"), "2");
    assert_null(answer_header(&a, "Gone"));
    assert_null(answer_header(&a, "Injected"));
    assert_null(answer_header(&a, "Evil"));
    assert_null(answer_header(&a, "Cache-Control"));
    answer_free(&a);
    close(fd);
    fixture_close(&f);
}

TEST(http_exchange, files)
{
    struct fixture f;
    enum { N = 300000 };
    char *bytes = malloc(N);
    for (int i = 0; i < N; i++)
        bytes[i] = (char)(i * 7);
    const char *path = test_write(test_tmp("served"), bytes, N);
    fixture_init(&f);
    fixture_open(&f);
    int fd = peer_connect(&f);
    for (int i = 0; i < 4; i++) {
        peer_say(fd, i == 2 ? "HEAD /hold HTTP/1.1\r\nHost: localhost\r\n\r\n" : HOLD);
        fixture_wait(&f, &f.n_held, i + 1);
        int file = open(path, O_RDONLY);
        size_t n = i == 1 ? 0 : N;
        /* The last states more than there is: the client sees that something is missing. */
        http_reply_file(f.held[i], 200, "application/octet-stream", file, i == 3 ? N + 1 : n);
        struct answer a = peer_answer(fd, i == 2);
        assert_int_equal(a.status, 200);
        assert_int_equal(a.complete, i != 3);
        assert_int_equal(a.n, i == 2 ? 0 : n);
        assert_memory_equal(a.body, bytes, a.n);
        answer_free(&a);
    }
    assert_true(peer_is_closed(fd));
    close(fd);
    free(bytes);
    fixture_close(&f);
}

TEST(http_exchange, outlives_its_server)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    int fd = peer_connect(&f);
    peer_say(fd, HOLD);
    fixture_wait(&f, &f.n_held, 1);
    http_stream_begin(f.held[0], 200, "text/event-stream");
    http_server_close(f.server);
    assert_int_equal(f.n_gone, 1);
    assert_true(http_is_gone(f.held[0]));
    assert_false(http_stream_write(f.held[0], "x", 1));
    assert_string_equal(http_head(f.held[0])->path, "/hold");
    assert_string_equal(http_request_header(f.held[0], "host"), "localhost");
    assert_true(peer_is_closed(fd));
    close(fd);
    http_unref(f.held[0]);
    assert_int_equal(f.n_released, 1);
    monitor_close(f.monitor);
}
