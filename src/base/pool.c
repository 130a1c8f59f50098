/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <assert.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"

/* Longer than most gaps between two loops of a step, short enough that a busy machine gets its
 * processor back. */
#define SPIN_SECONDS 20e-6
#define SPIN_ROUNDS  16 /* looks between two at the clock */

/* What chunks_left holds when the pool closes: more than any loop has. */
#define CLOSING INT_MAX

#define LINE_BYTES 64 /* of a cache: what one thread writes takes as much from all others */

/* A number that others wait for, in a cache line of its own. */
struct counter {
    alignas(LINE_BYTES) atomic_int value;
    atomic_int n_asleep; /* who sleeps until it rises; who raises it looks here as well */
};

struct pool {
    /* The current loop; written while no chunk is taken. */
    pool_fn *fn;
    void *arg;
    int n, grain, n_chunks;
    bool running;
    int n_threads;
    /* Who takes one down from above 0 owns a chunk, and with it the loop: it cannot end before
     * that chunk is counted as done.  A thread that comes late finds 0 or less, or a chunk of
     * the loop that is current by then, and knows of no other loop. */
    struct counter chunks_left;
    struct counter chunks_done;
    size_t n_bytes; /* of this and threads, which are written before they start */
    struct pool_thread {
        struct pool *pool;
        pthread_t id;
        int worker;
    } threads[];
};

static_assert(offsetof(struct pool, chunks_left) % LINE_BYTES == 0 &&
                  offsetof(struct pool, chunks_done) % LINE_BYTES == 0 &&
                  sizeof(struct counter) == LINE_BYTES,
              "a counter shares no line");

static void pause_cpu(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Waits until the counter is above low: awake at first, then asleep. */
static void await_above(struct counter *c, int low)
{
    double end = clock_now() + SPIN_SECONDS;
    do {
        for (int i = 0; i < SPIN_ROUNDS; i++) {
            if (atomic_load(&c->value) > low)
                return;
            pause_cpu();
        }
    } while (clock_now() < end);
    /* Whoever raises the value looks at n_asleep afterwards, and the system lets nobody sleep on
     * another value than was seen here: one of both sees the other. */
    atomic_fetch_add(&c->n_asleep, 1);
    for (int seen; (seen = atomic_load(&c->value)) <= low;)
        syscall(SYS_futex, &c->value, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    atomic_fetch_sub(&c->n_asleep, 1);
}

/* Wakes up to n of those who sleep until the counter rises. */
static void wake(struct counter *c, int n)
{
    if (atomic_load(&c->n_asleep))
        syscall(SYS_futex, &c->value, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

static void do_chunk(const struct pool *p, int chunk, int worker)
{
    int begin = chunk * p->grain;
    p->fn(p->arg, begin, p->n - begin > p->grain ? begin + p->grain : p->n, worker);
}

/* Does chunks until none is left.  Returns false when the pool closes. */
static bool do_chunks(struct pool *p, int worker)
{
    int n_done = 0, n_chunks = 0, left = 0;
    while (atomic_load(&p->chunks_left.value) > 0 &&
           (left = atomic_fetch_sub(&p->chunks_left.value, 1)) > 0) {
        if (left > INT_MAX / 2)
            return false;
        n_chunks = p->n_chunks;
        do_chunk(p, n_chunks - left, worker);
        n_done++;
    }
    if (n_done && atomic_fetch_add(&p->chunks_done.value, n_done) + n_done == n_chunks)
        wake(&p->chunks_done, 1);
    return true;
}

static void *thread_main(void *arg)
{
    struct pool_thread *t = arg;
    do
        await_above(&t->pool->chunks_left, 0);
    while (do_chunks(t->pool, t->worker));
    return NULL;
}

struct pool *pool_open(int n_threads, struct err *err)
{
    assert(n_threads >= 1 && n_threads <= LIMIT_THREADS);
    size_t n_bytes = sizeof(struct pool) + (size_t)n_threads * sizeof(struct pool_thread);
    struct pool *p = mem_map(n_bytes, err); /* mem_new() does not align to lines */
    if (!p)
        return NULL;
    p->n_bytes = n_bytes;
    for (p->n_threads = 1; p->n_threads < n_threads; p->n_threads++) {
        struct pool_thread *t = &p->threads[p->n_threads];
        *t = (struct pool_thread){.pool = p, .worker = p->n_threads};
        if (pthread_create(&t->id, NULL, thread_main, t) != 0) {
            err_set(err, ERR_LIMIT, "cannot start thread %d of %d; use fewer threads", p->n_threads,
                    n_threads);
            pool_close(p);
            return NULL;
        }
    }
    return p;
}

void pool_close(struct pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->chunks_left.value, CLOSING);
    wake(&pool->chunks_left, INT_MAX);
    for (int i = 1; i < pool->n_threads; i++)
        pthread_join(pool->threads[i].id, NULL);
    mem_unmap(pool, pool->n_bytes);
}

int pool_n_threads(const struct pool *pool)
{
    return pool->n_threads;
}

void pool_run(struct pool *pool, int n, int grain, pool_fn *fn, void *arg)
{
    assert(n >= 0 && n < INT_MAX / 2 && grain > 0 && !pool->running);
    if (n == 0)
        return;
    pool->fn = fn;
    pool->arg = arg;
    pool->n = n;
    pool->grain = grain;
    pool->n_chunks = n / grain + (n % grain != 0);
    pool->running = true;
    if (pool->n_threads == 1 || pool->n_chunks == 1) {
        for (int i = 0; i < pool->n_chunks; i++)
            do_chunk(pool, i, 0);
    } else {
        atomic_store(&pool->chunks_done.value, 0);
        atomic_store(&pool->chunks_left.value, pool->n_chunks);
        wake(&pool->chunks_left, pool->n_chunks - 1);
        do_chunks(pool, 0);
        await_above(&pool->chunks_done, pool->n_chunks - 1);
    }
    pool->running = false;
}
