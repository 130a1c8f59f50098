/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"

/* About 10 microseconds: longer than the gap between two loops of a step, short
 * enough that a busy machine gets its processor back. */
enum { SPIN_ROUNDS = 400 };

/* The count of loops wraps within a day of work; it begins so near its end that every
 * test has it wrap. */
#define FIRST_ROUND (UINT_MAX - 2)

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work, idle;
    int n_threads;
    atomic_uint round;   /* raised under lock when a loop begins */
    atomic_int n_active; /* threads that have not finished the current round */
    atomic_bool quit;
    /* The current loop; written before round is raised, while every thread is idle. */
    pool_fn *fn;
    void *arg;
    int n, grain;
    atomic_int next;
    struct pool_thread {
        struct pool *pool;
        pthread_t id;
        int worker;
    } threads[];
};

static void pause_cpu(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void do_chunks(struct pool *p, int worker)
{
    for (;;) {
        int begin = atomic_fetch_add(&p->next, p->grain);
        if (begin >= p->n)
            return;
        p->fn(p->arg, begin, p->n - begin > p->grain ? begin + p->grain : p->n, worker);
    }
}

/* Waits until the round differs from seen or the pool closes. */
static void await_round(struct pool *p, unsigned seen)
{
    for (int i = 0; i < SPIN_ROUNDS; i++) {
        if (atomic_load(&p->round) != seen || atomic_load(&p->quit))
            return;
        pause_cpu();
    }
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->round) == seen && !atomic_load(&p->quit))
        pthread_cond_wait(&p->work, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

static void *thread_main(void *arg)
{
    struct pool_thread *t = arg;
    struct pool *p = t->pool;
    for (unsigned seen = FIRST_ROUND;; seen++) {
        await_round(p, seen);
        if (atomic_load(&p->quit))
            return NULL;
        do_chunks(p, t->worker);
        if (atomic_fetch_sub(&p->n_active, 1) == 1) {
            pthread_mutex_lock(&p->lock);
            pthread_cond_signal(&p->idle);
            pthread_mutex_unlock(&p->lock);
        }
    }
}

struct pool *pool_open(int n_threads, struct err *err)
{
    assert(n_threads >= 1 && n_threads <= LIMIT_THREADS);
    struct pool *p = mem_new(1, sizeof *p + (size_t)n_threads * sizeof p->threads[0], err);
    if (!p)
        return NULL;
    atomic_init(&p->round, FIRST_ROUND);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->idle, NULL);
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
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->quit, true);
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 1; i < pool->n_threads; i++)
        pthread_join(pool->threads[i].id, NULL);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->idle);
    free(pool);
}

int pool_n_threads(const struct pool *pool)
{
    return pool->n_threads;
}

/* Waits until every other thread has left the current loop. */
static void await_idle(struct pool *p)
{
    for (int i = 0; i < SPIN_ROUNDS; i++) {
        if (!atomic_load(&p->n_active))
            return;
        pause_cpu();
    }
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->n_active))
        pthread_cond_wait(&p->idle, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

void pool_run(struct pool *pool, int n, int grain, pool_fn *fn, void *arg)
{
    assert(n >= 0 && grain > 0);
    /* next may pass n by one grain per thread before everyone has noticed the end. */
    assert(n < (1 << 30) && grain < (1 << 30) / LIMIT_THREADS);
    pool->fn = fn;
    pool->arg = arg;
    pool->n = n;
    pool->grain = grain;
    atomic_store(&pool->next, 0);
    if (pool->n_threads == 1 || n <= grain) {
        do_chunks(pool, 0);
        return;
    }
    atomic_store(&pool->n_active, pool->n_threads - 1);
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->round, 1);
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    do_chunks(pool, 0);
    await_idle(pool);
}

int pool_n_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int n = CPU_COUNT(&set);
    return n < 1 ? 1 : n > LIMIT_THREADS ? LIMIT_THREADS : n;
}
