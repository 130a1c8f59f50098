/* SPDX-License-Identifier: Apache-2.0 */
/* Slow clients, too many of them, connections that end. */
#include "http_fixture.h"

#define H "Host: localhost\r\n"

/* Sends one byte after the other until the server has had enough; returns the seconds. */
static double drip(int fd, const char *text, int pause_us)
{
    double start = clock_now();
    struct pollfd p = {.fd = fd, .events = POLLIN};
    for (const char *at = text;; at = at[1] ? at + 1 : at) {
        if (poll(&p, 1, 0) == 1 || clock_now() - start > 5)
            return clock_now() - start;
        (void)!peer_send(fd, at, 1);
        usleep((useconds_t)pause_us);
    }
}

TEST(http_conn, slow_heads)
{
    struct fixture f;
    fixture_init(&f);
    f.o.limits.headers_ms = 300;
    fixture_open(&f);
    const char *const heads[] = {
        "GET /hello HTTP/1.1\r\n" H "A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "GET /hello?aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "\r\n"};
    for (size_t i = 0; i < 3; i++) {
        int fd = peer_connect(&f);
        double took = drip(fd, heads[i], 10000);
        struct answer a = peer_answer(fd, false);
        assert_int_equal(a.status, 408);
        assert_true(took > 0.25 && took < 2);
        assert_true(peer_is_closed(fd));
        answer_free(&a);
        close(fd);
    }
    assert_int_equal(fixture_counts(&f).n_slow, 3);
    fixture_close(&f);
}

TEST(http_conn, slow_content)
{
    struct fixture f;
    fixture_init(&f);
    f.o.limits.slow_ms = 300;
    fixture_open(&f);
    int fd = peer_connect(&f);
    /* Much at first does not make up for little then. */
    char *first = calloc(1, 100000);
    peer_say(fd, "POST /echo HTTP/1.1\r\n" H "Content-Length: 200000\r\n\r\n");
    memset(first, 'a', 99999);
    peer_say(fd, first);
    double took = drip(fd, "b", 10000);
    struct answer a = peer_answer(fd, false);
    assert_int_equal(a.status, 408);
    assert_non_null(answer_header(&a, "X-Request-Id"));
    assert_true(took > 0.25 && took < 3);
    assert_true(peer_is_closed(fd));
    answer_free(&a);
    close(fd);
    fixture_wait(&f, &f.n_logged, 1);
    assert_int_equal(f.last.status, 408);
    free(first);
    fixture_close(&f);
}

TEST(http_conn, idle_connections_end)
{
    struct fixture f;
    fixture_init(&f);
    f.o.limits.idle_ms = 200;
    fixture_open(&f);
    int fd = peer_connect(&f);
    peer_say(fd, "GET /hello HTTP/1.1\r\n" H "\r\n");
    struct answer a = peer_answer(fd, false);
    double start = clock_now();
    assert_int_equal(a.status, 200);
    assert_true(peer_is_closed(fd));
    assert_true(clock_now() - start > 0.15 && clock_now() - start < 2);
    answer_free(&a);
    close(fd);
    fixture_close(&f);
}

TEST(http_conn, only_so_many_requests_on_one)
{
    struct fixture f;
    fixture_init(&f);
    f.o.limits.n_requests = 3;
    fixture_open(&f);
    int fd = peer_connect(&f);
    for (int i = 0; i < 3; i++) {
        peer_say(fd, "GET /hello HTTP/1.1\r\n" H "\r\n");
        struct answer a = peer_answer(fd, false);
        const char *connection = answer_header(&a, "Connection");
        assert_int_equal(a.status, 200);
        assert_true((i == 2) == (connection && strcmp(connection, "close") == 0));
        answer_free(&a);
    }
    assert_true(peer_is_closed(fd));
    close(fd);
    fixture_close(&f);
}

TEST(http_conn, only_so_many_connections)
{
    for (int per_address = 0; per_address < 2; per_address++) {
        struct fixture f;
        int fds[5];
        fixture_init(&f);
        *(per_address ? &f.o.limits.n_per_address : &f.o.limits.n_connections) = 4;
        fixture_open(&f);
        for (int i = 0; i < 5; i++) {
            fds[i] = peer_connect(&f);
            peer_say(fds[i], "GET /hello HTTP/1.1\r\n" H "\r\n");
            struct answer a = peer_answer(fds[i], false);
            assert_int_equal(a.status, i < 4 ? 200 : 503);
            assert_true(a.complete);
            if (i == 4)
                assert_string_equal(answer_header(&a, "Retry-After"), "1");
            answer_free(&a);
        }
        assert_true(peer_is_closed(fds[4]));
        close(fds[0]);
        close(fds[4]);
        /* There is room again, once the server has seen that. */
        int status = 0;
        for (int i = 0; i < 100 && status != 200; i++) {
            struct answer a = fixture_ask(&f, "GET /hello HTTP/1.1\r\n" H "\r\n");
            status = a.status;
            answer_free(&a);
            usleep(10000);
        }
        assert_int_equal(status, 200);
        assert_true(fixture_counts(&f).n_refused >= 1);
        for (int i = 1; i < 4; i++)
            close(fds[i]);
        fixture_close(&f);
    }
}

TEST(http_conn, many_slow_clients_do_not_hinder_an_honest_one)
{
    enum { N = 400 };
    struct fixture f;
    static int fds[N];
    fixture_init(&f);
    f.o.limits.stall_ms = f.o.limits.headers_ms = 60000;
    fixture_open(&f);
    for (int i = 0; i < N; i++) {
        fds[i] = peer_connect(&f);
        peer_say(fds[i], i % 4 == 0   ? "GET /hello HTTP/1.1\r\nHost: "
                         : i % 4 == 1 ? "POST /echo HTTP/1.1\r\n" H "Content-Length: 1000\r\n\r\nab"
                         : i % 4 == 2 ? "GET /big?n=100000 HTTP/1.1\r\n" H "\r\n"
                                      : "GET /hold HTTP/1.1\r\n" H "\r\n");
    }
    fixture_wait(&f, &f.n_held, N / 4);
    double start = clock_now();
    struct answer a = fixture_ask(&f, "GET /hello HTTP/1.1\r\n" H "\r\n");
    double took = clock_now() - start;
    print_message("answered after %.2f ms\n", took * 1e3);
    assert_int_equal(a.status, 200);
    assert_true(took < 1);
    answer_free(&a);
    for (int i = 0; i < N; i++)
        close(fds[i]);
    fixture_wait(&f, &f.n_gone, N / 4);
    fixture_close(&f);
}

TEST(http_conn, garbage)
{
    static const unsigned char hello[] = {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, '\n', 0, 0, '\n'};
    struct fixture f;
    uint64_t seed = 7;
    char noise[3000];
    fixture_init(&f);
    f.o.limits.headers_ms = 300;
    fixture_open(&f);
    int fd = peer_connect(&f);
    assert_true(peer_send(fd, hello, sizeof hello));
    assert_true(peer_is_closed(fd));
    close(fd);
    for (int i = 0; i < 200; i++) {
        size_t n = test_random(&seed) % sizeof noise;
        for (size_t j = 0; j < n; j++)
            noise[j] = i % 2 ? (char)test_random(&seed) : "\r\n :GET/\0"[test_random(&seed) % 10];
        fd = peer_connect(&f);
        (void)!peer_send(fd, noise, n);
        shutdown(fd, SHUT_WR);
        assert_true(peer_is_closed(fd));
        close(fd);
    }
    fixture_expect(&f, "GET /hello HTTP/1.1\r\n" H "\r\n", 200, false);
    fixture_close(&f);
}
