/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/monitor.h"
#include "base/thread.h"
#include "base/turn.h"
#include "engine/scheduler_int.h"

/* While something waits for pages, a deadline or a client, the clock is looked at so often. */
enum { LOOK_MS = 50, IDLE_MS = 60000 };

enum command_kind { COMMAND_ADD, COMMAND_CANCEL, COMMAND_WAKE };

struct command {
    enum command_kind kind;
    uint64_t id;
    struct job *job; /* to add */
    struct command *next;
};

struct engine {
    struct scheduler *sched;
    struct turn *turn;
    struct thread *thread;
    struct monitor *monitor; /* of what follows */
    struct command *first, **last;
    uint64_t last_id;
    uint32_t n_waiting; /* added and not yet taken by the thread */
    bool ends;
    struct scheduler_stats stats;
};

static void obey(struct engine *engine, struct command *commands)
{
    for (struct command *c = commands, *next; c; c = next) {
        next = c->next;
        if (c->kind == COMMAND_ADD)
            scheduler_put(engine->sched, c->job, c->id);
        else if (c->kind == COMMAND_CANCEL)
            scheduler_cancel(engine->sched, c->id);
        else
            scheduler_wake(engine->sched, c->id);
        free(c);
    }
}

/* Takes what was asked, after waiting for it when there is nothing to do.  NULL in *commands: none.
 * Returns false when all is over. */
static bool listen(struct engine *engine, bool idle, struct command **commands)
{
    monitor_enter(engine->monitor);
    engine->stats = scheduler_stats(engine->sched);
    if (idle && !engine->first && !engine->ends)
        monitor_wait(engine->monitor,
                     engine->stats.n_running + engine->stats.n_waiting ? LOOK_MS : IDLE_MS);
    *commands = engine->first;
    engine->first = NULL;
    engine->last = &engine->first;
    engine->n_waiting = 0;
    bool goes_on = !engine->ends;
    monitor_leave(engine->monitor);
    return goes_on;
}

static void run(void *arg)
{
    struct engine *engine = arg;
    struct command *commands;
    bool idle = true;
    while (listen(engine, idle, &commands)) {
        obey(engine, commands);
        turn_take(engine->turn);
        idle = !scheduler_step(engine->sched);
        turn_give(engine->turn);
    }
    obey(engine, commands);
}

struct engine *engine_open(struct model *model, const struct scheduler_options *options,
                           struct turn *turn, struct err *err)
{
    struct engine *engine = mem_new(1, sizeof *engine, err);
    if (!engine)
        return NULL;
    engine->turn = turn;
    engine->last = &engine->first;
    engine->monitor = monitor_open(err);
    if (engine->monitor)
        engine->sched = scheduler_open(model, options, err);
    if (engine->sched)
        engine->thread = thread_open("engine", run, engine, err);
    if (engine->thread)
        return engine;
    engine_close(engine);
    return NULL;
}

void engine_close(struct engine *engine)
{
    if (!engine)
        return;
    if (engine->thread) {
        monitor_enter(engine->monitor);
        engine->ends = true;
        monitor_change(engine->monitor);
        monitor_leave(engine->monitor);
        thread_close(engine->thread);
    }
    scheduler_close(engine->sched);
    monitor_close(engine->monitor);
    free(engine);
}

/* Appends a command and wakes the thread.  The lock is held. */
static void append(struct engine *engine, struct command *c)
{
    *engine->last = c;
    engine->last = &c->next;
    monitor_change(engine->monitor);
}

bool engine_submit(struct engine *engine, const struct job_params *params,
                   const struct job_sink *sink, uint64_t *id, struct err *err)
{
    struct command *c = mem_new(1, sizeof *c, err);
    if (!c)
        return false;
    *c = (struct command){.kind = COMMAND_ADD};
    c->job = job_new(engine->sched, params, sink, err);
    if (!c->job) {
        free(c);
        return false;
    }
    const struct scheduler_options *o = &engine->sched->options;
    monitor_enter(engine->monitor);
    uint32_t n_waiting = engine->n_waiting + engine->stats.n_waiting;
    bool full = engine->ends || n_waiting >= o->n_waiting + o->n_running;
    if (!full) {
        c->id = ++engine->last_id;
        if (id)
            *id = c->id;
        engine->n_waiting++;
        append(engine, c);
    }
    monitor_leave(engine->monitor);
    if (!full)
        return true;
    c->job->params.matcher = NULL; /* it stays the caller's */
    job_free(c->job);
    free(c);
    return err_set(err, ERR_BUSY, "%u requests are waiting already; try again later", n_waiting);
}

/* A command that cannot be allocated is lost: its answer then goes on to its end. */
static void command(struct engine *engine, enum command_kind kind, uint64_t id)
{
    struct err err = {0};
    struct command *c = mem_new(1, sizeof *c, &err);
    if (!c)
        return;
    *c = (struct command){.kind = kind, .id = id};
    monitor_enter(engine->monitor);
    append(engine, c);
    monitor_leave(engine->monitor);
}

void engine_cancel(struct engine *engine, uint64_t id)
{
    command(engine, COMMAND_CANCEL, id);
}

void engine_wake(struct engine *engine, uint64_t id)
{
    command(engine, COMMAND_WAKE, id);
}

struct scheduler_stats engine_stats(struct engine *engine)
{
    monitor_enter(engine->monitor);
    struct scheduler_stats stats = engine->stats;
    monitor_leave(engine->monitor);
    return stats;
}
