/* SPDX-License-Identifier: Apache-2.0 */
/* scheduler_prompt.c - parts of prompts in one step, and what a job that gave its pages back had
 * written. */
#include <string.h>

#include "base/clock.h"
#include "engine/scheduler_int.h"

/* While others write, a step of prompts may take as long as so many of theirs, and at least
 * PROMPT_LEAST tokens of it are taken. */
enum { PROMPT_STEPS = 4, PROMPT_LEAST = 32, CATCH_UP_TOKENS = 64 };

/* Returns how many prompt tokens this step takes.  The time decides, which no answer depends on. */
static uint32_t budget(const struct scheduler *sched)
{
    if (sched->options.chunk)
        return sched->options.chunk;
    bool others_write = false;
    for (const struct job *job = sched->jobs; job; job = job->next)
        others_write |= job->running && !job->waits && job_writes(job);
    if (!others_write || sched->prompt_token_s <= 0.0)
        return MODEL_MAX_TOKENS;
    double n = PROMPT_STEPS * sched->write_s / sched->prompt_token_s;
    if (n >= MODEL_MAX_TOKENS)
        return MODEL_MAX_TOKENS;
    return n <= PROMPT_LEAST ? PROMPT_LEAST : (uint32_t)n / PROMPT_LEAST * PROMPT_LEAST;
}

typedef bool wants_fn(const struct job *job);

static uint32_t n_wanted(const struct job *job, uint32_t max)
{
    uint32_t end = job_reads_prompt(job) ? (uint32_t)job->params.n : job->n_ids - 1;
    return end - job->n_pos < max ? end - job->n_pos : max;
}

/* Gives pages to the jobs that want some, the oldest first. */
static void hold(struct scheduler *sched, wants_fn *wants, uint32_t max)
{
    for (struct job *job = sched->jobs; job && max; job = job->next) {
        if (!job->running || !wants(job))
            continue;
        uint32_t n = n_wanted(job, max);
        if (!pages_hold(sched, job, job->n_pos + n))
            return; /* there are no more; the job may be gone */
        max -= n;
    }
}

/* Fills the batch with the next tokens of jobs that want so, at most max in all.  What one needs
 * can cost another its pages, so who has them is asked last. */
static int gather(struct scheduler *sched, wants_fn *wants, uint32_t max, int *n_tok)
{
    int n = 0;
    *n_tok = 0;
    hold(sched, wants, max);
    for (struct job *job = sched->jobs; job && max; job = job->next) {
        if (!job->running || !wants(job))
            continue;
        uint32_t n_new = n_wanted(job, max), held = job->seq.n_pages * BACKEND_PAGE_TOKENS;
        if (n_new > held - job->n_pos)
            n_new = held - job->n_pos;
        if (!n_new)
            continue;
        memcpy(sched->ids + *n_tok, job->ids + job->n_pos, n_new * sizeof *job->ids);
        sched->batch[n] = job;
        sched->spans[n++] = (struct kv_span){
            .page_ids = job->seq.page_ids, .pos0 = (int)job->n_pos, .n_tok = (int)n_new};
        *n_tok += (int)n_new;
        max -= n_new;
    }
    return n;
}

/* Runs the batch of n spans.  When that fails, all of its jobs end. */
static bool run(struct scheduler *sched, int n, enum phase phase)
{
    struct err err = {0};
    const struct model_step step = {.ids = sched->ids,
                                    .spans = sched->spans,
                                    .n_spans = n,
                                    .phase = phase,
                                    .kv_data = sched->pool.data};
    if (model_step(sched->model, &step, &err))
        return true;
    for (int i = 0; i < n; i++)
        job_end(sched, sched->batch[i], FINISH_FAILED, &err);
    return false;
}

/* Tells how probable the tokens of a prompt were: of rows first..first+n-1 of the step, which
 * stand at the job's positions from pos on. */
static bool tell_chances(struct scheduler *sched, struct job *job, int first, int n,
                         struct err *err)
{
    uint32_t pos = job->n_pos;
    if (!job->n_given) {
        job->n_given = 1;
        const struct job_token token = {.id = job->ids[0]};
        job->sink.prompt_token(job->sink.arg, &token);
    }
    for (int done = 0; done < n; done += MODEL_LOGIT_ROWS) {
        int n_rows = n - done < MODEL_LOGIT_ROWS ? n - done : MODEL_LOGIT_ROWS;
        if (!model_logits(sched->model, first + done, n_rows, PHASE_PROMPT, sched->logits, err))
            return false;
        for (int i = 0; i < n_rows; i++) {
            uint32_t next = pos + (uint32_t)(done + i) + 1;
            const float *row = sched->logits + (size_t)i * sched->n_vocab;
            if (next >= job->params.n || next < job->n_given)
                continue;
            if (!logits_check(row, (int32_t)sched->n_vocab, err))
                return false;
            job->n_given++;
            struct chance_base base =
                chances_top(row, sched->n_vocab, sched->chances + 1, job->params.n_top);
            sched->chances[0] = chance_of(&base, row, job->ids[next]);
            const struct job_token token = {.id = job->ids[next],
                                            .chances = sched->chances,
                                            .n_chances = 1 + job->params.n_top};
            job->sink.prompt_token(job->sink.arg, &token);
        }
    }
    return true;
}

/* Adds to the embedding what rows first..first+n-1 of the step hold.  The sum goes from the first
 * position to the last, so that it does not depend on the parts in which they come. */
static void embed(struct scheduler *sched, struct job *job, int first, int n)
{
    uint32_t dim = model_config(sched->model)->dim;
    bool last = job->params.embedding == EMBED_LAST;
    for (int done = last ? n - 1 : 0; done < n; done += MODEL_LOGIT_ROWS) {
        int n_rows = n - done < MODEL_LOGIT_ROWS ? n - done : MODEL_LOGIT_ROWS;
        model_hidden(sched->model, first + done, n_rows, sched->rows);
        if (last)
            memcpy(job->hidden, sched->rows, dim * sizeof *job->hidden);
        for (int i = 0; !last && i < n_rows; i++)
            for (uint32_t k = 0; k < dim; k++)
                job->hidden[k] += sched->rows[(size_t)i * dim + k];
    }
    for (uint32_t k = 0; !last && k < dim && job->n_pos + (uint32_t)n == job->params.n; k++)
        job->hidden[k] /= (float)job->params.n;
    job->result.embedding = job->hidden;
}

/* Chooses the first tokens of the answers whose prompts are complete; jobs: [n], of which the last
 * rows of the step are given. */
static void begin_answers(struct scheduler *sched, struct job **jobs, const int *rows, int n)
{
    struct err err = {0};
    for (int done = 0; done < n; done += MODEL_LOGIT_ROWS) {
        int n_rows = n - done < MODEL_LOGIT_ROWS ? n - done : MODEL_LOGIT_ROWS;
        bool ok =
            model_logits_of(sched->model, rows + done, n_rows, PHASE_GENERATE, sched->logits, &err);
        for (int i = 0; i < n_rows; i++) {
            struct job *job = jobs[done + i];
            job->first = clock_now();
            if (!ok)
                job_end(sched, job, FINISH_FAILED, &err);
            else
                job_choose(sched, job, sched->logits + (size_t)i * sched->n_vocab);
        }
    }
}

bool prompt_step(struct scheduler *sched)
{
    int n_tok, row = 0, n_begun = 0, rows[SCHEDULER_RUNNING];
    int n = gather(sched, job_reads_prompt, budget(sched), &n_tok);
    if (!n)
        return false;
    double start = clock_now();
    if (!run(sched, n, PHASE_PROMPT))
        return true;
    for (int i = 0; i < n; i++) {
        struct job *job = sched->batch[i];
        struct err err = {0};
        int n_new = sched->spans[i].n_tok;
        if (job->params.prompt_chances && !tell_chances(sched, job, row, n_new, &err)) {
            job_end(sched, job, FINISH_FAILED, &err);
            row += n_new;
            continue;
        }
        if (job->params.embedding)
            embed(sched, job, row, n_new);
        pages_advance(sched, job, (uint32_t)n_new);
        row += n_new;
        if (job_reads_prompt(job) || job->n_ids > job->params.n)
            continue;
        if (job->params.prompt_only) {
            job->first = clock_now();
            job_end(sched, job, FINISH_LENGTH, NULL);
            continue;
        }
        sched->batch[n_begun] = job;
        rows[n_begun++] = row - 1;
    }
    sched->stats.n_prompt += (uint64_t)n_tok;
    begin_answers(sched, sched->batch, rows, n_begun);
    sched->prompt_token_s = (clock_now() - start) / n_tok;
    return true;
}

bool catch_up_step(struct scheduler *sched)
{
    int n_tok, n = gather(sched, job_catches_up, CATCH_UP_TOKENS, &n_tok);
    if (!n)
        return false;
    if (!run(sched, n, PHASE_GENERATE))
        return true;
    for (int i = 0; i < n; i++)
        pages_advance(sched, sched->batch[i], (uint32_t)sched->spans[i].n_tok);
    return true;
}
