/* SPDX-License-Identifier: Apache-2.0 */
#include "api/stalls.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/monitor.h"
#include "base/thread.h"
#include "engine/engine.h"
#include "net/http_server.h"

enum { LOOK_MS = 20, IDLE_MS = 60000 };

struct stall {
    struct http_exchange *x;
    struct engine *engine;
    uint64_t id;
    struct stall *next;
};

struct stalls {
    struct monitor *monitor; /* of what follows */
    struct thread *thread;
    struct stall *first;
    bool ends;
};

/* Lets go who may, and forgets them. */
static void look(struct stalls *s)
{
    for (struct stall **at = &s->first; *at;) {
        struct stall *stall = *at;
        if (!http_is_gone(stall->x) && http_stream_queued(stall->x) > STALL_OVER_BYTES) {
            at = &stall->next;
            continue;
        }
        *at = stall->next;
        engine_wake(stall->engine, stall->id);
        http_unref(stall->x);
        free(stall);
    }
}

static void run(void *arg)
{
    struct stalls *s = arg;
    monitor_enter(s->monitor);
    while (!s->ends) {
        look(s);
        monitor_wait(s->monitor, s->first ? LOOK_MS : IDLE_MS);
    }
    monitor_leave(s->monitor);
}

struct stalls *stalls_open(struct err *err)
{
    struct stalls *s = mem_new(1, sizeof *s, err);
    if (!s)
        return NULL;
    s->monitor = monitor_open(err);
    if (s->monitor)
        s->thread = thread_open("stalls", run, s, err);
    if (s->thread)
        return s;
    stalls_close(s);
    return NULL;
}

void stalls_close(struct stalls *stalls)
{
    if (!stalls)
        return;
    if (stalls->thread) {
        monitor_enter(stalls->monitor);
        stalls->ends = true;
        monitor_change(stalls->monitor);
        monitor_leave(stalls->monitor);
        thread_close(stalls->thread);
    }
    for (struct stall *stall = stalls->first, *next; stall; stall = next) {
        next = stall->next;
        http_unref(stall->x);
        free(stall);
    }
    monitor_close(stalls->monitor);
    free(stalls);
}

bool stalls_add(struct stalls *stalls, struct http_exchange *x, struct engine *engine, uint64_t id)
{
    struct err err = {0};
    struct stall *stall = mem_new(1, sizeof *stall, &err);
    if (!stall)
        return false;
    http_ref(x);
    *stall = (struct stall){.x = x, .engine = engine, .id = id};
    monitor_enter(stalls->monitor);
    stall->next = stalls->first;
    stalls->first = stall;
    monitor_change(stalls->monitor);
    monitor_leave(stalls->monitor);
    return true;
}
