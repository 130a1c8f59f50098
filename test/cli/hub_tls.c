/* SPDX-License-Identifier: Apache-2.0 */
#include "hub_tls.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY = 86400 };

static SSL_CTX *tls;

static const struct kind {
    const char *name, *hosts;
    long from, to; /* days from now */
} kinds[] = {
    {"good", "IP:127.0.0.1,DNS:localhost", -1, 1},
    {"expired", "IP:127.0.0.1,DNS:localhost", -3, -1},
    {"future", "IP:127.0.0.1,DNS:localhost", 1, 3},
    {"other", "DNS:elsewhere.test", -1, 1},
    {"hub", "IP:127.0.0.1", -1, 1},
};

static void *need(void *made)
{
    if (made)
        return made;
    fprintf(stderr, "hub_server: libcrypto makes no certificate\n");
    exit(1);
}

static void add(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = need(X509V3_EXT_conf_nid(NULL, &context, nid, value));
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
}

/* Makes a certificate that is not signed yet. */
static X509 *begin(const char *name, X509 *issuer, EVP_PKEY *key, const struct kind *kind)
{
    X509 *cert = need(X509_new());
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), issuer ? 2 : 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), kind->from * DAY);
    X509_gmtime_adj(X509_getm_notAfter(cert), kind->to * DAY);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer : cert));
    return cert;
}

void tls_begin(const char *kind, const char *ca_path)
{
    const struct kind *k = kinds;
    while (strcmp(k->name, kind) != 0)
        if (++k == kinds + sizeof kinds / sizeof *kinds)
            need(NULL);
    EVP_PKEY *ca_key = need(EVP_EC_gen("P-256")), *key = need(EVP_EC_gen("P-256"));
    X509 *ca = begin("an authority of tests", NULL, ca_key, &kinds[0]);
    add(ca, ca, NID_basic_constraints, "critical,CA:TRUE");
    add(ca, ca, NID_key_usage, "critical,keyCertSign");
    X509_sign(ca, ca_key, EVP_sha256());
    X509 *cert = begin("a hub of tests", ca, key, k);
    add(cert, ca, NID_subject_alt_name, k->hosts);
    X509_sign(cert, ca_key, EVP_sha256());
    FILE *f = need(fopen(ca_path, "w"));
    PEM_write_X509(f, ca);
    fclose(f);
    tls = need(SSL_CTX_new(TLS_server_method()));
    if (SSL_CTX_use_certificate(tls, cert) != 1 || SSL_CTX_use_PrivateKey(tls, key) != 1)
        need(NULL);
}

SSL *tls_accept(int fd)
{
    SSL *ssl = need(SSL_new(tls));
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1)
        return ssl;
    SSL_free(ssl);
    return NULL;
}
