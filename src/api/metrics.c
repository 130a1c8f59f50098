/* SPDX-License-Identifier: Apache-2.0 */
#include "api/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "api/api_int.h"
#include "api/endpoints.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/monitor.h"
#include "engine/engine.h"
#include "engine/job.h"

enum { REQUEST_KINDS = 512, N_BOUNDS = 14 };

static const double second_bounds[N_BOUNDS] = {0.001, 0.005, 0.01, 0.025, 0.05, 0.1,  0.25,
                                               0.5,   1.0,   2.5,  5.0,   10.0, 30.0, 120.0};
static const double token_bounds[N_BOUNDS] = {1,    4,    16,   64,   128,   256,   512,
                                              1024, 2048, 4096, 8192, 16384, 65536, 262144};

struct histogram {
    uint64_t counts[N_BOUNDS + 1], n;
    double sum;
};

enum histogram_kind {
    H_FIRST_TOKEN,
    H_TOKEN,
    H_ALL,
    H_QUEUE,
    H_PROMPT,
    H_ANSWER,
    H_PROMPT_TOKENS,
    H_ANSWER_TOKENS,
    N_HISTOGRAMS,
};

static const struct {
    const char *name, *help;
    const double *bounds;
} histograms[N_HISTOGRAMS] = {
    [H_FIRST_TOKEN] = {"time_to_first_token_seconds", "Until the first token of an answer.",
                       second_bounds},
    [H_TOKEN] = {"inter_token_latency_seconds", "Between tokens of an answer, on average.",
                 second_bounds},
    [H_ALL] = {"e2e_request_latency_seconds", "From a request to the end of its answer.",
               second_bounds},
    [H_QUEUE] = {"request_queue_time_seconds", "Until work on a request begins.", second_bounds},
    [H_PROMPT] = {"request_prefill_time_seconds", "Time spent on a prompt.", second_bounds},
    [H_ANSWER] = {"request_decode_time_seconds", "Time spent on an answer.", second_bounds},
    [H_PROMPT_TOKENS] = {"request_prompt_tokens", "Tokens of a prompt.", token_bounds},
    [H_ANSWER_TOKENS] = {"request_generation_tokens", "Tokens of an answer.", token_bounds},
};

static const char *const finish_names[] = {
    [FINISH_NONE] = "none",    [FINISH_STOP] = "stop",         [FINISH_LENGTH] = "length",
    [FINISH_LOOP] = "loop",    [FINISH_DEADLINE] = "deadline", [FINISH_CANCELLED] = "cancelled",
    [FINISH_FAILED] = "error",
};
enum { N_FINISHES = sizeof finish_names / sizeof *finish_names };

struct request_kind {
    const char *route; /* static */
    int status;
    uint64_t n;
};

struct metrics {
    struct monitor *monitor;
    struct request_kind kinds[REQUEST_KINDS]; /* [n_kinds] */
    size_t n_kinds;
    struct histogram histograms[N_HISTOGRAMS];
    uint64_t finishes[N_FINISHES], events[N_METRIC_EVENTS];
};

struct metrics *metrics_open(struct err *err)
{
    struct metrics *m = mem_new(1, sizeof *m, err);
    if (!m)
        return NULL;
    m->monitor = monitor_open(err);
    if (m->monitor)
        return m;
    free(m);
    return NULL;
}

void metrics_close(struct metrics *metrics)
{
    if (!metrics)
        return;
    monitor_close(metrics->monitor);
    free(metrics);
}

void metrics_count_request(struct metrics *metrics, const struct http_access *access)
{
    monitor_enter(metrics->monitor);
    size_t i = 0;
    while (i < metrics->n_kinds && (metrics->kinds[i].status != access->status ||
                                    strcmp(metrics->kinds[i].route, access->route) != 0))
        i++;
    if (i == metrics->n_kinds && i < REQUEST_KINDS)
        metrics->kinds[metrics->n_kinds++] =
            (struct request_kind){.route = access->route, .status = access->status};
    if (i < metrics->n_kinds)
        metrics->kinds[i].n++;
    monitor_leave(metrics->monitor);
}

static void observe(struct metrics *m, enum histogram_kind kind, double value)
{
    struct histogram *h = &m->histograms[kind];
    size_t i = 0;
    while (i < N_BOUNDS && value > histograms[kind].bounds[i])
        i++;
    h->counts[i]++;
    h->n++;
    h->sum += value;
}

void metrics_count_answer(struct metrics *metrics, const struct job_result *r)
{
    monitor_enter(metrics->monitor);
    metrics->finishes[r->finish]++;
    observe(metrics, H_QUEUE, r->queue_s);
    observe(metrics, H_ALL, r->queue_s + r->prompt_s + r->answer_s);
    observe(metrics, H_PROMPT_TOKENS, r->n_prompt);
    observe(metrics, H_ANSWER_TOKENS, r->n_answer);
    if (r->n_answer) {
        observe(metrics, H_FIRST_TOKEN, r->queue_s + r->prompt_s);
        observe(metrics, H_PROMPT, r->prompt_s);
        observe(metrics, H_ANSWER, r->answer_s);
    }
    if (r->n_answer > 1)
        observe(metrics, H_TOKEN, r->answer_s / (r->n_answer - 1));
    monitor_leave(metrics->monitor);
}

void metrics_count(struct metrics *metrics, enum metric_event event)
{
    monitor_enter(metrics->monitor);
    metrics->events[event]++;
    monitor_leave(metrics->monitor);
}

/* A metric's HELP and TYPE lines. */
static void head(struct json_out *o, const char *prefix, const char *name, const char *type,
                 const char *help)
{
    json_out_format(o, "# HELP %s%s %s\n# TYPE %s%s %s\n", prefix, name, help, prefix, name, type);
}

static void one(struct json_out *o, const char *prefix, const char *name, const char *type,
                const char *help, double value)
{
    head(o, prefix, name, type, help);
    json_out_format(o, "%s%s %.17g\n", prefix, name, value);
}

static void write_histogram(struct json_out *o, const char *prefix, size_t i,
                            const struct histogram *h)
{
    const char *name = histograms[i].name;
    uint64_t n = 0;
    head(o, prefix, name, "histogram", histograms[i].help);
    for (size_t k = 0; k < N_BOUNDS; k++) {
        n += h->counts[k];
        json_out_format(o, "%s%s_bucket{le=\"%g\"} %llu\n", prefix, name, histograms[i].bounds[k],
                        (unsigned long long)n);
    }
    json_out_format(o, "%s%s_bucket{le=\"+Inf\"} %llu\n%s%s_sum %.9g\n%s%s_count %llu\n", prefix,
                    name, (unsigned long long)h->n, prefix, name, h->sum, prefix, name,
                    (unsigned long long)h->n);
}

static double running(const struct scheduler_stats *s)
{
    return s->n_running;
}
static double waiting(const struct scheduler_stats *s)
{
    return s->n_waiting;
}
static double usage(const struct scheduler_stats *s)
{
    return s->n_pages ? (double)s->n_pages_used / s->n_pages : 0.0;
}
static double pages_held(const struct scheduler_stats *s)
{
    return s->n_pages_used - s->n_pages_cached;
}
static double asked(const struct scheduler_stats *s)
{
    return (double)(s->n_prompt + s->n_cached);
}
static double hits(const struct scheduler_stats *s)
{
    return (double)s->n_cached;
}
static double prompts(const struct scheduler_stats *s)
{
    return (double)s->n_prompt;
}
static double written(const struct scheduler_stats *s)
{
    return (double)s->n_written;
}
static double drafted(const struct scheduler_stats *s)
{
    return (double)s->n_drafted;
}
static double accepted(const struct scheduler_stats *s)
{
    return (double)s->n_accepted;
}
static double preempted(const struct scheduler_stats *s)
{
    return (double)s->n_preempted;
}

/* What each engine says of itself. */
static const struct {
    const char *name, *type, *help;
    double (*value)(const struct scheduler_stats *stats);
} gauges[] = {
    {"num_requests_running", "gauge", "Answers that are worked on.", running},
    {"num_requests_waiting", "gauge", "Requests that wait.", waiting},
    {"kv_cache_usage_perc", "gauge", "Share of the pages of keys and values in use.", usage},
    {"kv_pages_held", "gauge", "Pages that only running answers hold.", pages_held},
    {"prefix_cache_queries_total", "counter", "Tokens of prompts.", asked},
    {"prefix_cache_hits_total", "counter", "Of these, tokens that were not computed again.", hits},
    {"prompt_tokens_total", "counter", "Tokens of prompts that were computed.", prompts},
    {"generation_tokens_total", "counter", "Tokens of answers.", written},
    {"spec_decode_num_draft_tokens_total", "counter", "Tokens that were guessed.", drafted},
    {"spec_decode_num_accepted_tokens_total", "counter", "Guesses that were right.", accepted},
    {"num_preemptions_total", "counter", "Answers that gave their pages back.", preempted},
};

static void write_engines(struct json_out *o, const struct api *api, const char *prefix)
{
    for (size_t g = 0; g < sizeof gauges / sizeof *gauges; g++) {
        head(o, prefix, gauges[g].name, gauges[g].type, gauges[g].help);
        for (size_t i = 0; i < api->options.n_models; i++) {
            struct scheduler_stats stats = engine_stats(api->options.models[i].engine);
            json_out_format(o, "%s%s{model=", prefix, gauges[g].name);
            json_out_text(o, api->options.models[i].name);
            json_out_format(o, "} %.17g\n", gauges[g].value(&stats));
        }
    }
}

static void write_server(struct json_out *o, const struct api *api, const char *prefix)
{
    struct http_counts c = http_server_counts(api->server);
    one(o, prefix, "http_connections_open", "gauge", "Connections.", (double)c.n_open);
    one(o, prefix, "http_requests_running", "gauge", "Requests.", (double)c.n_running);
    one(o, prefix, "http_connections_refused_total", "counter", "Connections over a limit.",
        (double)c.n_refused);
    one(o, prefix, "http_request_cancelled_total", "counter",
        "Clients that left before their response was complete.", (double)c.n_gone);
    one(o, prefix, "http_slow_total", "counter", "Connections that were ended for being slow.",
        (double)c.n_slow);
    one(o, prefix, "http_malformed_total", "counter", "Requests that were no HTTP.",
        (double)c.n_malformed);
}

static void write_counted(struct json_out *o, struct metrics *m, const char *prefix)
{
    static const struct {
        const char *name, *help;
    } events[N_METRIC_EVENTS] = {
        {"unknown_request_fields_total", "Fields of requests that nobody knows."},
        {"tool_parse_failures_total", "Answers that looked like a tool call and were none."},
        {"answers_cancelled_total", "Answers whose clients left."},
    };
    monitor_enter(m->monitor);
    head(o, prefix, "http_requests_total", "counter", "Requests by route and status.");
    for (size_t i = 0; i < m->n_kinds; i++)
        json_out_format(o, "%shttp_requests_total{path=\"%s\",status=\"%d\"} %llu\n", prefix,
                        m->kinds[i].route, m->kinds[i].status, (unsigned long long)m->kinds[i].n);
    head(o, prefix, "request_success_total", "counter", "Answers by why they ended.");
    for (size_t i = FINISH_STOP; i < N_FINISHES; i++)
        json_out_format(o, "%srequest_success_total{finished_reason=\"%s\"} %llu\n", prefix,
                        finish_names[i], (unsigned long long)m->finishes[i]);
    for (size_t i = 0; i < N_METRIC_EVENTS; i++)
        one(o, prefix, events[i].name, "counter", events[i].help, (double)m->events[i]);
    for (size_t i = 0; i < N_HISTOGRAMS; i++)
        write_histogram(o, prefix, i, &m->histograms[i]);
    monitor_leave(m->monitor);
}

bool metrics_write(const struct api *api, const char *prefix, struct buf *out, struct err *err)
{
    struct json_out o = {.buf = out};
    write_engines(&o, api, prefix);
    write_server(&o, api, prefix);
    write_counted(&o, api->metrics, prefix);
    return json_out_done(&o, err);
}

void metrics_answer(struct call *call)
{
    struct err err = {0};
    struct buf out;
    const char *names = http_query(call->x, "names");
    buf_init(&out, LIMIT_TEXT_BYTES);
    if (metrics_write(call->api, names && strcmp(names, "vllm") == 0 ? "vllm:" : "bise_", &out,
                      &err))
        http_reply(call->x, 200, "text/plain; version=0.0.4", out.data, out.len);
    else
        call_fail_err(call, &err);
    buf_free(&out);
}
