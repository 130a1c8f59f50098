/* SPDX-License-Identifier: Apache-2.0 */
/* http_id.h - names that nobody guesses and nobody else has: of requests, of uploads. */
#ifndef NET_HTTP_ID_H
#define NET_HTTP_ID_H

#include <stdbool.h>

enum { HTTP_ID_FRESH = 33 };

/* Writes 32 random hexadecimal digits and a NUL to id: [HTTP_ID_FRESH]. */
void http_id_fresh(char *id);

/* Says whether a client's id can be taken over: 1 to 128 printable ASCII characters. */
bool http_id_is_sane(const char *id);

#endif
