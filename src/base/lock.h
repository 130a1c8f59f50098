/* SPDX-License-Identifier: Apache-2.0 */
/* lock.h - mutual exclusion for what several threads share, and counts of who holds it. */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct lock;

/* Makes a lock that nobody has.  Owned: lock_close().  Errors: ERR_LIMIT. */
struct lock *lock_open(struct err *err) CHECKED;
void lock_close(struct lock *lock);

/* Waits until no other thread has the lock, and takes it; gives it back.  Not recursive. */
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
