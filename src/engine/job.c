/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/scheduler_int.h"
#include "text/matcher.h"

static bool check_ids(const char *name, const int32_t *ids, size_t n, uint32_t n_vocab,
                      struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || (uint32_t)ids[i] >= n_vocab)
            return err_set(err, ERR_ARG, "%s: token %zu: id %d is not in 0..%u", name, i + 1,
                           ids[i], n_vocab - 1);
    return true;
}

static bool check_params(const struct scheduler *sched, const struct job_params *p, struct err *err)
{
    uint32_t context = sched->options.context;
    uint64_t room = (uint64_t)sched->options.n_pages * BACKEND_PAGE_TOKENS;
    if (!p->n)
        return err_set(err, ERR_ARG, "the prompt has no tokens");
    if (p->n + !p->prompt_only > context)
        return err_set(err, ERR_LIMIT,
                       "the prompt has %zu tokens, which leaves no room for an answer: the maximum "
                       "context length is %u tokens; shorten the messages",
                       p->n, context);
    if (!sched->window && p->n + 1 > room)
        return err_set(err, ERR_LIMIT,
                       "the prompt has %zu tokens, and there is memory for %llu: the maximum "
                       "context length of this server; shorten the messages",
                       p->n, (unsigned long long)room);
    if (p->n_top > JOB_MAX_TOP)
        return err_set(err, ERR_ARG, "top_logprobs: expected at most %d", JOB_MAX_TOP);
    if (p->n_end_ids > JOB_MAX_END_IDS)
        return err_set(err, ERR_ARG, "stop_token_ids: expected at most %d", JOB_MAX_END_IDS);
    for (size_t i = 0; i < p->n_biases; i++)
        if (p->biases[i].id < 0 || (uint32_t)p->biases[i].id >= sched->n_vocab ||
            isnan(p->biases[i].bias) || p->biases[i].bias > 1e6f)
            return err_set(err, ERR_ARG, "logit_bias: expected ids in 0..%u with finite numbers",
                           sched->n_vocab - 1);
    return check_ids("the prompt", p->ids, p->n, sched->n_vocab, err) &&
           check_ids("stop_token_ids", p->end_ids, p->n_end_ids, sched->n_vocab, err) &&
           check_ids("prediction", p->prediction, p->n_prediction, sched->n_vocab, err);
}

/* The last token of an answer needs no position. */
static uint32_t most_ids(const struct scheduler *sched, const struct job_params *p)
{
    uint64_t most = (uint64_t)sched->options.context + 1;
    if (p->prompt_only)
        most = p->n;
    else if (p->max_tokens && p->n + p->max_tokens < most)
        most = p->n + p->max_tokens;
    return (uint32_t)most;
}

/* Copies the arrays of the request into one block: the widest first, so that all are aligned. */
static bool copy_arrays(struct job *job, const struct job_params *from, struct err *err)
{
    size_t biases = from->n_biases * sizeof *from->biases, ends = from->n_end_ids * sizeof(int32_t);
    size_t guess = from->n_prediction * sizeof(int32_t);
    char *at = job->memory = mem_new(1, biases + ends + guess, err);
    if (!at)
        return false;
    struct job_params *p = &job->params;
    p->ids = NULL; /* the first of job->ids */
    p->biases = biases ? memcpy(at, from->biases, biases) : NULL;
    p->end_ids = ends ? memcpy(at + biases, from->end_ids, ends) : NULL;
    p->prediction = guess ? memcpy(at + biases + ends, from->prediction, guess) : NULL;
    return true;
}

struct job *job_new(const struct scheduler *sched, const struct job_params *params,
                    const struct job_sink *sink, struct err *err)
{
    if (!check_params(sched, params, err))
        return NULL;
    struct job *job = mem_new(1, sizeof *job, err);
    if (!job)
        return NULL;
    job->params = *params;
    job->params.matcher = NULL; /* until nothing can fail */
    job->sink = *sink;
    job->max_ids = most_ids(sched, params);
    job->ids = mem_new(job->max_ids, sizeof *job->ids, err);
    if (!job->ids || !copy_arrays(job, params, err))
        goto fail;
    memcpy(job->ids, params->ids, params->n * sizeof *job->ids);
    job->n_ids = (uint32_t)params->n;
    if (params->embedding) {
        job->hidden = mem_new(model_config(sched->model)->dim, sizeof *job->hidden, err);
        if (!job->hidden)
            goto fail;
    }
    job->sampler = sampler_open(&params->sampler, (int32_t)sched->n_vocab, err);
    if (!job->sampler)
        goto fail;
    for (size_t i = 0; i < params->n; i++)
        sampler_note(job->sampler, job->ids[i], false);
    job->result.n_prompt = job->n_ids;
    job->result.end_id = -1;
    job->added = clock_now();
    job->params.matcher = params->matcher;
    return job;
fail:
    job_free(job);
    return NULL;
}

void job_free(struct job *job)
{
    if (!job)
        return;
    if (job->seq.page_ids)
        sequence_free(&job->seq);
    sampler_close(job->sampler);
    matcher_close(job->params.matcher);
    free(job->memory);
    free(job->hidden);
    free(job->ids);
    free(job);
}
