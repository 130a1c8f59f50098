/* SPDX-License-Identifier: Apache-2.0 */
/* TLS: versions, streams, other certificates. */
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "http_fixture.h"

#define HELLO "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define HOLD  "GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n"

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

TEST(http_daemon, tls)
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

TEST(http_daemon, tls_that_cannot_be)
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
