/* SPDX-License-Identifier: Apache-2.0 */
/* http_origin.h - which hosts a server answers for, and which pages may talk to it.
 *
 * A page on the internet can make its own name mean 127.0.0.1, so a server that listens there
 * answers to the names of loopback and to those that it was given, and to no other.  Pages of
 * foreign origins are granted nothing. */
#ifndef NET_HTTP_ORIGIN_H
#define NET_HTTP_ORIGIN_H

#include <stdbool.h>

/* Says whether host, "NAME" or "NAME:PORT" of a Host header, is one of loopback or of names:
 * up to NULL. */
bool http_host_is_ours(const char *host, const char *const *names);

/* Says whether a page of that origin may use the server: one of loopback, one of origins: up to
 * NULL, or the server's own page, asked for as SCHEME://host. */
bool http_origin_is_ours(const char *origin, const char *const *origins, bool is_tls,
                         const char *host);

#endif
