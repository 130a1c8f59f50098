/* SPDX-License-Identifier: Apache-2.0 */
/* hub_tls.h - TLS for hub_server.c, with an authority and a certificate that it makes itself. */
#ifndef TEST_HUB_TLS_H
#define TEST_HUB_TLS_H

#include <openssl/ssl.h>

/* Makes them, for 127.0.0.1 and localhost.  kind: "good"; "expired", "future" (not valid yet),
 * "other" (for another host), "hub" (not for localhost).  The authority's certificate is written
 * to ca_path; keys are written nowhere.  Ends the program when that fails. */
void tls_begin(const char *kind, const char *ca_path);

/* Begins TLS with who has connected.  Returns NULL when he will not; else SSL_free(). */
SSL *tls_accept(int fd);

#endif
