/* SPDX-License-Identifier: Apache-2.0 */
/* scheduler_fixture.h - requests for the tests of the scheduler and its parts, and what is heard of
 * their answers. */
#ifndef SCHEDULER_FIXTURE_H
#define SCHEDULER_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/generator.h"
#include "engine/scheduler.h"
#include "oracle.h"
#include "test.h"

#define STORIES "models/stories260K.gguf"

enum { N_REQUESTS = 64, MAX_PROMPT = 90, MAX_ANSWER = 48 };

/* A request, and what was heard of its answer. */
struct request {
    struct job_params params;
    int32_t prompt[MAX_PROMPT], answer[MAX_ANSWER + 1];
    float logprobs[MAX_ANSWER + 1];
    uint32_t n_answer, n_ends, wait_after, stop_after;
    enum finish_reason finish;
    struct job_result result;
    struct err err;
    int32_t prompt_ids[MAX_PROMPT];
    float prompt_logprobs[MAX_PROMPT];
    uint32_t n_prompt_told;
    uint64_t id;
};

static inline enum job_go take_token(void *arg, const struct job_token *token)
{
    struct request *r = arg;
    assert_int_equal(r->n_ends, 0);
    assert_true(r->n_answer < MAX_ANSWER);
    if (token->n_chances) {
        assert_int_equal(token->chances[0].id, token->id);
        r->logprobs[r->n_answer] = token->chances[0].logprob;
    }
    r->answer[r->n_answer++] = token->id;
    if (r->stop_after && r->n_answer == r->stop_after)
        return JOB_STOP;
    return r->wait_after && r->n_answer == r->wait_after ? JOB_WAIT : JOB_GO_ON;
}

static inline void take_prompt_token(void *arg, const struct job_token *token)
{
    struct request *r = arg;
    r->prompt_ids[r->n_prompt_told] = token->id;
    if (token->n_chances)
        r->prompt_logprobs[r->n_prompt_told] = token->chances[0].logprob;
    r->n_prompt_told++;
}

static inline void take_end(void *arg, const struct job_result *result)
{
    struct request *r = arg;
    assert_int_equal(r->n_ends++, 0);
    r->finish = result->finish;
    r->result = *result;
    if (result->err)
        r->err = *result->err;
    r->result.err = NULL;
}

static inline struct job_sink sink_of(struct request *r)
{
    return (struct job_sink){
        .token = take_token, .prompt_token = take_prompt_token, .end = take_end, .arg = r};
}

/* Requests of random lengths, some of which begin alike; some sample, some are greedy. */
static inline void make_requests(struct request *requests, int n, int n_vocab, uint64_t seed)
{
    for (int i = 0; i < n; i++) {
        struct request *r = &requests[i];
        *r = (struct request){0};
        uint32_t length = 1 + test_random(&seed) % MAX_PROMPT, common = test_random(&seed) % 3;
        uint64_t beginning = 7 + common;
        for (uint32_t k = 0; k < length; k++) {
            uint64_t *from = k < 50 ? &beginning : &seed;
            r->prompt[k] = k ? 3 + (int32_t)(test_random(from) % (uint32_t)(n_vocab - 3)) : 1;
        }
        r->params = (struct job_params){
            .ids = r->prompt, .n = length, .sampler = SAMPLER_DEFAULT, .no_loop_guard = true};
        r->params.max_tokens = 1 + test_random(&seed) % MAX_ANSWER;
        r->params.ignore_eos = true;
        r->params.space = test_random(&seed) % 2;
        if (i % 4 == 3) {
            r->params.sampler.temperature = 1.0f;
            r->params.sampler.seed = (uint64_t)i;
            r->params.sampler.repetition_penalty = 1.1f;
        }
    }
}

/* What the one-sequence generator answers. */
static inline void answer_alone(struct rig *rig, const struct request *r, int32_t *ids)
{
    struct err err = {0};
    struct buf text;
    buf_init(&text, 0);
    const struct generator_options options = {.sampler = r->params.sampler,
                                              .context = 512,
                                              .max_tokens = r->params.max_tokens,
                                              .ignore_eos = true,
                                              .no_loop_guard = true};
    struct generator *gen = generator_open(rig->model, NULL, &options, &err);
    if (!gen || !generator_prompt(gen, r->prompt, r->params.n, &err))
        fail_msg("%s", err.text);
    for (uint32_t i = 0; i < r->params.max_tokens; i++)
        assert_true(generator_next(gen, &ids[i], &text, &err));
    generator_close(gen);
}

static inline struct scheduler *open_scheduler(struct rig *rig, struct scheduler_options options)
{
    struct err err = {0};
    if (!options.context)
        options.context = 512;
    if (!options.n_running)
        options.n_running = 16;
    options.n_waiting = 1000;
    options.eos = 2;
    struct scheduler *sched = scheduler_open(rig->model, &options, &err);
    if (!sched)
        fail_msg("%s", err.text);
    return sched;
}

static inline void add(struct scheduler *sched, struct request *r)
{
    struct err err = {0};
    struct job_sink sink = sink_of(r);
    if (!scheduler_add(sched, &r->params, &sink, &r->id, &err))
        fail_msg("%s", err.text);
}

/* Adds the requests in a random order, some at once, some while others are being answered. */
static inline struct scheduler_stats run_all(struct rig *rig, struct scheduler_options options,
                                             struct request *requests, int n, uint64_t seed)
{
    int order[N_REQUESTS];
    for (int i = 0; i < n; i++) {
        int k = (int)(test_random(&seed) % (uint32_t)(i + 1));
        order[i] = order[k];
        order[k] = i;
    }
    struct scheduler *sched = open_scheduler(rig, options);
    for (int i = 0; i < n;) {
        for (uint32_t k = test_random(&seed) % 8; k && i < n; k--)
            add(sched, &requests[order[i++]]);
        scheduler_step(sched);
    }
    while (scheduler_step(sched)) {
    }
    struct scheduler_stats stats = scheduler_stats(sched);
    assert_int_equal(stats.n_running + stats.n_waiting, 0);
    assert_int_equal(stats.n_pages_used, stats.n_pages_cached);
    scheduler_close(sched);
    return stats;
}

#endif
