/* SPDX-License-Identifier: Apache-2.0 */
/* scheduler_write.c - one more token, or several that were guessed, of every answer. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "engine/scheduler_int.h"
#include "text/matcher.h"

static bool ends_answer(const struct scheduler *sched, const struct job *job, int32_t id)
{
    if (id == sched->options.eos)
        return !job->params.ignore_eos;
    for (size_t i = 0; i < job->params.n_end_ids; i++)
        if (id == job->params.end_ids[i])
            return true;
    return false;
}

/* What the request asks of the logits besides the sampler's own parameters. */
static void bias(const struct scheduler *sched, const struct job *job, float *logits)
{
    const struct job_params *p = &job->params;
    for (size_t i = 0; i < p->n_biases; i++)
        logits[p->biases[i].id] += p->biases[i].bias;
    if (job->result.n_answer >= p->min_tokens || p->matcher) /* a text that is complete ends */
        return;
    for (size_t i = 0; i < p->n_end_ids; i++)
        logits[p->end_ids[i]] = -INFINITY;
    if (sched->options.eos >= 0 && !p->ignore_eos)
        logits[sched->options.eos] = -INFINITY;
}

/* Leaves only tokens that the job's grammar allows. */
static bool restrict_to_grammar(struct scheduler *sched, struct job *job, float *logits,
                                struct err *err)
{
    struct mask_info info;
    if (!job->params.matcher)
        return true;
    if (!matcher_mask(job->params.matcher, sched->mask, &info, err))
        return err_add(err, "the grammar of the request");
    for (uint32_t first = 0; first < sched->n_vocab; first += 32) {
        uint32_t bits = sched->mask[first / 32];
        uint32_t n = sched->n_vocab - first < 32 ? sched->n_vocab - first : 32;
        if (bits == UINT32_MAX)
            continue;
        for (uint32_t i = 0; i < n; i++)
            if (!(bits >> i & 1))
                logits[first + i] = -INFINITY;
    }
    return true;
}

/* Moves the job's grammar over a token; *complete says that nothing can follow. */
static bool follow_grammar(struct job *job, int32_t id, bool *complete, struct err *err)
{
    struct matcher *matcher = job->params.matcher;
    *complete = false;
    return !matcher ||
           (matcher_accept(matcher, id, err) && matcher_is_complete(matcher, complete, err)) ||
           err_add(err, "the grammar of the request");
}

/* Chooses a token; with chances for it where they are wanted. */
static bool choose(struct scheduler *sched, struct job *job, float *logits, struct job_token *token,
                   struct err *err)
{
    const struct job_params *p = &job->params;
    int32_t n_vocab = (int32_t)sched->n_vocab;
    if (!logits_check(logits, n_vocab, err))
        return false;
    struct chance_base base = {0};
    if (p->with_chances)
        base = chances_top(logits, sched->n_vocab, sched->chances + 1, p->n_top);
    float *raw = p->with_chances ? sched->raw : NULL;
    if (raw)
        memcpy(raw, logits, sched->n_vocab * sizeof *raw);
    sampler_penalise(job->sampler, logits);
    bias(sched, job, logits);
    if (!restrict_to_grammar(sched, job, logits, err))
        return false;
    if (!sampler_choose(job->sampler, sched->room, logits, &token->id, err))
        return false;
    if (!raw)
        return true;
    sched->chances[0] = chance_of(&base, raw, token->id);
    token->chances = sched->chances;
    token->n_chances = 1 + p->n_top;
    return true;
}

bool job_choose(struct scheduler *sched, struct job *job, float *logits)
{
    struct err err = {0};
    struct job_token token = {0};
    bool complete = false;
    if (!choose(sched, job, logits, &token, &err)) {
        job_end(sched, job, FINISH_FAILED, &err);
        return false;
    }
    if (ends_answer(sched, job, token.id)) {
        job->result.end_id = token.id;
        job_end(sched, job, FINISH_STOP, NULL);
        return false;
    }
    if (!follow_grammar(job, token.id, &complete, &err)) {
        job_end(sched, job, FINISH_FAILED, &err);
        return false;
    }
    job->ids[job->n_ids++] = token.id;
    job->result.n_answer++;
    sched->stats.n_written++;
    sampler_note(job->sampler, token.id, true);
    enum job_go go = job->sink.token(job->sink.arg, &token);
    enum finish_reason finish = FINISH_NONE;
    if (go == JOB_STOP || complete)
        finish = FINISH_STOP;
    else if (loop_guard_add(&job->guard, token.id) && !job->params.no_loop_guard)
        finish = FINISH_LOOP;
    else if (job->n_ids == job->max_ids)
        finish = FINISH_LENGTH;
    if (finish != FINISH_NONE) {
        job_end(sched, job, finish, NULL);
        return false;
    }
    job->waits = go == JOB_WAIT;
    return true;
}

/* The guesses of a job never make it longer than it may become. */
static uint32_t guess(struct scheduler *sched, struct job *job, uint32_t most)
{
    uint32_t left = job->max_ids - job->n_ids, max = sched->options.n_draft;
    if (max > most)
        max = most;
    if (left && max > left - 1)
        max = left - 1;
    job->n_drafts = max ? draft_guess(job, job->drafts, max) : 0;
    job->result.n_drafted += job->n_drafts;
    return job->n_drafts;
}

/* Gives pages to who writes, the oldest first: who gets none waits, and may be a younger one that
 * had some already. */
static void hold(struct scheduler *sched)
{
    uint32_t n_writing = 0;
    for (const struct job *job = sched->jobs; job; job = job->next)
        n_writing += job->running && !job->waits && job_writes(job);
    /* Rows of one matrix tile: beyond that a guess costs as much as a token. */
    uint32_t room = n_writing && n_writing < MODEL_LOGIT_ROWS ? MODEL_LOGIT_ROWS - n_writing : 0;
    for (struct job *job = sched->jobs, *next; job; job = next) {
        next = job->next;
        job->n_drafts = 0;
        if (!job->running || job->waits || !job_writes(job))
            continue;
        room -= guess(sched, job, room);
        uint64_t id = job->id;
        if (pages_hold(sched, job, job->n_pos + 1 + job->n_drafts))
            continue;
        /* It is gone, or gave its pages back: look for the next by number. */
        for (next = sched->jobs; next && next->id <= id; next = next->next) {
        }
    }
}

/* Takes the tokens that the rows of a job choose: row 0 that behind its newest token, row i that
 * behind guess i.  Returns false when the job has ended. */
static bool take(struct scheduler *sched, struct job *job, uint32_t row, float *logits)
{
    pages_advance(sched, job, 1);
    if (row)
        job->result.n_accepted++;
    return job_choose(sched, job, logits);
}

/* What the rows of a step mean. */
struct rows {
    int job;      /* in the batch, whose rows are looked at */
    uint32_t row; /* of that job */
    bool done;    /* a guess of it was wrong, or it has ended */
};

static void take_row(struct scheduler *sched, struct rows *at, float *logits)
{
    struct job *job = sched->batch[at->job];
    uint32_t n_rows = (uint32_t)sched->spans[at->job].n_tok;
    if (!at->done) {
        bool last = at->row + 1 == n_rows;
        int32_t guessed = last ? -1 : job->drafts[at->row];
        bool lives = take(sched, job, at->row, logits);
        at->done = !lives || last || job->waits || job->ids[job->n_ids - 1] != guessed;
    }
    if (++at->row == n_rows)
        *at = (struct rows){.job = at->job + 1};
}

bool write_step(struct scheduler *sched)
{
    struct err err = {0};
    int n = 0, n_tok = 0;
    hold(sched);
    for (struct job *job = sched->jobs; job; job = job->next) {
        if (!job->running || job->waits || !job_writes(job))
            continue;
        sched->ids[n_tok] = job->ids[job->n_pos];
        memcpy(sched->ids + n_tok + 1, job->drafts, job->n_drafts * sizeof *job->drafts);
        sched->batch[n] = job;
        sched->spans[n] = (struct kv_span){.page_ids = job->seq.page_ids,
                                           .pos0 = (int)job->n_pos,
                                           .n_tok = 1 + (int)job->n_drafts};
        n_tok += sched->spans[n++].n_tok;
    }
    if (!n)
        return false;
    double start = clock_now();
    const struct model_step step = {.ids = sched->ids,
                                    .spans = sched->spans,
                                    .n_spans = n,
                                    .phase = PHASE_GENERATE,
                                    .kv_data = sched->pool.data};
    bool ok = model_step(sched->model, &step, &err);
    struct rows at = {0};
    for (int first = 0; ok && first < n_tok; first += MODEL_LOGIT_ROWS) {
        int n_rows = n_tok - first < MODEL_LOGIT_ROWS ? n_tok - first : MODEL_LOGIT_ROWS;
        ok = model_logits(sched->model, first, n_rows, PHASE_GENERATE, sched->logits, &err);
        for (int i = 0; ok && i < n_rows; i++)
            take_row(sched, &at, sched->logits + (size_t)i * sched->n_vocab);
    }
    for (int i = at.job; !ok && i < n; i++)
        if (i > at.job || !at.done)
            job_end(sched, sched->batch[i], FINISH_FAILED, &err);
    sched->write_s = clock_now() - start;
    return true;
}
