/* SPDX-License-Identifier: Apache-2.0 */
/* sse_parser.h - server-sent events out of bytes, however these are cut into pieces.
 *
 *     sse_init(&sse, LIMIT_SSE_EVENT_BYTES, on_event, &answer);
 *     while (... more bytes)
 *         if (!sse_feed(&sse, bytes, n, err)) ...
 *     sse_free(&sse);
 *
 * As the HTML standard says: lines end with LF, CRLF or CR, a byte order mark in front is left
 * out, lines that begin with ':' are comments, several lines of data become one text with LF
 * between them, an event ends with an empty line, and one without data is none.  The fields id and
 * retry, which are for who connects again, and unknown ones are skipped.
 * Thread: one at a time. */
#ifndef NET_SSE_PARSER_H
#define NET_SSE_PARSER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* Borrowed until the callback returns. */
struct sse_event {
    struct span name; /* empty where no field names it */
    struct span data;
};

/* Takes an event.  Errors: any; they end sse_feed(). */
typedef bool sse_fn(void *arg, const struct sse_event *event, struct err *err);

struct sse_parser {
    sse_fn *fn;
    void *arg;
    struct buf line;       /* that has begun in an earlier piece */
    struct buf name, data; /* of the event that has begun */
    bool has_data;
    bool after_cr; /* an LF that comes next ends no line */
    bool begun;    /* a line has ended */
};

/* Makes a parser that gives events to fn.  No line and no event's data may have more than max
 * bytes.  Allocates nothing.  Owned: sse_free(). */
void sse_init(struct sse_parser *sse, size_t max, sse_fn *fn, void *arg);
void sse_free(struct sse_parser *sse);

/* Begins another stream; keeps the memory. */
void sse_reset(struct sse_parser *sse);

/* Takes bytes: [n], and calls fn for each event that ends in them.  After a failure only
 * sse_reset() and sse_free() may follow.  Errors: ERR_LIMIT, those of fn. */
bool sse_feed(struct sse_parser *sse, const void *bytes, size_t n, struct err *err) CHECKED;

/* Says whether a line or an event has begun that has not ended: here a stream was cut. */
bool sse_is_amid(const struct sse_parser *sse);

#endif
