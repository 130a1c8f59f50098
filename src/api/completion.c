/* SPDX-License-Identifier: Apache-2.0 */
#include "api/completion.h"

#include <stdlib.h>
#include <string.h>

#include "api/metrics.h"
#include "api/stalls.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/monitor.h"
#include "engine/engine.h"
#include "text/grammar.h"
#include "text/matcher.h"

struct completion *completion_new(struct call *call, const struct api_model *model,
                                  const struct writer *writer, struct err *err)
{
    struct completion *c = mem_new(1, sizeof *c, err);
    if (!c)
        return NULL;
    c->call = call;
    c->model = model;
    c->writer = writer;
    c->answer.tok = model->tok;
    c->created = api_now();
    buf_init(&c->buf, LIMIT_TEXT_BYTES);
    c->out.buf = &c->buf;
    c->monitor = monitor_open(err);
    if (!c->monitor) {
        free(c);
        return NULL;
    }
    call->completion = c;
    call->model = model->name;
    return !writer->open || writer->open(c, err) ? c : NULL;
}

void completion_free(struct completion *c)
{
    if (!c)
        return;
    if (c->writer->free)
        c->writer->free(c);
    for (uint32_t i = 0; i < c->n_choices; i++) {
        answer_free(&c->choices[i].answer);
        buf_free(&c->choices[i].chances);
        token_ids_free(&c->choices[i].ids);
    }
    for (size_t i = 0; i < c->n_prompts; i++)
        token_ids_free(&c->prompts[i]);
    if (c->grammar)
        grammar_unref(c->grammar);
    free(c->prompts);
    free(c->choices);
    buf_free(&c->buf);
    monitor_close(c->monitor);
    free(c);
}

/* Sends what waits.  Returns false when nobody will read it. */
static bool flush(struct completion *c)
{
    bool ok = !c->out.err.code;
    if (ok && c->buf.len)
        ok = http_stream_write(c->call->x, c->buf.data, c->buf.len);
    buf_clear(&c->buf);
    return ok;
}

static void count(struct completion *c)
{
    struct usage usage = completion_usage(c);
    struct call *call = c->call;
    call->n_prompt = usage.n_prompt;
    call->n_cached = usage.n_cached;
    call->n_answer = usage.n_answer;
    call->finish = choice_finish(&c->choices[0]);
    call->first_s = c->choices[0].result.queue_s + c->choices[0].result.prompt_s;
}

/* The first failure ends all of it. */
static void fail(struct completion *c, const struct err *err)
{
    if (c->failed)
        return;
    c->failed = true;
    struct api_error error;
    api_error_of(&error, err);
    if (err->code == ERR_ARG) { /* nothing that a single field says */
        error.status = 400;
        error.code = "invalid_request";
    }
    bool begun = false;
    for (uint32_t i = 0; i < c->n_choices; i++)
        begun |= c->choices[i].begun;
    if (c->streaming && begun) {
        c->writer->fail(c, &error);
        (void)flush(c);
        http_stream_end(c->call->x);
    } else {
        call_fail(c->call, &error);
    }
    for (uint32_t i = 0; i < c->n_choices; i++)
        if (!c->choices[i].ended && c->choices[i].job)
            engine_cancel(c->model->engine, c->choices[i].job);
}

static void finish(struct completion *c)
{
    count(c);
    if (c->failed)
        return;
    if (!c->streaming) {
        c->writer->reply(c);
        return;
    }
    if (c->writer->finish)
        c->writer->finish(c);
    if (flush(c))
        http_stream_end(c->call->x);
}

static void end_choice(struct choice *choice, const struct err *err)
{
    struct completion *c = choice->c;
    choice->ended = true;
    answer_end(&choice->answer, choice->result.finish == FINISH_STOP && !choice->answer.stopped);
    if (choice->answer.parse_failed)
        metrics_count(c->call->api->metrics, METRIC_PARSE_FAILURE);
    if (!err && choice->answer.err.code)
        err = &choice->answer.err;
    if (err)
        fail(c, err);
    else if (c->streaming && !c->failed && c->writer->end)
        c->writer->end(choice);
    c->n_left--;
    if (!c->n_left)
        finish(c);
    else if (c->streaming && !c->failed)
        (void)flush(c);
}

static void listen(void *arg, struct answer *answer, const struct answer_event *event)
{
    struct choice *choice = arg;
    const struct completion *c = choice->c;
    (void)answer;
    if (c->writer->event && (c->streaming || c->writer->hears_all) && !c->failed)
        c->writer->event(choice, event);
}

static enum job_go take_token(void *arg, const struct job_token *token)
{
    struct choice *choice = arg;
    struct completion *c = choice->c;
    enum job_go go = JOB_GO_ON;
    monitor_enter(c->monitor);
    if (token->n_chances && c->writer->token)
        c->writer->token(choice, token, false);
    if (c->sampling.with_ids && !token_ids_add(&choice->ids, token->id, &choice->answer.err))
        go = JOB_STOP;
    if (c->failed || !answer_add(&choice->answer, token->id))
        go = JOB_STOP;
    if (c->streaming && !c->failed && !flush(c))
        go = JOB_STOP;
    if (go == JOB_GO_ON && c->streaming && http_stream_queued(c->call->x) > STALL_BYTES &&
        stalls_add(c->call->api->stalls, c->call->x, c->model->engine, choice->job))
        go = JOB_WAIT;
    monitor_leave(c->monitor);
    return go;
}

static void take_prompt_token(void *arg, const struct job_token *token)
{
    struct choice *choice = arg;
    monitor_enter(choice->c->monitor);
    if (choice->c->writer->token)
        choice->c->writer->token(choice, token, true);
    monitor_leave(choice->c->monitor);
}

static void take_end(void *arg, const struct job_result *result)
{
    struct choice *choice = arg;
    struct completion *c = choice->c;
    struct http_exchange *x = c->call->x;
    monitor_enter(c->monitor);
    choice->result = *result;
    choice->result.err = NULL;
    if (result->err)
        choice->failure = result->err->code;
    metrics_count_answer(c->call->api->metrics, result);
    struct err cancelled = {0};
    if (result->finish == FINISH_CANCELLED)
        err_set(&cancelled, ERR_CANCELLED, "the server stops, or the client has left");
    end_choice(choice, result->err ? result->err : cancelled.code ? &cancelled : NULL);
    monitor_leave(c->monitor);
    http_unref(x); /* the completion may be gone */
}

/* The client has left: nobody needs the answers. */
static void cancel(void *arg)
{
    struct completion *c = arg;
    metrics_count(c->call->api->metrics, METRIC_GONE);
    monitor_enter(c->monitor);
    c->gone = true;
    for (uint32_t i = 0; i < c->n_choices; i++)
        if (!c->choices[i].ended && c->choices[i].job)
            engine_cancel(c->model->engine, c->choices[i].job);
    monitor_leave(c->monitor);
}

static bool open_choices(struct completion *c, struct err *err)
{
    uint32_t n = (uint32_t)c->n_prompts * c->sampling.n;
    c->choices = mem_new(n, sizeof *c->choices, err);
    for (uint32_t i = 0; c->choices && i < n; i++) {
        struct choice *choice = &c->choices[i];
        struct answer_options options = c->answer;
        *choice =
            (struct choice){.c = c, .index = i, .prompt = i / c->sampling.n, .model = c->model};
        choice->prefix = c->prefixes ? c->prefixes[choice->prompt] : c->prefix;
        buf_init(&choice->chances, LIMIT_TEXT_BYTES);
        options.stop = c->sampling.stop;
        options.n_stop = c->sampling.n_stop;
        options.min_tokens = c->sampling.job.min_tokens;
        options.include_stop = c->sampling.include_stop;
        options.listen = listen;
        options.arg = choice;
        c->n_choices = i + 1;
        if (!answer_init(&choice->answer, &options, c->sampling.seed + (uint64_t)i * 1000003u, err))
            return false;
    }
    c->n_left = c->n_choices;
    return c->choices != NULL;
}

/* A matcher that has seen what the answer begins with already; NULL in *out without a grammar. */
static bool open_matcher(struct completion *c, const struct choice *choice, struct matcher **out,
                         struct err *err)
{
    const struct job_params *p = &c->sampling.job;
    int32_t ends[JOB_MAX_END_IDS + 1];
    size_t n = 0;
    *out = NULL;
    if (!c->grammar)
        return true;
    if (p->ignore_eos)
        return err_set(err, ERR_ARG, "ignore_eos cannot be combined with a grammar");
    if (tokenizer_eos(c->model->tok) >= 0)
        ends[n++] = tokenizer_eos(c->model->tok);
    for (size_t i = 0; i < p->n_end_ids; i++)
        ends[n++] = p->end_ids[i];
    *out = matcher_open(c->grammar, c->model->trie, ends, n, err);
    if (!*out)
        return false;
    if (!choice->prefix.n ||
        matcher_accept_bytes(*out, choice->prefix.s, choice->prefix.n, NULL, err))
        return true;
    matcher_close(*out);
    return err_add(err, "the beginning of the answer does not fit what is asked for");
}

/* Every answer of a request draws in its own way. */
static bool submit(struct completion *c, struct choice *choice, struct err *err)
{
    struct job_params params = c->sampling.job;
    const struct token_ids *prompt = &c->prompts[choice->prompt];
    params.ids = prompt->ids;
    params.n = prompt->n;
    params.sampler.seed += choice->index % c->sampling.n;
    params.space = params.owner = c->call->space;
    const struct job_sink sink = {
        .token = take_token, .prompt_token = take_prompt_token, .end = take_end, .arg = choice};
    if (!open_matcher(c, choice, &params.matcher, err))
        return false;
    http_ref(c->call->x);
    if (engine_submit(c->model->engine, &params, &sink, &choice->job, err))
        return true;
    http_unref(c->call->x);
    matcher_close(params.matcher);
    return false;
}

void completion_start(struct completion *c)
{
    struct err err = {0};
    struct call *call = c->call;
    if (!open_choices(c, &err)) {
        call_fail_err(call, &err);
        return;
    }
    monitor_enter(c->monitor); /* until all are there */
    c->streaming = c->sampling.stream;
    if (c->streaming)
        http_stream_begin(call->x, 200, "text/event-stream");
    for (uint32_t i = 0; i < c->n_choices && !c->failed; i++) {
        struct choice *choice = &c->choices[i];
        if (!c->writer->omits_prefix)
            answer_begin(&choice->answer, choice->prefix);
        if (submit(c, choice, &err))
            continue;
        for (; i < c->n_choices; i++) { /* they never begin */
            c->choices[i].ended = true;
            c->n_left--;
        }
        fail(c, &err);
    }
    bool waits = http_on_gone(call->x, cancel, c);
    monitor_leave(c->monitor);
    if (!waits)
        cancel(c);
}

struct usage completion_usage(const struct completion *c)
{
    struct usage usage = {0};
    for (uint32_t i = 0; i < c->n_choices; i++) {
        const struct job_result *r = &c->choices[i].result;
        if (i % c->sampling.n == 0) { /* a prompt counts once */
            usage.n_prompt += r->n_prompt;
            usage.n_cached += r->n_cached;
        }
        usage.n_answer += r->n_answer;
        usage.n_thinking += c->choices[i].answer.n_thinking;
        usage.n_accepted += r->n_accepted;
        usage.n_rejected += r->n_drafted - r->n_accepted;
    }
    return usage;
}

const char *choice_finish(const struct choice *choice)
{
    switch (choice->result.finish) {
    case FINISH_STOP:
        return choice->answer.n_calls ? "tool_calls" : "stop";
    case FINISH_LENGTH:
        return choice->c->mistral && !choice->c->streaming &&
                       (!choice->c->sampling.has_max_tokens ||
                        choice->result.n_answer < choice->c->sampling.job.max_tokens)
                   ? "model_length"
                   : "length";
    case FINISH_FAILED:
    case FINISH_CANCELLED:
        return "error";
    default: /* a loop, the deadline: it could have gone on */
        return "length";
    }
}
