/* SPDX-License-Identifier: Apache-2.0 */
/* map_guard.h - a mapped file that cannot be read costs its reader the result, not the process.
 *
 * When a file shrinks or its disk fails, reading its mapping raises SIGBUS, deep inside a kernel
 * from which nothing can be returned.  A guarded mapping then has zeros from the page that failed
 * to its end, for as long as it lasts, and remembers that page: who read it goes on, asks
 * map_guard_failed() before the result is used, and throws it away.
 *
 * Not found out, since no read fails: other bytes written into the file in place, and an end that
 * moves within the last page.
 *
 * The handler only loads atomics and calls mmap().  Several threads may meet the same fault: each
 * puts the zeros there.
 * Thread: any. */
#ifndef BASE_MAP_GUARD_H
#define BASE_MAP_GUARD_H

#include <stddef.h>

#include "base/err.h"

/* Handles SIGBUS of the process from now on; a second call does nothing.  A fault outside of
 * guarded mappings, and a signal that a process sent, go to the handler that was there before. */
void map_guard_install(void);

/* For tests.  Gives SIGBUS back to the handler that was there before; mappings stay guarded for
 * the next map_guard_install(). */
void map_guard_uninstall(void);

/* Guards size > 0 mapped bytes from data, the start of a page, until map_guard_remove(*slot),
 * which comes before they are unmapped.
 * Errors: ERR_LIMIT past LIMIT_MAPPED_FILES. */
bool map_guard_add(const void *data, size_t size, size_t *slot, struct err *err) CHECKED;
void map_guard_remove(size_t slot);

/* Says whether a read of the mapping failed, and at which *offset from its start. */
bool map_guard_failed(size_t slot, size_t *offset) CHECKED;

#endif
