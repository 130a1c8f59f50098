/* SPDX-License-Identifier: Apache-2.0 */
/* stop_filter.h - cuts a stream of text before the first stop string.
 *
 * Text that may be the beginning of a stop string is held back until it is
 * certain.  The result depends on the text alone, not on how it is cut into
 * pieces: the stop string that is complete first wins, and of several that end
 * at the same byte the longest.  Valid UTF-8 in pieces of whole characters comes
 * out in whole characters. */
#ifndef ENGINE_STOP_FILTER_H
#define ENGINE_STOP_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

/* A stop string and how much of it the text ends with. */
struct stop_string {
    char bytes[LIMIT_STOP_BYTES]; /* [n] */
    /* borders[i]: length of the longest proper prefix that is also a suffix of bytes[0..i] */
    uint16_t borders[LIMIT_STOP_BYTES];
    size_t n, n_matched;
};

/* All zero lets everything through.  Nothing to free. */
struct stop_filter {
    struct stop_string strings[LIMIT_STOP_STRINGS]; /* [n_strings] */
    size_t n_strings;
    bool found; /* a stop string was complete: all text from its start on is dropped */
};

/* Copies the n NUL-terminated strings.  Errors: ERR_ARG for too many of them, an
 * empty or too long one, or one that is not UTF-8. */
bool stop_filter_init(struct stop_filter *filter, const char *const *strings, size_t n,
                      struct err *err) CHECKED;

/* Starts a new text: forgets what is held back and what was found. */
void stop_filter_restart(struct stop_filter *filter);

/* Takes text[0..n) and appends what is now certain.  Errors: ERR_LIMIT. */
bool stop_filter_add(struct stop_filter *filter, const char *text, size_t n, struct buf *out,
                     struct err *err) CHECKED;

/* Appends what is held back: the text is over.  Errors: ERR_LIMIT. */
bool stop_filter_end(struct stop_filter *filter, struct buf *out, struct err *err) CHECKED;

#endif
