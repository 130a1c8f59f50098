/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lock.h"

#include <pthread.h>

#include "base/mem.h"
#include "test.h"

enum { N_THREADS = 4, N_ROUNDS = 20000 };

struct shared {
    struct lock *lock;
    struct holders holders;
    int n, n_last;
};

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

TEST(lock, lets_one_thread_in_at_a_time)
{
    struct err err;
    pthread_t threads[N_THREADS];
    struct shared shared = {.lock = lock_open(&err)};
    holders_add(&shared.holders);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add, &shared), 0);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(shared.n, N_THREADS * N_ROUNDS);
    assert_int_equal(shared.n_last, 0);
    assert_true(holders_drop(&shared.holders));
    lock_close(shared.lock);
    lock_close(NULL);
    mem_fail_after(0);
    struct lock *none = lock_open(&err);
    mem_fail_never();
    assert_null(none);
}
