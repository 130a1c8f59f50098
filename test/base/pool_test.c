/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"

#include "test.h"

struct marks {
    int seen[10007];
    int n, grain, n_threads;
    bool bad_worker, bad_chunk;
};

static void mark(void *arg, int begin, int end, int worker)
{
    struct marks *m = arg;
    if (worker < 0 || worker >= m->n_threads)
        m->bad_worker = true;
    /* Chunks are those of the problem, whoever does them. */
    if (begin % m->grain || end != (m->n - begin > m->grain ? begin + m->grain : m->n))
        m->bad_chunk = true;
    for (int i = begin; i < end; i++)
        m->seen[i]++;
}

TEST(pool, every_item_is_done_exactly_once)
{
    static struct marks m;
    struct err err = {0};
    for (int n_threads = 1; n_threads <= 5; n_threads++) {
        struct pool *pool = pool_open(n_threads, &err);
        assert_non_null(pool);
        assert_int_equal(pool_n_threads(pool), n_threads);
        m.n_threads = n_threads;
        for (int n = 0; n <= 10007; n = n * 3 + 1)
            for (int grain = 1; grain < 400; grain += 133) {
                memset(m.seen, 0, sizeof m.seen);
                m.n = n;
                m.grain = grain;
                pool_run(pool, n, grain, mark, &m);
                for (int i = 0; i < 10007; i++)
                    assert_int_equal(m.seen[i], i < n);
            }
        assert_false(m.bad_worker || m.bad_chunk);
        pool_close(pool);
    }
    pool_close(NULL);
}

/* A system that does not let one process have so many threads says so. */
TEST(pool, as_many_threads_as_are_allowed_share_a_loop)
{
    static struct marks m = {.n = 10007, .grain = 3, .n_threads = LIMIT_THREADS};
    struct err err = {0};
    struct pool *pool = pool_open(LIMIT_THREADS, &err);
    if (!pool) {
        assert_int_equal(err.code, ERR_LIMIT);
        assert_non_null(strstr(err.text, " of 1024; use fewer threads"));
        return;
    }
    assert_int_equal(pool_n_threads(pool), LIMIT_THREADS);
    for (int i = 0; i < 20; i++)
        pool_run(pool, m.n, m.grain, mark, &m);
    for (int i = 0; i < m.n; i++)
        assert_int_equal(m.seen[i], 20);
    assert_false(m.bad_worker || m.bad_chunk);
    pool_close(pool);
}

TEST(pool, works_after_its_threads_fell_asleep)
{
    static struct marks m;
    struct err err = {0};
    struct pool *pool = pool_open(3, &err);
    m.n_threads = 3;
    m.n = 10007;
    m.grain = 10;
    memset(m.seen, 0, sizeof m.seen);
    for (int i = 0; i < 5; i++) {
        usleep(2000);
        pool_run(pool, 10007, 10, mark, &m);
    }
    for (int i = 0; i < 10007; i++)
        assert_int_equal(m.seen[i], 5);
    pool_close(pool);
}

/* Loops of every length follow each other at once, so that threads which come late to one meet
 * the next: each must do its own items, with its own argument. */
struct loop {
    const struct loop *self; /* wrong when another loop's argument is used */
    int n, grain;
    atomic_int sum, n_calls;
    atomic_bool bad;
};

static void add_items(void *arg, int begin, int end, int worker)
{
    struct loop *loop = arg;
    if (loop->self != loop || begin % loop->grain || begin >= end || end > loop->n)
        atomic_store(&loop->bad, true);
    for (int i = begin; i < end; i++)
        atomic_fetch_add(&loop->sum, i);
    atomic_fetch_add(&loop->n_calls, 1);
    if (worker && begin % 7 == 3)
        sched_yield();
}

TEST(pool, late_threads_do_nothing_to_the_next_loop)
{
    struct err err = {0};
    uint64_t seed = 1;
    for (int n_threads = 2; n_threads <= 7; n_threads += 5) { /* more than there are processors */
        struct pool *pool = pool_open(n_threads, &err);
        assert_non_null(pool);
        for (int i = 0; i < 20000; i++) {
            struct loop loop = {.n = (int)(test_random(&seed) % 30),
                                .grain = 1 + (int)(test_random(&seed) % 5)};
            loop.self = &loop;
            pool_run(pool, loop.n, loop.grain, add_items, &loop);
            assert_int_equal(loop.sum, loop.n * (loop.n - 1) / 2);
            assert_false(loop.bad);
            assert_int_equal(loop.n_calls, (loop.n + loop.grain - 1) / loop.grain);
            memset(&loop, 0xff, sizeof loop); /* nobody looks any more */
            if (i % 1000 == 0)
                usleep(500); /* now and then from sleep */
        }
        pool_close(pool);
    }
}

TEST(pool, opens_and_closes_with_threads_in_every_state)
{
    static struct marks m;
    struct err err = {0};
    for (int i = 0; i < 200; i++) {
        struct pool *pool = pool_open(1 + i % 5, &err);
        assert_non_null(pool);
        if (i % 3 == 1)
            usleep((unsigned)(i % 7) * 20);
        m = (struct marks){.n = 50, .grain = 3, .n_threads = 1 + i % 5};
        if (i % 2)
            pool_run(pool, m.n, m.grain, mark, &m);
        pool_close(pool);
        assert_int_equal(m.seen[49], i % 2);
    }
}

/* Holds worker 0 until another worker has a chunk, and that one for a while. */
struct meeting {
    atomic_int n_others;
    double left_at; /* when the other one returned */
};

static void meet(void *arg, int begin, int end, int worker)
{
    struct meeting *m = arg;
    (void)begin;
    (void)end;
    double give_up = clock_now() + 10.0;
    if (worker == 0) {
        while (!atomic_load(&m->n_others) && clock_now() < give_up)
            sched_yield();
        return;
    }
    atomic_fetch_add(&m->n_others, 1);
    usleep(3000); /* the caller is asleep by then */
    m->left_at = clock_now();
}

TEST(pool, sleepers_are_woken_on_both_sides)
{
    struct err err = {0};
    struct pool *pool = pool_open(2, &err);
    assert_non_null(pool);
    for (int i = 0; i < 20; i++) {
        struct meeting m = {0};
        usleep(1000); /* the other thread is asleep by then */
        pool_run(pool, 2, 1, meet, &m);
        assert_int_equal(m.n_others, 1);
        assert_true(clock_now() >= m.left_at && m.left_at > 0.0);
    }
    pool_close(pool);
}

static void run_again(void *arg, int begin, int end, int worker)
{
    static struct marks m = {.n = 1, .grain = 1, .n_threads = 2};
    (void)begin;
    (void)end;
    (void)worker;
    pool_run(arg, 1, 1, mark, &m);
}

TEST(pool, a_loop_inside_a_loop_is_refused)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        struct err err = {0};
        struct pool *pool = pool_open(1, &err);
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO); /* the message of the assertion */
        pool_run(pool, 1, 1, run_again, pool);
        _exit(0);
    }
    assert_true(waitpid(child, &status, 0) == child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
