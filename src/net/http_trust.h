/* SPDX-License-Identifier: Apache-2.0 */
/* http_trust.h - why the certificate of a host is not trusted, and what to do. */
#ifndef NET_HTTP_TRUST_H
#define NET_HTTP_TRUST_H

#include <stddef.h>

#define HTTP_TRUST_UNKNOWN (-1L)

/* Writes a sentence that names the host of url, the cause and the remedy.  reason: a code
 * of libcrypto, of which those for success and for nothing mean that only the name is wrong, or
 * HTTP_TRUST_UNKNOWN where another library has checked. */
void http_distrust(char *text, size_t size, const char *url, long reason);

#endif
