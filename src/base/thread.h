/* SPDX-License-Identifier: Apache-2.0 */
/* thread.h - a thread of its own for one long task.
 *
 * Signals of the process go to other threads: what it is told to do, its owner tells it. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include "base/err.h"

struct thread;

/* Runs run(arg).  name, of 15 bytes at most, is what the system's tools show.
 * Owned: thread_close().  Errors: ERR_LIMIT. */
struct thread *thread_open(const char *name, void (*run)(void *arg), void *arg,
                           struct err *err) CHECKED;

/* Waits until run() has returned. */
void thread_close(struct thread *thread);

#endif
