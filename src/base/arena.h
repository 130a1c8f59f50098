/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h - many small allocations with one lifetime, released together.
 * Under AddressSanitizer red zones lie between them. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/err.h"

/* All zero is an empty arena. */
struct arena {
    struct arena_block *blocks; /* newest first */
    size_t n_bytes;             /* handed out since the last reset */
};

/* Returns n zeroed objects of size bytes, 16-byte aligned.
 * Borrowed: valid until arena_reset() or arena_free().  Errors: ERR_LIMIT. */
void *arena_new(struct arena *arena, size_t n, size_t size, struct err *err) CHECKED;

/* Returns a copy of n bytes with a NUL behind them.
 * Borrowed: valid until arena_reset() or arena_free().  Errors: ERR_LIMIT. */
char *arena_string(struct arena *arena, const char *bytes, size_t n, struct err *err) CHECKED;

/* Forgets every allocation but keeps the newest block for reuse. */
void arena_reset(struct arena *arena);
void arena_free(struct arena *arena);

#endif
