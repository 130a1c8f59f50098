/* SPDX-License-Identifier: Apache-2.0 */
#include "base/monitor.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"

struct monitor {
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

struct monitor *monitor_open(struct err *err)
{
    struct monitor *m = mem_new(1, sizeof *m, err);
    if (!m)
        return NULL;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    /* Waiting must not depend on who sets the time of day. */
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->changed, &attr);
    pthread_condattr_destroy(&attr);
    return m;
}

void monitor_close(struct monitor *monitor)
{
    if (!monitor)
        return;
    pthread_cond_destroy(&monitor->changed);
    pthread_mutex_destroy(&monitor->lock);
    free(monitor);
}

void monitor_enter(struct monitor *monitor)
{
    pthread_mutex_lock(&monitor->lock);
}

void monitor_leave(struct monitor *monitor)
{
    pthread_mutex_unlock(&monitor->lock);
}

void monitor_wait(struct monitor *monitor, int timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_cond_timedwait(&monitor->changed, &monitor->lock, &until);
}

void monitor_change(struct monitor *monitor)
{
    pthread_cond_broadcast(&monitor->changed);
}
