/* SPDX-License-Identifier: Apache-2.0 */
/* Where it listens, how it ends, certificates, what it counts. */
#include "net/http_server.h"

#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/mem.h"
#include "base/thread.h"
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

TEST(http_server, unix_socket)
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

TEST(http_server, addresses)
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

/* --- TLS --- */

/* Writes a certificate for that name, signed by itself, and its key. */
static void make_certificate(const char *name, const char *cert_path, const char *key_path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_sign(cert, key, EVP_sha256());
    FILE *f = fopen(cert_path, "w");
    PEM_write_X509(f, cert);
    fclose(f);
    f = fopen(key_path, "w");
    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    X509_free(cert);
    EVP_PKEY_free(key);
}

struct tls_peer {
    SSL_CTX *context;
    SSL *ssl;
    int fd;
    char name[64]; /* of the server's certificate */
};

/* Connects with at most that version of TLS; returns whether the server agreed. */
static bool tls_open(struct tls_peer *p, const struct fixture *f, int version)
{
    *p = (struct tls_peer){.context = SSL_CTX_new(TLS_client_method()), .fd = peer_connect(f)};
    SSL_CTX_set_min_proto_version(p->context, version < TLS1_2_VERSION ? TLS1_VERSION : version);
    SSL_CTX_set_max_proto_version(p->context, version);
    SSL_CTX_set_security_level(p->context, 0);
    p->ssl = SSL_new(p->context);
    SSL_set_fd(p->ssl, p->fd);
    if (SSL_connect(p->ssl) != 1)
        return false;
    X509 *cert = SSL_get1_peer_certificate(p->ssl);
    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, p->name, sizeof p->name);
    X509_free(cert);
    return true;
}

static void tls_close(struct tls_peer *p)
{
    SSL_free(p->ssl);
    SSL_CTX_free(p->context);
    close(p->fd);
}

/* Asks, and reads until the text ends so. */
static void tls_ask(struct tls_peer *p, const char *request, const char *end)
{
    char text[4096];
    size_t n = 0, n_end = strlen(end);
    assert_int_equal(SSL_write(p->ssl, request, (int)strlen(request)), strlen(request));
    while (n < n_end || memcmp(text + n - n_end, end, n_end) != 0) {
        int k = SSL_read(p->ssl, text + n, (int)(sizeof text - n));
        assert_true(k > 0);
        n += (size_t)k;
    }
}

TEST(http_server, tls)
{
    struct fixture f;
    struct err err = {0};
    struct tls_peer old, peer;
    char *cert = strdup(test_tmp("cert.pem")), *key = strdup(test_tmp("key.pem"));
    make_certificate("first", cert, key);
    fixture_init(&f);
    f.o.cert_file = cert;
    f.o.key_file = key;
    f.o.limits.headers_ms = 1000;
    fixture_open(&f);
    assert_false(tls_open(&peer, &f, TLS1_1_VERSION));
    tls_close(&peer);
    assert_true(tls_open(&peer, &f, TLS1_2_VERSION));
    tls_ask(&peer, HELLO, "hello\n");
    tls_close(&peer);
    assert_true(tls_open(&old, &f, TLS1_3_VERSION));
    tls_ask(&old, HELLO, "hello\n");
    assert_string_equal(old.name, "first");
    /* A stream over it, and a client that leaves in its silence. */
    assert_true(tls_open(&peer, &f, TLS1_3_VERSION));
    SSL_write(peer.ssl, HOLD, sizeof HOLD - 1);
    fixture_wait(&f, &f.n_held, 1);
    assert_true(http_head(f.held[0])->is_tls);
    http_stream_begin(f.held[0], 200, "text/event-stream");
    assert_true(http_stream_write(f.held[0], "data: 1\n\n", 9));
    tls_ask(&peer, "", "data: 1\n\n\r\n");
    double start = clock_now();
    tls_close(&peer);
    fixture_wait(&f, &f.n_gone, 1);
    assert_true(f.gone_at - start < 0.1);
    /* Another certificate; the old connection goes on. */
    make_certificate("second", cert, key);
    assert_true(http_server_reload(f.server, &err));
    usleep(50000);
    assert_true(tls_open(&peer, &f, TLS1_3_VERSION));
    assert_string_equal(peer.name, "second");
    tls_ask(&peer, HELLO, "hello\n");
    tls_ask(&old, HELLO, "hello\n");
    tls_close(&old);
    tls_close(&peer);
    /* One that is none changes nothing. */
    test_write(cert, "nonsense", 8);
    assert_false(http_server_reload(f.server, &err));
    assert_non_null(strstr(err.text, cert));
    assert_true(tls_open(&peer, &f, TLS1_3_VERSION));
    assert_string_equal(peer.name, "second");
    tls_close(&peer);
    /* Plain HTTP on this port has no answer, but an end. */
    int fd = peer_connect(&f);
    peer_say(fd, HELLO);
    assert_true(peer_is_closed(fd));
    close(fd);
    fixture_close(&f);
    free(cert);
    free(key);
}

TEST(http_server, tls_that_cannot_be)
{
    struct fixture f;
    struct err err = {0};
    fixture_init(&f);
    f.o.cert_file = "/nonexistent/cert.pem";
    assert_null(http_server_open(&f.o, &err));
    assert_int_equal(err.code, ERR_ARG);
    f.o.key_file = "/nonexistent/key.pem";
    err = (struct err){0};
    assert_null(http_server_open(&f.o, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nonexistent/cert.pem"));
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
