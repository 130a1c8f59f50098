/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/generate_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "net/http_call.h"

enum { CONNECT_S = 60, MAX_ADDRESS = 400 };

#define LOOK_EVERY_S 0.1
#define LINE_EVERY_S 10.0 /* where no bar can be drawn */

struct place {
    struct http_call call;
    char url[MAX_ADDRESS];
    struct buf body, path, answer;
    size_t index;       /* of the request */
    struct place *next; /* that is free */
};

struct run {
    struct http_caller *caller;
    struct generate_input *in;
    struct generate_output *out;
    struct generate_counts *counts;
    const char *model;
    struct place *places; /* [n_places] */
    struct place *free_places;
    uint32_t n_places, n_running;
    size_t next; /* request */
    double begun, shown_at;
    bool is_terminal;
};

/* --- one request ---------------------------------------------------------------------------- */

static bool take_bytes(void *arg, const void *bytes, size_t n, struct err *err)
{
    return buf_add(arg, bytes, n, err);
}

static bool begin(struct run *run, size_t index, struct err *err)
{
    struct place *p = run->free_places;
    buf_clear(&p->body);
    buf_clear(&p->path);
    buf_clear(&p->answer);
    p->index = index;
    if (!generate_input_write(run->in, index, run->model, &p->body, &p->path, err))
        return false;
    snprintf(p->url, sizeof p->url, "http://localhost%s", p->path.data);
    p->call.url = p->url;
    p->call.body = (struct span){p->body.data, p->body.len};
    p->call.write = take_bytes;
    p->call.arg = &p->answer;
    if (!http_call_begin(run->caller, &p->call, err))
        return false;
    run->free_places = p->next;
    run->n_running++;
    return true;
}

/* Begins a request, or notes why it is none. */
static bool begin_or_note(struct run *run, size_t index, struct err *err)
{
    struct err why = {0};
    if (begin(run, index, &why))
        return true;
    if (why.code != ERR_ARG) {
        *err = why;
        return false;
    }
    run->counts->n_failed++;
    return generate_output_add(run->out, run->in->ids[index], 400, (struct span){0}, why.text, err);
}

static uint64_t count_in(const struct json_node *usage, const char *name)
{
    const struct json_node *node = usage ? json_member(usage, name) : NULL;
    int64_t n = 0;
    return node && json_node_int(node, 0, INT32_MAX, &n) ? (uint64_t)n : 0;
}

/* Adds the tokens of an answer.  Returns whether it is JSON. */
static bool count_tokens(struct generate_counts *counts, struct span answer)
{
    struct json_tree tree;
    struct err err = {0};
    bool ok = json_tree_parse(&tree, "answer", answer.s, answer.n, &err);
    const struct json_node *usage = ok ? json_member(tree.root, "usage") : NULL;
    counts->n_prompt += count_in(usage, "prompt_tokens");
    counts->n_output += count_in(usage, "completion_tokens");
    counts->n_cached +=
        count_in(usage ? json_member(usage, "prompt_tokens_details") : NULL, "cached_tokens");
    json_tree_free(&tree);
    return ok;
}

/* Writes the message of an error, or what says as much. */
static void describe(char *text, size_t size, long status, struct span answer)
{
    struct json_tree tree;
    struct err err = {0};
    bool ok = json_tree_parse(&tree, "answer", answer.s, answer.n, &err);
    const struct json_node *message = ok ? json_member(tree.root, "message") : NULL;
    if (message && message->kind == NODE_STRING)
        snprintf(text, size, "%.*s", (int)message->text.n, message->text.s);
    else
        snprintf(text, size, "status %ld", status);
    json_tree_free(&tree);
}

/* Each call lies in its place. */
static struct place *place_of(struct run *run, const struct http_call *call)
{
    size_t offset = (size_t)((const char *)call - (const char *)run->places);
    return &run->places[offset / sizeof *run->places];
}

static bool finish(struct run *run, struct place *p, struct err *err)
{
    char why[400];
    struct span answer = {p->answer.data ? p->answer.data : "", p->answer.len};
    struct span id = run->in->ids[p->index];
    p->next = run->free_places;
    run->free_places = p;
    run->n_running--;
    if (p->call.end != HTTP_WHOLE)
        return err_set(err, ERR_IO, "line %zu: %s", p->index + 1, p->call.err.text);
    if (p->call.status == 200 && count_tokens(run->counts, answer)) {
        run->counts->n_done++;
        return generate_output_add(run->out, id, 200, answer, NULL, err);
    }
    describe(why, sizeof why, p->call.status, answer);
    run->counts->n_failed++;
    return generate_output_add(run->out, id, p->call.status, answer, why, err);
}

/* --- all ------------------------------------------------------------------------------------ */

static void show(struct run *run, double now)
{
    const struct generate_counts *c = run->counts;
    char rest[40] = "";
    uint64_t n_now = c->n_done + c->n_failed, n = n_now + c->n_found, all = run->in->file.n_lines;
    double passed = now - run->begun, speed = units_rate((double)c->n_output, passed);
    if (now - run->shown_at < (run->is_terminal ? LOOK_EVERY_S : LINE_EVERY_S))
        return;
    run->shown_at = now;
    if (n_now) {
        double left = passed / (double)n_now * (double)(all - n);
        if (left < 100)
            snprintf(rest, sizeof rest, ", %.0f s left", left);
        else
            snprintf(rest, sizeof rest, ", %.0f min left", left / 60);
    }
    if (run->is_terminal)
        console_bar(run->out->path, (double)n / (double)all,
                    "%" PRIu64 " of %" PRIu64 ", %.1f tokens/s%s", n, all, speed, rest);
    else
        console_note("%s: %" PRIu64 " of %" PRIu64 ", %.1f tokens/s%s", run->out->path, n, all,
                     speed, rest);
}

static bool begin_all(struct run *run, struct err *err)
{
    while (run->free_places && run->next < run->in->file.n_lines) {
        size_t index = run->next++;
        if (run->in->done[index])
            run->counts->n_found++;
        else if (!begin_or_note(run, index, err))
            return false;
    }
    return true;
}

static bool work(struct run *run, struct err *err)
{
    while (begin_all(run, err)) {
        struct http_call *call;
        double now = clock_now();
        if (!run->n_running)
            return true;
        if (!http_caller_wait(run->caller, now + LOOK_EVERY_S, err))
            return false;
        while ((call = http_caller_done(run->caller)))
            if (!finish(run, place_of(run, call), err))
                return false;
        if (interrupt_came())
            return err_set(err, ERR_CANCELLED, "interrupted");
        show(run, now);
    }
    return false;
}

static bool open_places(struct run *run, uint32_t n, struct err *err)
{
    run->places = mem_new(n, sizeof *run->places, err);
    if (!run->places)
        return false;
    run->n_places = n;
    for (uint32_t i = 0; i < n; i++) {
        struct place *p = &run->places[i];
        buf_init(&p->body, LIMIT_REQUEST_BYTES);
        buf_init(&p->path, MAX_ADDRESS);
        buf_init(&p->answer, LIMIT_ANSWER_BYTES);
        p->next = run->free_places;
        run->free_places = p;
    }
    return true;
}

static void close_places(struct run *run)
{
    for (uint32_t i = 0; i < run->n_places; i++) {
        struct place *p = &run->places[i];
        http_call_free(run->caller, &p->call);
        buf_free(&p->body);
        buf_free(&p->path);
        buf_free(&p->answer);
    }
    free(run->places);
}

bool generate_run(const char *socket, const char *model, uint32_t n_most, struct generate_input *in,
                  struct generate_output *out, struct generate_counts *counts, struct err *err)
{
    const struct http_caller_options how = {
        .agent = "bise", .unix_path = socket, .connect_s = CONNECT_S, .n_most = n_most};
    struct run run = {.in = in,
                      .out = out,
                      .counts = counts,
                      .model = model,
                      .begun = clock_now(),
                      .is_terminal = isatty(STDERR_FILENO) == 1};
    *counts = (struct generate_counts){0};
    run.shown_at = run.begun;
    run.caller = http_caller_open(&how, err);
    bool ok = run.caller && open_places(&run, n_most, err) && work(&run, err);
    console_progress_end();
    counts->seconds = clock_now() - run.begun;
    close_places(&run);
    http_caller_close(run.caller);
    return ok;
}
