/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lock.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

struct lock {
    pthread_mutex_t mutex;
};

struct lock *lock_open(struct err *err)
{
    struct lock *lock = mem_new(1, sizeof *lock, err);
    if (lock)
        pthread_mutex_init(&lock->mutex, NULL);
    return lock;
}

void lock_close(struct lock *lock)
{
    if (!lock)
        return;
    pthread_mutex_destroy(&lock->mutex);
    free(lock);
}

void lock_take(struct lock *lock)
{
    pthread_mutex_lock(&lock->mutex);
}

void lock_give(struct lock *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}

void holders_add(struct holders *holders)
{
    __atomic_add_fetch(&holders->n, 1, __ATOMIC_RELAXED);
}

bool holders_drop(struct holders *holders)
{
    return __atomic_sub_fetch(&holders->n, 1, __ATOMIC_ACQ_REL) == 0;
}
