/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lock.h"

#include <pthread.h>

#include "base/mem.h"
#include "test.h"

enum { N_THREADS = 4, N_ROUNDS = 20000 };

struct shared {
    struct lock *lock;
    int n; /* not atomic: the lock is what keeps it right */
};

static void *count(void *arg)
    struct holders holders;
    int n, n_last;
static void *add(void *arg)
{
    struct shared *shared = arg;
    for (int i = 0; i < N_ROUNDS; i++) {
        lock_take(shared->lock);
        shared->n++;
        lock_give(shared->lock);
        holders_add(&shared->holders);
        if (holders_drop(&shared->holders))
            shared->n_last++;
    }
    return NULL;
}

TEST(lock, is_had_by_one_thread_at_a_time)
{
    struct err err = {0};
    struct shared shared = {.lock = lock_open(&err)};
    pthread_t threads[N_THREADS];
    assert_non_null(shared.lock);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, &shared), 0);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(shared.n, N_THREADS * N_ROUNDS);
    lock_close(shared.lock);
    lock_close(NULL);
}

TEST(lock, says_that_there_is_no_memory)
{
    struct err err = {0};
    mem_fail_after(0);
    struct lock *lock = lock_open(&err);
    mem_fail_never();
    assert_null(lock);
    assert_int_equal(err.code, ERR_LIMIT);
TEST(lock, lets_one_thread_in_at_a_time)
    struct err err;
    holders_add(&shared.holders);
        assert_int_equal(pthread_create(&threads[i], NULL, add, &shared), 0);
    assert_int_equal(shared.n_last, 0);
    assert_true(holders_drop(&shared.holders));
    struct lock *none = lock_open(&err);
    assert_null(none);
}
