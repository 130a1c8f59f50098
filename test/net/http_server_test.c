/* SPDX-License-Identifier: Apache-2.0 */
/* How it ends, what it counts, what it is short of. */
#include "net/http_server.h"

#include <netinet/in.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "http_fixture.h"

#define HELLO "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define HOLD  "GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n"

TEST(http_server, drains)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    int idle = peer_connect(&f), busy = peer_connect(&f), fresh = peer_connect(&f);
    peer_say(idle, HELLO);
    struct answer a = peer_answer(idle, false);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    peer_say(busy, HOLD);
    fixture_wait(&f, &f.n_held, 1);
    http_stream_begin(f.held[0], 200, "text/event-stream");
    assert_true(http_stream_write(f.held[0], "data: 1\n\n", 9));
    assert_false(http_server_is_draining(f.server));
    http_server_drain(f.server);
    assert_true(http_server_is_draining(f.server));
    assert_false(http_server_wait(f.server, 200));
    assert_true(peer_is_closed(idle));
    assert_true(peer_is_closed(fresh));
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    at.sin_port = htons((uint16_t)http_server_port(f.server));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), -1);
    close(fd);
    assert_true(http_stream_write(f.held[0], "data: 2\n\n", 9));
    http_stream_end(f.held[0]);
    assert_true(http_server_wait(f.server, 5000));
    a = peer_answer(busy, false);
    assert_true(a.complete);
    assert_string_equal(a.body, "data: 1\n\ndata: 2\n\n");
    assert_true(peer_is_closed(busy));
    answer_free(&a);
    close(idle);
    close(busy);
    close(fresh);
    assert_int_equal(f.n_gone, 0);
    fixture_close(&f);
}

TEST(http_server, an_answer_after_the_drain_began_closes)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    int fd = peer_connect(&f);
    peer_say(fd, HOLD);
    fixture_wait(&f, &f.n_held, 1);
    http_server_drain(f.server);
    assert_false(http_server_wait(f.server, 50));
    http_reply(f.held[0], 200, "text/plain", "x", 1);
    struct answer a = peer_answer(fd, false);
    assert_string_equal(answer_header(&a, "Connection"), "close");
    answer_free(&a);
    assert_true(peer_is_closed(fd));
    close(fd);
    fixture_close(&f);
}

TEST(http_server, log_and_counters)
{
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    struct answer a =
        fixture_ask(&f, "POST /echo HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: seven\r\n"
                        "Content-Length: 7\r\n\r\n1234567");
    answer_free(&a);
    fixture_wait(&f, &f.n_logged, 1);
    assert_string_equal(f.last_method, "POST");
    assert_string_equal(f.last_route, "/echo");
    assert_string_equal(f.last_id, "seven");
    assert_int_equal(f.last.status, 200);
    assert_true(f.last.complete);
    assert_int_equal(f.last.in_bytes, 7);
    assert_int_equal(f.last.out_bytes, 7);
    assert_true(f.last.total_s >= f.last.first_s && f.last.first_s >= f.last.content_s);
    fixture_expect(&f, "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, true);
    fixture_wait(&f, &f.n_logged, 2);
    assert_string_equal(f.last_route, "");
    assert_int_equal(f.last.status, 400);
    fixture_expect(&f, "nonsense\r\n\r\n", 0, true);
    int fd = peer_connect(&f);
    peer_say(fd, HOLD);
    fixture_wait(&f, &f.n_held, 1);
    http_stream_begin(f.held[0], 200, "text/plain");
    assert_true(http_stream_write(f.held[0], "x", 1));
    struct http_counts c = fixture_counts(&f);
    assert_int_equal(c.n_connections, 4);
    assert_int_equal(c.n_open, 1);
    assert_int_equal(c.n_requests, 3);
    assert_int_equal(c.n_running, 1);
    assert_int_equal(c.n_streams, 1);
    assert_int_equal(c.n_malformed, 1);
    assert_int_equal(c.in_bytes, 7);
    http_stream_end(f.held[0]);
    c = fixture_counts(&f);
    assert_int_equal(c.n_running, 0);
    assert_int_equal(c.n_streams, 0);
    close(fd);
    fixture_close(&f);
}

TEST(http_server, without_memory)
{
    for (size_t n = 0; n < 40; n++) {
        struct fixture f;
        struct err err = {0};
        fixture_init(&f);
        mem_fail_after(n);
        struct http_server *server = http_server_open(&f.o, &err);
        mem_fail_never();
        assert_true(server || err.code == ERR_LIMIT);
        http_server_close(server);
        if (server)
            return;
    }
    fail();
}

TEST(http_server, short_of_descriptors)
{
    struct fixture f;
    struct rlimit before, few;
    fixture_init(&f);
    fixture_open(&f);
    int next = dup(0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    few.rlim_cur = (rlim_t)next + 1;
    setrlimit(RLIMIT_NOFILE, &few);
    /* The last one is the client's; the server has to wait. */
    int fd = peer_connect(&f);
    peer_say(fd, HELLO);
    struct rusage start, end;
    getrusage(RUSAGE_SELF, &start);
    usleep(300000);
    getrusage(RUSAGE_SELF, &end);
    setrlimit(RLIMIT_NOFILE, &before);
    struct answer a = peer_answer(fd, false);
    assert_int_equal(a.status, 200);
    double busy = (double)(end.ru_utime.tv_sec - start.ru_utime.tv_sec) +
                  (double)(end.ru_utime.tv_usec - start.ru_utime.tv_usec) / 1e6;
    assert_true(busy < 0.1);
    answer_free(&a);
    close(fd);
    fixture_close(&f);
}

TEST(http_server, descriptors_are_given_back)
{
    int before = dup(0);
    close(before);
    for (int i = 0; i < 3; i++) {
        struct fixture f;
        fixture_init(&f);
        fixture_open(&f);
        for (int j = 0; j < 50; j++) {
            struct answer a = fixture_ask(&f, HELLO);
            answer_free(&a);
        }
        fixture_close(&f);
    }
    int after = dup(0);
    close(after);
    assert_int_equal(before, after);
    http_server_close(NULL);
}
