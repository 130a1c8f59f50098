/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h - one fixed set of compute threads, used one loop at a time.
 *
 * A loop is cut into chunks of a size that the caller derives from the problem,
 * never from the number of threads, so what a chunk computes is the same on
 * every machine.  Idle threads spin for some microseconds and then sleep; only
 * who sleeps is woken.
 *
 * A loop ends when its chunks are done.  It does not wait for a thread that has
 * taken none: where fewer processors are free than there are threads, the others
 * do its share. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/err.h"

struct pool;

/* Does items begin..end-1; worker is 0..n_threads-1 and selects scratch. */
typedef void pool_fn(void *arg, int begin, int end, int worker);

/* Starts n_threads-1 threads (1 <= n_threads <= LIMIT_THREADS); the caller of
 * pool_run() is the last one.
 * Owned: pool_close().  Errors: ERR_LIMIT when a thread cannot start. */
struct pool *pool_open(int n_threads, struct err *err) CHECKED;
void pool_close(struct pool *pool);

/* Returns how many threads take part, the caller included. */
int pool_n_threads(const struct pool *pool);

/* Runs fn over n items in chunks of grain and returns when all are done.
 * A loop of one chunk runs in the caller.
 * Thread: one at a time, never from inside fn. */
void pool_run(struct pool *pool, int n, int grain, pool_fn *fn, void *arg);

#endif
