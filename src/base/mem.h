/* SPDX-License-Identifier: Apache-2.0 */
/* mem.h - checked sizes, and the only place that asks the system for memory.
 *
 * Every allocation can fail and says so: a library that lives in somebody
 * else's process must not end it.  Small objects come from mem_new() and from
 * arenas; large ones (KV pages, scratch) from mem_map().
 * Thread: any. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/err.h"

/* Multiplies or adds sizes.  Returns false, and leaves *out alone, on overflow. */
bool size_mul(size_t a, size_t b, size_t *out) CHECKED;
bool size_add(size_t a, size_t b, size_t *out) CHECKED;

/* Returns n zeroed objects of size bytes; n or size 0 gives a valid pointer.
 * Owned: release with free().  Errors: ERR_LIMIT. */
void *mem_new(size_t n, size_t size, struct err *err) CHECKED;

/* Resizes p (from mem_new(), or NULL) to n objects of size bytes; what is new
 * is not zeroed.  On failure p stays valid.
 * Owned: release with free().  Errors: ERR_LIMIT. */
void *mem_resize(void *p, size_t n, size_t size, struct err *err) CHECKED;

/* Returns a copy of n bytes with a NUL behind them.
 * Owned: release with free().  Errors: ERR_LIMIT. */
char *mem_string(const char *bytes, size_t n, struct err *err) CHECKED;

/* Reserves size bytes of zeroed, page-aligned memory, touched only when used.
 * Owned: mem_unmap().  Errors: ERR_LIMIT when the system refuses. */
void *mem_map(size_t size, struct err *err) CHECKED;
void mem_unmap(void *p, size_t size);

/* Asks for huge pages, or for ordinary ones, in n bytes of mem_map() that nobody has touched.
 * Returns false where the system has no say in that. */
bool mem_huge(void *p, size_t n, bool huge);

/* Keeps the pages of n mapped bytes in memory for as long as they are mapped.  Returns false
 * where the system does not allow that (ulimit -l); they are then read ahead, at least. */
bool mem_pin(const void *p, size_t n);

/* For tests.  While forbidden, any allocation by this thread aborts with a
 * message: it surrounds code that must not allocate. */
void mem_forbid(bool forbid);

/* For tests.  Lets n allocations succeed and makes every later one of this thread
 * fail, or only the next one, until mem_fail_never().  mem_n_failed() counts the failures. */
void mem_fail_after(size_t n);
void mem_fail_once(size_t n);
void mem_fail_never(void);
size_t mem_n_failed(void);

/* malloc with the test hooks above, for a library that takes an allocator.
 * Owned: release with free().  NULL when it fails. */
void *mem_malloc(size_t size) CHECKED;

#endif
