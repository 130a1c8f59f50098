/* SPDX-License-Identifier: Apache-2.0 */
/* http_framing.h - the header lines of a request, read strictly, and how long its content is.
 *
 * libmicrohttpd is tolerant: it takes a bare LF for the end of a line, a NUL for the end of a
 * value, joins folded lines, and chooses among contradicting lengths.  Whoever stands before it
 * and reads the same bytes in another way can be made to see other requests.  But it parses in
 * place: every CR, LF and first ':' of a line becomes a NUL and nothing else changes, so that the
 * bytes still tell how they were written. */
#ifndef NET_HTTP_FRAMING_H
#define NET_HTTP_FRAMING_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct http_pair;

/* Reads lines: [n] bytes, "name NUL value NUL NUL" for each and "NUL NUL" at the end, into
 * pairs: [max], which then point into lines; white space around values is cut off.
 * Errors: ERR_FORMAT with a short text for the client, ERR_LIMIT for more than max lines or one
 * of more than line_bytes. */
bool http_framing_lines(char *lines, size_t n, size_t line_bytes, struct http_pair *pairs,
                        size_t max, size_t *n_pairs, struct err *err) CHECKED;

struct http_framing {
    bool is_chunked, has_length;
    bool expects_continue; /* Expect: 100-continue */
    uint64_t length;       /* of the content, if has_length */
    const char *host;      /* or NULL, in HTTP/1.0; borrowed from pairs: [n_pairs] */
};

/* Reads what pairs: [n_pairs] say about the content; version is "HTTP/1.1".
 * Errors: ERR_FORMAT with a short text for the client, ERR_UNSUPPORTED for an expectation. */
bool http_framing_check(struct http_framing *framing, const struct http_pair *pairs, size_t n_pairs,
                        const char *version, struct err *err) CHECKED;

/* Says whether text is a token: a method, the name of a header. */
bool http_is_token(const char *text);

/* Says whether text may be the value of a header. */
bool http_is_value(const char *text);

#endif
