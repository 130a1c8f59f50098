/* SPDX-License-Identifier: Apache-2.0 */
/* http_multipart.h - multipart/form-data, read while it arrives, in pieces of any size.
 *
 * Strict: lines end with CR LF, every part has a name, the last boundary must come, and nothing
 * but white space may follow it.  Keeps one line of a part's head and at most a boundary's length
 * of content. */
#ifndef NET_HTTP_MULTIPART_H
#define NET_HTTP_MULTIPART_H

#include <stddef.h>

#include "base/err.h"

enum {
    MULTIPART_BOUNDARY = 70,  /* bytes of one, as RFC 2046 has it */
    MULTIPART_NAME = 256,     /* bytes of a name of a field or file, with a NUL */
    MULTIPART_LINE = 8192,    /* bytes of one line of a part's head */
    MULTIPART_HEAD_LINES = 16 /* of one part */
};

struct multipart_part {
    char name[MULTIPART_NAME];
    char file_name[MULTIPART_NAME]; /* without folders */
    char content_type[MULTIPART_NAME];
    bool is_file; /* it has a file name, if only an empty one */
};

/* Take what was read.  Errors: any; they end the parsing. */
struct multipart_sink {
    bool (*begin)(void *arg, const struct multipart_part *part, struct err *err);
    bool (*data)(void *arg, const char *bytes, size_t n, struct err *err);
    bool (*end)(void *arg, struct err *err);
    void *arg;
};

struct multipart {
    struct multipart_sink sink;
    struct multipart_part part;
    /* Before the first mark; behind a mark; head and content of a part; behind all. */
    enum {
        MULTIPART_PREAMBLE,
        MULTIPART_MARK,
        MULTIPART_HEAD,
        MULTIPART_DATA,
        MULTIPART_TAIL
    } state;
    char mark[MULTIPART_BOUNDARY + 5]; /* CR LF "--" boundary */
    size_t n_mark;
    char held[MULTIPART_LINE + 1]; /* of a line, or of what may be the mark */
    size_t n_held;
    int n_lines;
    bool has_name;
};

/* Begins, with the boundary that a Content-Type states.
 * Errors: ERR_UNSUPPORTED for another type, ERR_FORMAT for a boundary that is none. */
bool multipart_init(struct multipart *m, const char *content_type,
                    const struct multipart_sink *sink, struct err *err) CHECKED;

/* Reads on: bytes: [n].  Errors: ERR_FORMAT, ERR_LIMIT, those of the sink. */
bool multipart_add(struct multipart *m, const char *bytes, size_t n, struct err *err) CHECKED;

/* Says whether it is complete.  Errors: ERR_FORMAT unless. */
bool multipart_end(const struct multipart *m, struct err *err) CHECKED;

#endif
