/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: many at once, complete and in order; readers that are slow; silence. */
#include "base/thread.h"
#include "http_fixture.h"

#define HOLD "GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n"

enum { STREAMS = 300, EVENTS = 60 };

static void write_all(void *arg)
{
    struct fixture *f = arg;
    char text[64];
    for (int i = 0; i < STREAMS; i++)
        http_stream_begin(f->held[i], 200, "text/event-stream");
    for (int e = 0; e < EVENTS; e++)
        for (int i = 0; i < STREAMS; i++) {
            int n =
                snprintf(text, sizeof text, "data: %d %s\n\n", e, http_query(f->held[i], "name"));
            if (!http_stream_write(f->held[i], text, (size_t)n))
                return;
        }
    for (int i = 0; i < STREAMS; i++)
        http_stream_end(f->held[i]);
}

TEST(http_response, streams_are_complete_and_in_order)
{
    struct fixture f;
    struct err err = {0};
    static int fds[STREAMS];
    char text[100];
    fixture_init(&f);
    fixture_open(&f);
    for (int i = 0; i < STREAMS; i++) {
        fds[i] = peer_connect(&f);
        snprintf(text, sizeof text, "GET /hold?name=%d HTTP/1.1\r\nHost: localhost\r\n\r\n", i);
        peer_say(fds[i], text);
    }
    fixture_wait(&f, &f.n_held, STREAMS);
    double start = clock_now();
    struct thread *thread = thread_open("test", write_all, &f, &err);
    for (int i = 0; i < STREAMS; i++) {
        struct answer a = peer_answer(fds[i], false);
        assert_int_equal(a.status, 200);
        assert_true(a.complete);
        assert_string_equal(answer_header(&a, "Content-Type"), "text/event-stream");
        assert_string_equal(answer_header(&a, "Cache-Control"), "no-cache");
        assert_string_equal(answer_header(&a, "X-Accel-Buffering"), "no");
        const char *at = a.body;
        for (int e = 0; e < EVENTS; e++) {
            int n = snprintf(text, sizeof text, "data: %d %d\n\n", e, i);
            assert_int_equal(strncmp(at, text, (size_t)n), 0);
            at += n;
        }
        assert_int_equal(*at, 0);
        answer_free(&a);
        close(fds[i]);
    }
    thread_close(thread);
    print_message("%d events in %.0f ms\n", STREAMS * EVENTS, (clock_now() - start) * 1e3);
    assert_int_equal(f.n_gone, 0);
    fixture_close(&f);
}

TEST(http_response, an_event_leaves_at_once)
{
    struct fixture f;
    char line[400];
    double worst = 0;
    fixture_init(&f);
    fixture_open(&f);
    int fd = peer_connect(&f);
    peer_say(fd, HOLD);
    fixture_wait(&f, &f.n_held, 1);
    http_stream_begin(f.held[0], 200, "text/event-stream");
    for (int i = 0; i < 50; i++) {
        double start = clock_now();
        assert_true(http_stream_write(f.held[0], "data: x\n\n", 9));
        assert_true(peer_line(fd, line, sizeof line, "data: x\n\n\r\n"));
        double took = clock_now() - start;
        worst = took > worst ? took : worst;
    }
    print_message("worst of 50: %.2f ms\n", worst * 1e3);
    assert_true(worst < 0.1);
    close(fd);
    fixture_close(&f);
}

TEST(http_response, silence_is_broken)
{
    struct fixture f;
    char line[600];
    fixture_init(&f);
    f.o.limits.ping_ms = 80;
    fixture_open(&f);
    int fd = peer_connect(&f);
    peer_say(fd, HOLD);
    fixture_wait(&f, &f.n_held, 1);
    double start = clock_now();
    http_stream_begin(f.held[0], 200, "text/event-stream");
    /* The first takes the head along. */
    assert_true(peer_line(fd, line, sizeof line, "8\r\n: ping\n\n\r\n"));
    double took = clock_now() - start;
    assert_true(took > 0.07 && took < 1);
    assert_non_null(strstr(line, "HTTP/1.1 200 "));
    assert_true(peer_line(fd, line, sizeof line, "8\r\n: ping\n\n\r\n"));
    http_reply(f.held[0], 500, "text/plain", "late", 4);
    assert_true(http_stream_write(f.held[0], "data: 1\n\n", 9));
    assert_true(peer_line(fd, line, sizeof line, "9\r\ndata: 1\n\n\r\n"));
    http_stream_end(f.held[0]);
    while (peer_line(fd, line, sizeof line, "\r\n") && strcmp(line, "0\r\n") != 0)
        continue;
    assert_string_equal(line, "0\r\n");
    close(fd);
    /* Other streams are silent. */
    fd = peer_connect(&f);
    peer_say(fd, HOLD);
    fixture_wait(&f, &f.n_held, 2);
    http_stream_begin(f.held[1], 200, "application/json");
    usleep(300000);
    http_stream_end(f.held[1]);
    struct answer a = peer_answer(fd, false);
    assert_int_equal(a.status, 200);
    assert_true(a.complete && a.n == 0);
    answer_free(&a);
    close(fd);
    fixture_close(&f);
}

/* A client that does not take much unless it reads. */
static int connect_small(const struct fixture *f)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), small = 4096;
    at.sin_port = htons((uint16_t)http_server_port(f->server));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

/* Writes until enough waits, or no more is taken; returns how much was. */
static size_t fill(struct http_exchange *x, size_t enough)
{
    static const char block[1000] = "x";
    size_t n = 0;
    double until = clock_now() + 5;
    for (;;) {
        while (http_stream_queued(x) < enough) {
            if (!http_stream_write(x, block, sizeof block) || clock_now() > until)
                return n;
            n += sizeof block;
        }
        usleep(40000); /* for what the system still takes */
        if (http_stream_queued(x) >= enough)
            return n;
    }
}

TEST(http_response, back_pressure_is_seen_and_goes_away)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    int fd = connect_small(&f), other = peer_connect(&f);
    peer_say(fd, HOLD);
    fixture_wait(&f, &f.n_held, 1);
    http_stream_begin(f.held[0], 200, "text/plain");
    size_t n = fill(f.held[0], 64 << 10), got = 0;
    assert_in_range(http_stream_queued(f.held[0]), 64 << 10, 65 << 10);
    print_message("%zu bytes until 64 KiB waited\n", n);
    assert_true(http_on_room(f.held[0], 16 << 10, fixture_gone, &f));
    assert_false(http_on_room(f.held[0], 1 << 20, fixture_gone, &f));
    /* Others are not held up. */
    peer_say(other, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    struct answer a = peer_answer(other, false);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    assert_int_equal(f.n_gone, 0);
    http_stream_end(f.held[0]);
    a = peer_answer(fd, false);
    got = a.n;
    assert_int_equal(f.n_gone, 1); /* there was room, once */
    assert_false(http_on_room(f.held[0], 0, fixture_gone, &f));
    assert_true(a.complete);
    assert_int_equal(got, n);
    assert_int_equal(http_stream_queued(f.held[0]), 0);
    answer_free(&a);
    close(fd);
    close(other);
    fixture_close(&f);
}

TEST(http_response, who_does_not_read_is_cut_off)
{
    struct fixture f;
    fixture_init(&f);
    f.o.limits.stall_ms = 300;
    fixture_open(&f);
    int fd = connect_small(&f), big = connect_small(&f);
    peer_say(fd, HOLD);
    fixture_wait(&f, &f.n_held, 1);
    http_stream_begin(f.held[0], 200, "text/plain");
    fill(f.held[0], 64 << 10);
    peer_say(big, "GET /big?n=4000000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    double start = clock_now();
    fixture_wait(&f, &f.n_gone, 1);
    assert_true(clock_now() - start < 4);
    assert_false(http_stream_write(f.held[0], "x", 1));
    fixture_wait(&f, &f.n_logged, 2);
    assert_int_equal(fixture_counts(&f).n_slow, 2);
    close(fd);
    close(big);
    fixture_close(&f);
}

TEST(http_response, who_reads_slowly_is_not)
{
    struct fixture f;
    fixture_init(&f);
    f.o.limits.stall_ms = 400;
    fixture_open(&f);
    int fd = connect_small(&f);
    char *block = malloc(200000);
    peer_say(fd, "GET /big?n=2000000 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    size_t got = 0;
    ssize_t n;
    double start = clock_now();
    /* Slower than the limit in all, but never silent for so long. */
    for (int i = 0; i < 12; i++) {
        usleep(100000);
        n = peer_read(fd, block, 20000);
        assert_true(n > 0);
        got += (size_t)n;
    }
    while ((n = peer_read(fd, block, 200000)) > 0)
        got += (size_t)n;
    assert_true(got > 2000000);
    assert_true(clock_now() - start > 1);
    assert_int_equal(fixture_counts(&f).n_slow, 0);
    close(fd);
    free(block);
    fixture_close(&f);
}

TEST(http_response, what_nobody_takes_has_an_end)
{
    struct fixture f;
    fixture_init(&f);
    f.o.limits.queued_bytes = 100000;
    fixture_open(&f);
    int fd = connect_small(&f);
    peer_say(fd, HOLD);
    fixture_wait(&f, &f.n_held, 1);
    http_stream_begin(f.held[0], 200, "text/plain");
    fill(f.held[0], 1 << 20);
    assert_false(http_stream_write(f.held[0], "x", 1));
    fixture_wait(&f, &f.n_gone, 1);
    struct answer a = peer_answer(fd, false);
    assert_false(a.complete);
    answer_free(&a);
    close(fd);
    fixture_close(&f);
}

TEST(http_response, head_and_http_1_0)
{
    struct fixture f;
    char text[4096];
    fixture_init(&f);
    fixture_open(&f);
    int fd = peer_connect(&f);
    peer_say(fd, "HEAD /big?n=12345 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    struct answer a = peer_answer(fd, true);
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "Content-Length"), "12345");
    answer_free(&a);
    peer_say(fd, "HEAD /hold HTTP/1.1\r\nHost: localhost\r\n\r\n");
    fixture_wait(&f, &f.n_held, 1);
    assert_int_equal(http_head(f.held[0])->method, HTTP_GET);
    http_stream_begin(f.held[0], 200, "text/event-stream");
    assert_true(http_stream_write(f.held[0], "data: 1\n\n", 9));
    http_stream_end(f.held[0]);
    a = peer_answer(fd, true);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    peer_say(fd, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    a = peer_answer(fd, false);
    assert_string_equal(a.body, "hello\n");
    answer_free(&a);
    close(fd);
    /* Without chunks the end of the connection is the end of the content. */
    fd = peer_connect(&f);
    peer_say(fd, "GET /hold HTTP/1.0\r\n\r\n");
    fixture_wait(&f, &f.n_held, 2);
    http_stream_begin(f.held[1], 200, "text/plain");
    assert_true(http_stream_write(f.held[1], "plain", 5));
    http_stream_end(f.held[1]);
    size_t n = 0;
    for (ssize_t k; (k = peer_read(fd, text + n, sizeof text - 1 - n)) > 0; n += (size_t)k)
        continue;
    text[n] = '\0';
    assert_string_equal(text + n - 9, "\r\n\r\nplain");
    close(fd);
    fixture_close(&f);
}
