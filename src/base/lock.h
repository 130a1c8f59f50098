/* SPDX-License-Identifier: Apache-2.0 */
/* lock.h - what only one thread at a time may have, and counts of who holds a thing.
 *
 *     struct lock *lock = lock_open(err);
 *     lock_take(lock); ...; lock_give(lock);
 *     lock_close(lock);
 *
 * Threads that pass work on use base/queue.h; a lock is for a thing that all of them use for a
 * moment, as a connection.
 * Thread: any. */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <stdint.h>

#include "base/err.h"

struct lock;

/* Makes a lock that nobody has.  Owned: lock_close().  Errors: ERR_LIMIT. */
struct lock *lock_open(struct err *err) CHECKED;

/* Thread: when no other thread uses the lock any more. */
void lock_close(struct lock *lock);

/* Waits until nobody has the lock, and has it; the same thread may not take it twice. */
void lock_take(struct lock *lock);
void lock_give(struct lock *lock);

/* A number of holders that threads change at once: adds one; takes one away and says whether
 * that was the last.  All zero has none. */
struct holders {
    uint32_t n;
};
void holders_add(struct holders *holders);
bool holders_drop(struct holders *holders) CHECKED;

#endif
