/* SPDX-License-Identifier: Apache-2.0 */
/* scheduler_int.h - what the files of the scheduler share. */
#ifndef ENGINE_SCHEDULER_INT_H
#define ENGINE_SCHEDULER_INT_H

#include "engine/kv_pool.h"
#include "engine/loop_guard.h"
#include "engine/prefix_cache.h"
#include "engine/scheduler.h"
#include "engine/sequence.h"
#include "model/model.h"

/* ids: [n_ids], the prompt, then the answer, of which the last token has no keys and values yet.
 * Positions 0..n_pos-1 have them. */
struct job {
    uint64_t id;
    struct job_params params; /* its arrays lie in memory */
    struct job_sink sink;
    void *memory;
    struct sampler *sampler;
    struct sequence seq;
    struct prefix_place place;               /* behind the last page that the prefix cache has */
    int32_t *ids;                            /* [max_ids] */
    uint32_t n_ids, max_ids, n_pos, n_given; /* n_given: rows of prompt_chances that were told */
    bool running;                            /* has pages, or may take them */
    bool waits;                              /* by its sink's wish */
    bool again; /* its pages were taken once: what it had is computed again */
    struct loop_guard guard;
    float *hidden; /* [dim] the embedding so far, or NULL */
    struct job_result result;
    double added, started, first;    /* times; 0: not yet */
    int32_t drafts[SCHEDULER_DRAFT]; /* [n_drafts] of this step */
    uint32_t n_drafts;
    struct job *next; /* in the order of arrival */
};

struct scheduler {
    struct model *model;
    struct scheduler_options options;
    struct backend *backend;
    struct kv_pool pool;
    struct prefix_cache *cache; /* NULL: none */
    uint32_t n_vocab, window;   /* window: keys that any layer may still need, 0: all */
    uint32_t n_jobs, n_running;
    struct job *jobs; /* the oldest first */
    uint64_t last_id;
    struct sampler_room *room;
    struct token_chance *chances; /* [1 + JOB_MAX_TOP] */
    float *logits;                /* [MODEL_LOGIT_ROWS][n_vocab] */
    uint32_t *mask;               /* [n_vocab / 32, rounded up] tokens that a grammar allows */
    float *rows;                  /* [MODEL_LOGIT_ROWS][dim] hidden states */
    float *raw;                   /* [n_vocab] of the token whose chances are wanted */
    struct job *batch[SCHEDULER_RUNNING]; /* of this step */
    struct kv_span spans[SCHEDULER_RUNNING];
    int32_t ids[MODEL_MAX_TOKENS];
    bool is_short;                  /* of pages: one was preempted, and none has ended since */
    double write_s, prompt_token_s; /* of the last steps: one of writing, one token of prompts */
    struct scheduler_stats stats;
};

static inline bool job_reads_prompt(const struct job *job)
{
    return job->n_pos < job->params.n;
}

/* Says whether every row of the prompt is looked at, so that none may come from shared pages. */
static inline bool job_wants_rows(const struct job *job)
{
    return job->params.prompt_chances || job->params.embedding == EMBED_MEAN;
}

/* Says whether what it wrote has to be computed again. */
static inline bool job_catches_up(const struct job *job)
{
    return !job_reads_prompt(job) && job->n_pos + 1 < job->n_ids;
}

static inline bool job_writes(const struct job *job)
{
    return job->n_ids > job->params.n && job->n_pos + 1 == job->n_ids;
}

/* job.c: checks and copies what was asked.  Owned: job_free().  Errors: as scheduler_add(). */
struct job *job_new(const struct scheduler *sched, const struct job_params *params,
                    const struct job_sink *sink, struct err *err) CHECKED;
void job_free(struct job *job);

/* scheduler.c: takes over a job, and an id for it that was not used before. */
void scheduler_put(struct scheduler *sched, struct job *job, uint64_t id);
/* Takes the job out and tells its sink.  err: of FINISH_FAILED, else NULL.
 * Errors: err is only read. */
void job_end(struct scheduler *sched, struct job *job, enum finish_reason finish,
             const struct err *err);

/* scheduler_pages.c */
void pages_admit(struct scheduler *sched);
/* Lets the job have pages for n positions, from those that are free, the cache's, or a younger
 * job's.  Returns false when it has to wait itself. */
bool pages_hold(struct scheduler *sched, struct job *job, uint32_t n);
/* Counts n more positions as computed; keeps what others may share, forgets what no window sees. */
void pages_advance(struct scheduler *sched, struct job *job, uint32_t n);

/* scheduler_prompt.c, scheduler_write.c: one step of the model each.  Return false when nobody
 * needs one. */
bool prompt_step(struct scheduler *sched);
bool catch_up_step(struct scheduler *sched);
bool write_step(struct scheduler *sched);

/* scheduler_write.c: chooses the next token from logits, [n_vocab], and tells it.  Returns false
 * when that was the job's end, which is then gone. */
bool job_choose(struct scheduler *sched, struct job *job, float *logits);

/* chances.c: fills top, [n_top], with the most probable tokens, best first, and returns what
 * the chance of any other is computed from.  logits: [n_vocab], finite or minus infinity. */
struct chance_base {
    double log_sum;
};
struct chance_base chances_top(const float *logits, uint32_t n_vocab, struct token_chance *top,
                               uint32_t n_top);
struct token_chance chance_of(const struct chance_base *base, const float *logits, int32_t id);

/* draft.c: returns how many tokens, at most max, it guesses will follow ids: [n]. */
uint32_t draft_guess(const struct job *job, int32_t *drafts, uint32_t max);

#endif
