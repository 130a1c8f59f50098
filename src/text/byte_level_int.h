/* SPDX-License-Identifier: Apache-2.0 */
/* byte_level_int.h - byte strings as GGUF and Hugging Face files write them: a printable
 * character for each byte. */
#ifndef TEXT_BYTE_LEVEL_INT_H
#define TEXT_BYTE_LEVEL_INT_H

#include "base/buf.h"

/* Appends the bytes that text stands for.  s: [n] bytes.
 * Errors: ERR_FORMAT for a character that stands for no byte, ERR_LIMIT. */
bool byte_level_decode(const char *s, size_t n, struct buf *out, struct err *err) CHECKED;

/* Appends the text that stands for bytes s: [n].  Errors: ERR_LIMIT. */
bool byte_level_encode(const char *s, size_t n, struct buf *out, struct err *err) CHECKED;

#endif
