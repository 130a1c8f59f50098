/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "engine/scheduler_int.h"

enum { PAGE = BACKEND_PAGE_TOKENS, PAGES_AHEAD = 1 };

static uint32_t n_owned(const struct scheduler *sched, uint64_t owner)
{
    uint32_t n = 0;
    for (const struct job *job = sched->jobs; job; job = job->next)
        n += job->running && job->params.owner == owner;
    return n;
}

/* A prompt whose beginning another job reads right now waits for the pages of that. */
static bool reads_the_same(const struct scheduler *sched, const struct job *job)
{
    if (!sched->cache || job_wants_rows(job))
        return false;
    size_t known = (size_t)PAGE *
                   prefix_cache_count(sched->cache, job->params.space, job->ids, job->params.n - 1);
    for (const struct job *other = sched->jobs; other; other = other->next) {
        if (!other->running || !job_reads_prompt(other) || other->params.space != job->params.space)
            continue;
        size_t n = other->params.n < job->params.n ? other->params.n : job->params.n, same = 0;
        while (same < n && other->ids[same] == job->ids[same])
            same++;
        if (same > known + (size_t)2 * PAGE && same > other->n_pos)
            return true;
    }
    return false;
}

/* Of those that wait: the highest priority, then the owner with the fewest running, then the
 * oldest. */
static struct job *choose(const struct scheduler *sched)
{
    struct job *best = NULL;
    uint32_t best_owned = 0;
    for (struct job *job = sched->jobs; job; job = job->next) {
        if (job->running || (best && job->params.priority < best->params.priority))
            continue;
        uint32_t n = n_owned(sched, job->params.owner);
        if (best && job->params.priority == best->params.priority && n >= best_owned)
            continue;
        if (reads_the_same(sched, job))
            continue;
        best = job;
        best_owned = n;
    }
    return best;
}

/* Pages that are free or can be made so. */
static uint32_t n_available(const struct scheduler *sched)
{
    uint32_t n = sched->pool.n_free;
    return sched->cache ? n + prefix_cache_pages(sched->cache) : n;
}

/* The pages that the job needs soon: those of what it has, and of one more token. */
static uint32_t n_needed(const struct scheduler *sched, const struct job *job)
{
    uint32_t n = job->n_ids;
    if (sched->window && n > sched->window + MODEL_MAX_TOKENS)
        n = sched->window + MODEL_MAX_TOKENS;
    return n / PAGE + 1;
}

static bool start(struct scheduler *sched, struct job *job)
{
    struct err err = {0};
    if (!sequence_init(&job->seq, &sched->pool, job->max_ids, &err)) {
        job_end(sched, job, FINISH_FAILED, &err);
        return false;
    }
    job->running = true;
    sched->n_running++;
    job->place = (struct prefix_place){0};
    if (sched->cache && !job_wants_rows(job)) {
        uint32_t n = prefix_cache_share(sched->cache, job->params.space, job->ids,
                                        job->params.n - 1, &job->seq, &job->place);
        job->n_pos = n * PAGE;
        if (!job->again)
            job->result.n_cached = job->n_pos;
        sched->stats.n_cached += job->n_pos;
    }
    if (job->started <= 0.0)
        job->started = clock_now();
    return true;
}

void pages_admit(struct scheduler *sched)
{
    while (sched->n_running < sched->options.n_running) {
        struct job *job = choose(sched);
        if (!job)
            return;
        /* Who waits for pages waits first in line: else a long prompt would never be begun.  Those
         * that run will need some more, and who had to give theirs back waits for an end. */
        uint32_t n_ahead = PAGES_AHEAD * sched->n_running;
        if (sched->n_running &&
            (sched->is_short || n_available(sched) < n_needed(sched, job) + n_ahead))
            return;
        start(sched, job);
    }
}

static void preempt(struct scheduler *sched, struct job *job)
{
    sequence_free(&job->seq);
    job->n_pos = 0;
    job->running = false;
    job->again = true;
    sched->is_short = true;
    sched->n_running--;
    sched->stats.n_preempted++;
}

/* Of those that run: the lowest priority, then the youngest. */
static struct job *victim(const struct scheduler *sched)
{
    struct job *worst = NULL;
    for (struct job *job = sched->jobs; job; job = job->next)
        if (job->running && (!worst || job->params.priority <= worst->params.priority))
            worst = job;
    return worst;
}

bool pages_hold(struct scheduler *sched, struct job *job, uint32_t n)
{
    struct err err = {0};
    while (!sequence_hold(&job->seq, n, &err)) {
        if (sched->cache && prefix_cache_evict(sched->cache))
            continue;
        if (sched->n_running == 1) { /* all pages are its own: the answer ends here */
            job_end(sched, job, job->result.n_answer ? FINISH_LENGTH : FINISH_FAILED,
                    job->result.n_answer ? NULL : &err);
            return false;
        }
        struct job *other = victim(sched);
        preempt(sched, other);
        if (other == job)
            return false;
    }
    return true;
}

void pages_advance(struct scheduler *sched, struct job *job, uint32_t n)
{
    uint32_t first = job->n_pos / PAGE;
    job->n_pos += n;
    uint32_t n_prompt = (uint32_t)job->params.n;
    uint32_t end = (job->n_pos < n_prompt ? job->n_pos : n_prompt) / PAGE;
    for (uint32_t i = first; sched->cache && i < end; i++)
        prefix_cache_add(sched->cache, job->params.space, &job->place, job->ids + (size_t)i * PAGE,
                         job->seq.page_ids[i]);
    if (sched->window && job->n_pos >= sched->window)
        sequence_forget(&job->seq, job->n_pos + 1 - sched->window);
}
