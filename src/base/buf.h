/* SPDX-License-Identifier: Apache-2.0 */
/* buf.h - bytes that grow up to a maximum chosen when the buffer is made.
 *
 *     struct buf text;
 *     buf_init(&text, LIMIT_TEXT_BYTES);
 *     if (!buf_add(&text, piece, n, err)) ...
 *     buf_free(&text);
 *
 * data is NULL until the first byte, and then always has a NUL behind data[len]. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>

#include "base/err.h"

struct buf {
    char *data;
    size_t len, cap, max; /* max counts the bytes, without the NUL */
};

/* Makes an empty buffer that may hold max bytes.  Allocates nothing. */
void buf_init(struct buf *buf, size_t max);
void buf_free(struct buf *buf);

/* Forgets the content, keeps the memory. */
void buf_clear(struct buf *buf);

/* Appends n bytes.  Errors: ERR_LIMIT past the maximum or without memory; the
 * content is then unchanged. */
bool buf_add(struct buf *buf, const void *bytes, size_t n, struct err *err) CHECKED;

/* Removes the first n bytes (n <= len). */
void buf_drop(struct buf *buf, size_t n);

#endif
