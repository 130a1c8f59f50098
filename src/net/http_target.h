/* SPDX-License-Identifier: Apache-2.0 */
/* http_target.h - the target of a request line: its path and its parameters, decoded once.
 *
 * Strict: what two programs could read in two ways is refused, so that who checks a path and who
 * uses it see the same. */
#ifndef NET_HTTP_TARGET_H
#define NET_HTTP_TARGET_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

struct http_pair {
    const char *name, *value; /* NUL-terminated UTF-8 */
};

struct http_target {
    const char *path;      /* begins with '/', or is "*"; no control byte, no "." or ".." part */
    const char *authority; /* of "http://authority/path", or NULL */
    const struct http_pair *query;
    size_t n_query;
};

/* Reads raw: [n] bytes, as they stood in the request line.  The texts are the arena's.
 * Errors: ERR_FORMAT with a short text for the client, ERR_LIMIT for memory. */
bool http_target_parse(struct http_target *target, const char *raw, size_t n, struct arena *arena,
                       struct err *err) CHECKED;

/* Returns the value of the first parameter of that name, or NULL.
 * Borrowed: as long as the target's arena. */
const char *http_target_query(const struct http_target *target, const char *name);

/* Decodes %XX in raw: [n] into text: [n + 1]; '+' is a space where plus says so.
 * Errors: ERR_FORMAT for a bad escape, or when that is no text. */
bool http_decode(char *text, const char *raw, size_t n, bool plus, struct err *err) CHECKED;

/* Says whether n bytes are UTF-8 without NUL. */
bool http_is_text(const char *bytes, size_t n);

#endif
