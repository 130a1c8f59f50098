/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <string.h>
#include <unistd.h>

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
    assert_true(pool_n_cpus() >= 1);
}
