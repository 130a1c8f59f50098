/* SPDX-License-Identifier: Apache-2.0 */
/* json_number_int.h - numbers in JSON text, written as Python writes them. */
#ifndef DATA_JSON_NUMBER_INT_H
#define DATA_JSON_NUMBER_INT_H

#include "base/arena.h"
#include "base/span.h"

/* Returns the end of the number that begins at s, or NULL when none does.  *is_whole says
 * that it has neither fraction nor exponent.  Borrowed: from the text. */
const char *json_number_end(const char *s, const char *end, bool *is_whole);

/* Rewrites *number, which json_number_end() measured: a whole number keeps its digits, any
 * other becomes the shortest text that gives the same double ("3.0", "1e-05", "1e+16",
 * "Infinity" on overflow).  New text lies in arena.  Errors: ERR_LIMIT. */
bool json_number_write(struct arena *arena, bool is_whole, struct span *number,
                       struct err *err) CHECKED;

#endif
