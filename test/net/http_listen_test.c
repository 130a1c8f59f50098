/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and Unix sockets. */
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "http_fixture.h"

#define HELLO "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define HOLD  "GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n"

TEST(http_listen, unix_socket)
{
    struct fixture f;
    struct stat st;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    fixture_init(&f);
    f.o.addresses[0] = NULL;
    f.o.unix_path = test_tmp("http.sock");
    f.o.unix_mode = 0640;
    char *path = strdup(f.o.unix_path);
    for (int again = 0; again < 2; again++) {
        fixture_open(&f);
        assert_int_equal(http_server_port(f.server), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_true(S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0640);
        snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
        for (int i = 0; i < 3; i++) {
            peer_say(fd, "GET /hello HTTP/1.1\r\nHost: anything\r\n\r\n");
            struct answer a = peer_answer(fd, false);
            assert_int_equal(a.status, 200);
            answer_free(&a);
        }
        int n_held = f.n_held;
        peer_say(fd, HOLD);
        fixture_wait(&f, &f.n_held, n_held + 1);
        const struct http_head *head = http_head(f.held[n_held]);
        assert_true(head->is_unix && !head->is_loopback);
        assert_string_equal(head->peer, "unix");
        close(fd);
        fixture_wait(&f, &f.n_gone, again + 1);
        /* One that is served stays. */
        struct fixture other;
        struct err err = {0};
        fixture_init(&other);
        other.o.addresses[0] = NULL;
        other.o.unix_path = path;
        assert_null(http_server_open(&other.o, &err));
        assert_non_null(strstr(err.text, "another server"));
        http_server_close(f.server);
        assert_int_equal(stat(path, &st), -1);
        http_unref(f.held[n_held]);
        f.n_held = n_held;
        monitor_close(f.monitor);
        /* What a killed server left behind is replaced. */
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
        close(fd);
    }
    unlink(path);
    struct err err = {0};
    f.o.unix_path = test_write(path, "precious", 8);
    assert_null(http_server_open(&f.o, &err));
    assert_non_null(strstr(err.text, "no socket"));
    assert_int_equal(stat(path, &st), 0);
    free(path);
}

TEST(http_listen, addresses)
{
    static const struct {
        const char *address;
        const char *error; /* part of it, or NULL */
    } table[] = {
        {"127.0.0.1", NULL},
        {"localhost", NULL},
        {"*", NULL},
        {"0.0.0.0", NULL},
        {"example.test", "no numeric address"},
        {"", "no numeric address"},
        {"192.0.2.1", "cannot listen at 192.0.2.1"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fixture f;
        struct err err = {0};
        fixture_init(&f);
        f.o.addresses[0] = table[i].address;
        struct http_server *server = http_server_open(&f.o, &err);
        assert_true(!server == (table[i].error != NULL));
        if (server) {
            f.server = server;
            f.monitor = monitor_open(&err);
            struct answer a = fixture_ask(&f, HELLO);
            assert_int_equal(a.status, 200);
            answer_free(&a);
            /* Only loopback is closed to foreign names: elsewhere names are not known. */
            a = fixture_ask(&f, "GET /hello HTTP/1.1\r\nHost: foreign.test\r\n\r\n");
            assert_int_equal(a.status, i < 2 ? 403 : 200);
            answer_free(&a);
            fixture_close(&f);
        } else {
            assert_non_null(strstr(err.text, table[i].error));
        }
    }
    struct fixture f;
    struct err err = {0};
    fixture_init(&f);
    fixture_open(&f);
    struct http_server_options o = f.o;
    o.port = http_server_port(f.server);
    assert_null(http_server_open(&o, &err));
    assert_non_null(strstr(err.text, "Address already in use"));
    o.addresses[0] = NULL;
    err = (struct err){0};
    assert_null(http_server_open(&o, &err));
    assert_string_equal(err.text, "the server has no address");
    fixture_close(&f);
}
