/* SPDX-License-Identifier: Apache-2.0 */
/* scheduler.h - many answers at once on one model.
 *
 *     struct scheduler *sched = scheduler_open(model, &options, err);
 *     if (!scheduler_add(sched, &params, &sink, &id, err)) ...
 *     while (scheduler_step(sched)) ...                      sinks are called from here
 *     scheduler_close(sched);
 *
 * A step gives every answer that is being written its next token, and then takes a part of the
 * prompts that wait: a small one while others write, so that they keep their pace.  Prompts that
 * begin alike share pages (prefix_cache.h).  When pages run out, the youngest answer gives its own
 * back, waits, and is computed again up to where it was.
 *
 * What an answer says depends on its own request only: not on its neighbours, the parts in
 * which its prompt is taken, shared pages, drafts, or whether it had to wait.
 *
 * Thread: one thread at a time. */
#ifndef ENGINE_SCHEDULER_H
#define ENGINE_SCHEDULER_H

#include "engine/job.h"

struct model;
struct scheduler;

struct scheduler_options {
    uint32_t context;   /* positions of one answer with its prompt, at most */
    uint32_t n_pages;   /* of keys and values, for all together */
    uint32_t n_running; /* answers that are worked on at the same time; at most SCHEDULER_RUNNING */
    uint32_t n_waiting; /* that wait besides */
    uint32_t chunk;     /* prompt tokens of one step, 0: as many as keep the pace of who writes */
    uint32_t n_draft;   /* tokens that are tried out at a time, 0: none; at most SCHEDULER_DRAFT */
    int32_t eos;        /* the end-of-sequence token, -1: none */
    bool no_prefix_cache;
};

enum { SCHEDULER_RUNNING = 256, SCHEDULER_DRAFT = 7 };

/* model must outlive the scheduler.  Owned: scheduler_close().
 * Errors: ERR_ARG naming the option, ERR_LIMIT when memory is short. */
struct scheduler *scheduler_open(struct model *model, const struct scheduler_options *options,
                                 struct err *err) CHECKED;

/* Ends every answer with FINISH_CANCELLED. */
void scheduler_close(struct scheduler *sched);

/* Queues an answer.  *id names it until its end; ids are never used twice.
 * Errors: ERR_ARG naming the parameter; ERR_LIMIT, with "maximum context length", when the prompt
 * leaves no room for an answer; ERR_BUSY when the queue is full.  Then the matcher stays the
 * caller's. */
bool scheduler_add(struct scheduler *sched, const struct job_params *params,
                   const struct job_sink *sink, uint64_t *id, struct err *err) CHECKED;

/* Ends an answer with FINISH_CANCELLED, or lets one that waits by its own wish go on.  An id that
 * has ended is no error. */
void scheduler_cancel(struct scheduler *sched, uint64_t id);
void scheduler_wake(struct scheduler *sched, uint64_t id);

/* Works for one step.  Returns false when there is nothing to do until an answer is added or
 * woken. */
bool scheduler_step(struct scheduler *sched);

/* Facts for statistics; counters only grow. */
struct scheduler_stats {
    uint32_t n_running, n_waiting, n_pages, n_pages_used, n_pages_cached;
    uint64_t n_prompt, n_cached, n_written; /* tokens: of prompts, not computed of these, written */
    uint64_t n_drafted, n_accepted;         /* tokens */
    uint64_t n_preempted;                   /* times that an answer gave its pages back */
    uint64_t n_steps;
};
struct scheduler_stats scheduler_stats(const struct scheduler *sched);

#endif
