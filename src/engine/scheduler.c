/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/generator.h"
#include "engine/scheduler_int.h"

static bool check_options(const struct scheduler_options *o, struct err *err)
{
    if (!o->context || o->context > LIMIT_CONTEXT)
        return err_set(err, ERR_ARG, "context %u: expected 1 to %d positions", o->context,
                       LIMIT_CONTEXT);
    if (!o->n_running || o->n_running > SCHEDULER_RUNNING)
        return err_set(err, ERR_ARG, "%u answers at a time: expected 1 to %d", o->n_running,
                       SCHEDULER_RUNNING);
    if (o->chunk > MODEL_MAX_TOKENS)
        return err_set(err, ERR_ARG, "chunk %u: expected 1 to %d tokens, or 0", o->chunk,
                       MODEL_MAX_TOKENS);
    if (o->n_draft > SCHEDULER_DRAFT)
        return err_set(err, ERR_ARG, "%u drafted tokens: expected at most %d", o->n_draft,
                       SCHEDULER_DRAFT);
    return true;
}

static bool open_memory(struct scheduler *s, struct err *err)
{
    if (!kv_pool_init(&s->pool, s->backend, s->options.n_pages, model_page_bytes(s->model), err))
        return err_add(err, "keys and values (less memory for them is a remedy)");
    s->logits = mem_new((size_t)MODEL_LOGIT_ROWS * s->n_vocab, sizeof *s->logits, err);
    if (!s->logits)
        return false;
    s->rows = mem_new((size_t)MODEL_LOGIT_ROWS * model_config(s->model)->dim, sizeof *s->rows, err);
    if (!s->rows)
        return false;
    s->mask = mem_new(s->n_vocab / 32 + 1, sizeof *s->mask, err);
    if (!s->mask)
        return false;
    s->raw = mem_new(s->n_vocab, sizeof *s->raw, err);
    if (!s->raw)
        return false;
    s->chances = mem_new(1 + JOB_MAX_TOP, sizeof *s->chances, err);
    if (!s->chances)
        return false;
    s->room = sampler_room_open((int32_t)s->n_vocab, err);
    if (!s->room)
        return false;
    if (!s->options.no_prefix_cache)
        s->cache = prefix_cache_open(&s->pool, err);
    return s->cache || s->options.no_prefix_cache;
}

struct scheduler *scheduler_open(struct model *model, const struct scheduler_options *options,
                                 struct err *err)
{
    struct scheduler *s = NULL;
    if (!check_options(options, err) || !(s = mem_new(1, sizeof *s, err)))
        return NULL;
    s->model = model;
    s->options = *options;
    s->backend = model_backend(model);
    s->n_vocab = model_config(model)->n_vocab;
    s->window = generator_window(model_config(model));
    if (!open_memory(s, err)) {
        scheduler_close(s);
        return NULL;
    }
    return s;
}

void scheduler_close(struct scheduler *sched)
{
    if (!sched)
        return;
    while (sched->jobs)
        job_end(sched, sched->jobs, FINISH_CANCELLED, NULL);
    prefix_cache_close(sched->cache);
    kv_pool_free(&sched->pool);
    sampler_room_close(sched->room);
    free(sched->chances);
    free(sched->logits);
    free(sched->raw);
    free(sched->mask);
    free(sched->rows);
    free(sched);
}

bool scheduler_add(struct scheduler *sched, const struct job_params *params,
                   const struct job_sink *sink, uint64_t *id, struct err *err)
{
    if (sched->n_jobs - sched->n_running >= sched->options.n_waiting + sched->options.n_running)
        return err_set(err, ERR_BUSY, "%u requests are waiting already; try again later",
                       sched->n_jobs - sched->n_running);
    struct job *job = job_new(sched, params, sink, err);
    if (!job)
        return false;
    *id = sched->last_id + 1;
    scheduler_put(sched, job, *id);
    return true;
}

void scheduler_put(struct scheduler *sched, struct job *job, uint64_t id)
{
    job->id = sched->last_id = id;
    struct job **end = &sched->jobs;
    while (*end)
        end = &(*end)->next;
    *end = job;
    sched->n_jobs++;
}

static struct job *find(struct scheduler *sched, uint64_t id)
{
    struct job *job = sched->jobs;
    while (job && job->id != id)
        job = job->next;
    return job;
}

void scheduler_cancel(struct scheduler *sched, uint64_t id)
{
    struct job *job = find(sched, id);
    if (job)
        job_end(sched, job, FINISH_CANCELLED, NULL);
}

void scheduler_wake(struct scheduler *sched, uint64_t id)
{
    struct job *job = find(sched, id);
    if (job)
        job->waits = false;
}

void job_end(struct scheduler *sched, struct job *job, enum finish_reason finish,
             const struct err *err)
{
    struct job **at = &sched->jobs;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    sched->n_jobs--;
    sched->n_running -= job->running;
    sched->is_short = sched->is_short && !job->running;
    double now = clock_now();
    struct job_result *r = &job->result;
    r->finish = finish;
    r->err = err;
    r->queue_s = (job->started > 0.0 ? job->started : now) - job->added;
    r->prompt_s = job->started > 0.0 ? (job->first > 0.0 ? job->first : now) - job->started : 0.0;
    r->answer_s = job->first > 0.0 ? now - job->first : 0.0;
    sched->stats.n_drafted += r->n_drafted;
    sched->stats.n_accepted += r->n_accepted;
    job->sink.end(job->sink.arg, r);
    job_free(job);
}

/* Ends what took too long. */
static void end_late(struct scheduler *sched)
{
    double now = clock_now();
    for (struct job *job = sched->jobs, *next; job; job = next) {
        next = job->next;
        if (job->params.deadline <= 0.0 || now < job->params.deadline)
            continue;
        if (job->result.n_answer) {
            job_end(sched, job, FINISH_DEADLINE, NULL);
            continue;
        }
        struct err err = {0};
        err_set(&err, ERR_BUSY, "no token after %.0f seconds: the server is too busy",
                now - job->added);
        job_end(sched, job, FINISH_FAILED, &err);
    }
}

bool scheduler_step(struct scheduler *sched)
{
    end_late(sched);
    pages_admit(sched);
    bool worked = write_step(sched);
    worked |= catch_up_step(sched);
    worked |= prompt_step(sched);
    sched->stats.n_steps += worked;
    return worked;
}

struct scheduler_stats scheduler_stats(const struct scheduler *sched)
{
    struct scheduler_stats stats = sched->stats;
    stats.n_running = sched->n_running;
    stats.n_waiting = sched->n_jobs - sched->n_running;
    stats.n_pages = sched->pool.n_pages;
    stats.n_pages_used = sched->pool.n_pages - sched->pool.n_free;
    stats.n_pages_cached = sched->cache ? prefix_cache_pages(sched->cache) : 0;
    return stats;
}
