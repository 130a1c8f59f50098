/* SPDX-License-Identifier: Apache-2.0 */
/* json_out.h - JSON written piece by piece; what fails is remembered and asked for at the end. */
#ifndef API_JSON_OUT_H
#define API_JSON_OUT_H

#include <stddef.h>

#include "base/buf.h"
#include "base/span.h"

struct json_node;

struct json_out {
    struct buf *buf; /* what is appended to */
    struct err err;  /* of the first piece that failed */
};

/* Append text as it is, n bytes as they are, or by a format: punctuation, names, numbers. */
void json_out_raw(struct json_out *o, const char *text);
void json_out_bytes(struct json_out *o, const char *bytes, size_t n);
void json_out_format(struct json_out *o, const char *fmt, ...) PRINTF(2, 3);

/* Append a JSON string. */
void json_out_text(struct json_out *o, const char *text);
void json_out_span(struct json_out *o, struct span text);

/* Appends a finite number so that it reads back the same. */
void json_out_number(struct json_out *o, double number);

/* Appends the beginning of a named event of a stream, up to its type: further members of its data
 * follow, then "}\n\n". */
void json_out_event(struct json_out *o, const char *name);

/* Appends a value of a request as it was sent; numbers that JSON does not have are null. */
void json_out_node(struct json_out *o, const struct json_node *node);

/* Says whether all pieces are there.  Errors: ERR_LIMIT. */
bool json_out_done(const struct json_out *o, struct err *err) CHECKED;

#endif
