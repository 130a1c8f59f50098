/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/scheduler.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/generator.h"
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

static enum job_go take_token(void *arg, const struct job_token *token)
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

static void take_prompt_token(void *arg, const struct job_token *token)
{
    struct request *r = arg;
    r->prompt_ids[r->n_prompt_told] = token->id;
    if (token->n_chances)
        r->prompt_logprobs[r->n_prompt_told] = token->chances[0].logprob;
    r->n_prompt_told++;
}

static void take_end(void *arg, const struct job_result *result)
{
    struct request *r = arg;
    assert_int_equal(r->n_ends++, 0);
    r->finish = result->finish;
    r->result = *result;
    if (result->err)
        r->err = *result->err;
    r->result.err = NULL;
}

static struct job_sink sink_of(struct request *r)
{
    return (struct job_sink){
        .token = take_token, .prompt_token = take_prompt_token, .end = take_end, .arg = r};
}

/* Requests of random lengths, some of which begin alike; some sample, some are greedy. */
static void make_requests(struct request *requests, int n, int n_vocab, uint64_t seed)
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
static void answer_alone(struct rig *rig, const struct request *r, int32_t *ids)
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

static struct scheduler *open_scheduler(struct rig *rig, struct scheduler_options options)
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

static void add(struct scheduler *sched, struct request *r)
{
    struct err err = {0};
    struct job_sink sink = sink_of(r);
    if (!scheduler_add(sched, &r->params, &sink, &r->id, &err))
        fail_msg("%s", err.text);
}

/* Adds the requests in a random order, some at once, some while others are being answered. */
static struct scheduler_stats run_all(struct rig *rig, struct scheduler_options options,
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

static const struct scheduler_options ways[] = {
    {.n_pages = 400},
    {.n_pages = 400, .no_prefix_cache = true, .chunk = 7},
    {.n_pages = 400, .n_draft = 4, .chunk = 16},
    {.n_pages = 16, .n_draft = 2}, /* so few that answers have to give theirs back */
    {.n_pages = 12, .no_prefix_cache = true, .chunk = 33},
    {.n_pages = 400, .n_running = 64, .n_draft = 7},
};

static void check_model(const char *path, unsigned flags, bool exact)
{
    struct rig rig;
    rig_open(&rig, path, &(struct cpu_options){.n_threads = 2, .flags = flags, .exact = exact});
    static struct request requests[N_REQUESTS];
    static int32_t alone[N_REQUESTS][MAX_ANSWER];
    int n_vocab = (int)model_config(rig.model)->n_vocab;
    make_requests(requests, N_REQUESTS, n_vocab, 1);
    for (int i = 0; i < N_REQUESTS; i++)
        answer_alone(&rig, &requests[i], alone[i]);
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        make_requests(requests, N_REQUESTS, n_vocab, 1);
        struct scheduler_stats stats = run_all(&rig, ways[w], requests, N_REQUESTS, w);
        for (int i = 0; i < N_REQUESTS; i++) {
            const struct request *r = &requests[i];
            assert_int_equal(r->finish, FINISH_LENGTH);
            assert_int_equal(r->n_answer, r->params.max_tokens);
            if (memcmp(r->answer, alone[i], r->n_answer * sizeof *alone[i]) != 0)
                fail_msg("%s, way %zu: request %d is answered in another way", path, w, i);
        }
        assert_int_equal(ways[w].n_pages<20, stats.n_preempted> 0);
        assert_int_equal(!ways[w].no_prefix_cache, stats.n_cached > 0);
        if (!ways[w].n_draft)
            assert_int_equal(stats.n_drafted, 0);
    }
    rig_close(&rig);
}

TEST(scheduler, answers_do_not_depend_on_company_cache_chunks_drafts_or_pages)
{
    unsigned flags[ORACLE_FLAGS];
    int n_flags = oracle_flags(flags);
    check_model(STORIES, flags[0], true);
    check_model(STORIES, flags[n_flags - 1], false);
    check_model("test/data/stories260K/stories260K-q4_0.gguf", flags[n_flags - 1], false);
    check_model("test/data/oracle/mistral-swa", flags[n_flags - 1], false);
    check_model("test/data/oracle/mixtral", flags[n_flags - 1], false);
}

TEST(scheduler, guesses_that_are_right_save_steps)
{
    struct rig rig;
    rig_open(&rig, STORIES, &(struct cpu_options){.n_threads = 1, .flags = cpu_detect()});
    static struct request plain, guessed;
    make_requests(&plain, 1, 512, 5);
    plain.params.max_tokens = 40;
    struct scheduler_stats stats =
        run_all(&rig, (struct scheduler_options){.n_pages = 40}, &plain, 1, 0);
    uint64_t n_plain = stats.n_steps;
    make_requests(&guessed, 1, 512, 5);
    guessed.params.max_tokens = 40;
    guessed.params.prediction = plain.answer;
    guessed.params.n_prediction = plain.n_answer;
    stats = run_all(&rig, (struct scheduler_options){.n_pages = 40, .n_draft = 7}, &guessed, 1, 0);
    assert_int_equal(guessed.n_answer, plain.n_answer);
    assert_memory_equal(guessed.answer, plain.answer, plain.n_answer * sizeof *plain.answer);
    assert_true(stats.n_steps * 4 < n_plain);
    assert_true(guessed.result.n_accepted >= 30);
    rig_close(&rig);
}

TEST(scheduler, prompts_that_begin_alike_share_pages_within_a_space)
{
    struct rig rig;
    rig_open(&rig, STORIES, &(struct cpu_options){.n_threads = 1, .flags = cpu_detect()});
    struct scheduler *sched = open_scheduler(&rig, (struct scheduler_options){.n_pages = 64});
    static struct request r[4];
    make_requests(r, 4, 512, 3);
    for (int i = 0; i < 4; i++) {
        memcpy(r[i].prompt, r[0].prompt, sizeof r[0].prompt);
        r[i].prompt[0] = 1;
        for (int k = 1; k < 64; k++)
            r[i].prompt[k] = 3 + k;
        r[i].params = r[0].params;
        r[i].params.ids = r[i].prompt;
        r[i].params.n = 64;
        r[i].params.max_tokens = 3;
        r[i].params.space = i == 3;
    }
    r[2].prompt[40] = 99;
    for (int i = 0; i < 4; i++)
        add(sched, &r[i]);
    while (scheduler_step(sched)) {
    }
    assert_int_equal(r[0].result.n_cached, 0);
    assert_int_equal(r[1].result.n_cached, 48); /* of 64 one is left to compute */
    assert_int_equal(r[2].result.n_cached, 32);
    assert_int_equal(r[3].result.n_cached, 0);
    scheduler_close(sched);
    rig_close(&rig);
}

TEST(scheduler, who_waits_is_woken_who_is_cancelled_ends)
{
    struct rig rig;
    rig_open(&rig, STORIES, &(struct cpu_options){.n_threads = 1, .flags = cpu_detect()});
    struct scheduler *sched =
        open_scheduler(&rig, (struct scheduler_options){.n_pages = 64, .n_running = 2});
    static struct request r[4];
    make_requests(r, 4, 512, 9);
    for (int i = 0; i < 4; i++)
        r[i].params.max_tokens = 20;
    r[0].wait_after = 5;
    r[1].stop_after = 7;
    for (int i = 0; i < 4; i++)
        add(sched, &r[i]);
    for (int i = 0; i < 4; i++)
        scheduler_step(sched);
    scheduler_cancel(sched, r[3].id);
    assert_int_equal(r[3].finish, FINISH_CANCELLED);
    scheduler_cancel(sched, r[3].id);
    while (scheduler_step(sched)) {
    }
    assert_int_equal(r[0].n_answer, 5);
    assert_int_equal(r[0].n_ends, 0);
    assert_int_equal(r[1].n_answer, 7);
    assert_int_equal(r[1].finish, FINISH_STOP);
    assert_int_equal(r[2].n_answer, 20);
    scheduler_wake(sched, r[0].id);
    while (scheduler_step(sched)) {
    }
    assert_int_equal(r[0].n_answer, 20);
    scheduler_close(sched);
    rig_close(&rig);
}

TEST(scheduler, chances_are_those_of_the_logits)
{
    struct rig rig;
    rig_open(&rig, STORIES, &(struct cpu_options){.n_threads = 1, .exact = true});
    static struct request r;
    make_requests(&r, 1, 512, 21);
    r.params.n = 60;
    r.params.max_tokens = 10;
    r.params.with_chances = r.params.prompt_chances = true;
    r.params.n_top = 3;
    run_all(&rig, (struct scheduler_options){.n_pages = 40, .chunk = 13}, &r, 1, 0);
    assert_int_equal(r.n_prompt_told, 60);
    assert_memory_equal(r.prompt_ids, r.prompt, 60 * sizeof *r.prompt);

    /* The same from all rows of the request and its answer. */
    int32_t ids[70];
    float logprobs[70];
    memcpy(ids, r.prompt, 60 * sizeof *ids);
    memcpy(ids + 60, r.answer, 10 * sizeof *ids);
    float *logits = malloc(70 * 512 * sizeof *logits);
    assert_non_null(logits);
    rig_run(&rig, ids, 70, 60, 512, logits);
    for (int i = 0; i < 69; i++) {
        double sum = 0.0;
        const float *row = logits + (size_t)i * 512;
        for (int k = 0; k < 512; k++)
            sum += exp((double)row[k]);
        logprobs[i + 1] = (float)((double)row[ids[i + 1]] - log(sum));
    }
    assert_near_f32(r.prompt_logprobs + 1, logprobs + 1, 59, 1e-4f, 1e-4f);
    assert_near_f32(r.logprobs, logprobs + 60, 10, 1e-4f, 1e-4f);
    free(logits);
    rig_close(&rig);
}

TEST(scheduler, bad_requests_are_refused_by_name)
{
    struct rig rig;
    rig_open(&rig, STORIES, &(struct cpu_options){.n_threads = 1, .flags = cpu_detect()});
    struct scheduler *sched =
        open_scheduler(&rig, (struct scheduler_options){.n_pages = 64, .context = 50});
    static struct request r;
    const int32_t bad[1] = {512};
    const struct token_bias biases[1] = {{.id = -1}};
    struct {
        struct job_params params;
        const char *text;
        enum err_code code;
    } cases[] = {
        {{.n = 0}, "no tokens", ERR_ARG},
        {{.n = 50}, "maximum context length is 50", ERR_LIMIT},
        {{.ids = bad, .n = 1}, "id 512", ERR_ARG},
        {{.n = 4, .n_top = 21}, "top_logprobs", ERR_ARG},
        {{.n = 4, .end_ids = bad, .n_end_ids = 1}, "stop_token_ids", ERR_ARG},
        {{.n = 4, .prediction = bad, .n_prediction = 1}, "prediction", ERR_ARG},
        {{.n = 4, .biases = biases, .n_biases = 1}, "logit_bias", ERR_ARG},
    };
    make_requests(&r, 1, 512, 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        struct job_sink sink = sink_of(&r);
        if (!cases[i].params.ids)
            cases[i].params.ids = r.prompt;
        cases[i].params.sampler = SAMPLER_DEFAULT;
        assert_false(scheduler_add(sched, &cases[i].params, &sink, &r.id, &err));
        assert_int_equal(err.code, cases[i].code);
        if (!strstr(err.text, cases[i].text))
            fail_msg("%s", err.text);
    }
    assert_int_equal(r.n_ends, 0);
    scheduler_close(sched);
    rig_close(&rig);
}
