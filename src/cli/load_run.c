/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/load_int.h"

enum { FAILURES = 20 }; /* in a row, and one for each that runs, end a load */

#define LOOK_EVERY_S 0.2

static double own_seconds(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

/* --- beginning requests --------------------------------------------------------------------- */

static bool take_bytes(void *arg, const void *bytes, size_t n, struct err *err)
{
    struct load_slot *slot = arg;
    return load_answer_take(&slot->answer, &slot->call, bytes, n, err);
}

static struct load_slot *new_slot(struct load *load, struct err *err)
{
    const struct load_options *o = load->options;
    const struct load_answer_options how = {.keep_text = o->check_text};
    struct load_slot *slot = mem_new(1, sizeof *slot, err);
    if (!slot)
        return NULL;
    *slot = (struct load_slot){.load = load};
    slot->call = (struct http_call){
        .url = load->url.data, .token = o->key, .write = take_bytes, .arg = slot};
    load_answer_init(&slot->answer, &how);
    buf_init(&slot->body, LIMIT_REQUEST_BYTES);
    load->slots[load->n_slots++] = slot;
    return slot;
}

/* Returns a place that is free; there must be one. */
static struct load_slot *take_slot(struct load *load, struct err *err)
{
    struct load_slot *slot = load->free_slots;
    if (!slot)
        return new_slot(load, err);
    load->free_slots = slot->next;
    return slot;
}

static void give_back(struct load *load, struct load_slot *slot)
{
    load->n_running--;
    slot->runs = false;
    slot->next = load->free_slots;
    load->free_slots = slot;
}

static bool begin_request(struct load *load, double due, struct err *err)
{
    struct load_slot *slot = take_slot(load, err);
    if (!slot)
        return false;
    load->n_running++;
    slot->runs = true;
    slot->index = load->options->check_text ? load->n_asked % LOAD_TEXTS : load->n_asked;
    buf_clear(&slot->body);
    bool ok = load->file.n_lines
                  ? load_body_line(&load->body, &load->file, slot->index, &slot->body, err)
                  : load_body_words(&load->body, &load->words, slot->index, &slot->body, err);
    slot->answer.options.stream = load->body.stream;
    slot->answer.options.check = load->options->check && load->care == LOAD_CHECK;
    slot->call.body = (struct span){slot->body.data, slot->body.len};
    load_answer_begin(&slot->answer, due, &load->row->gap);
    if (!ok || !http_call_begin(load->caller, &slot->call, err)) {
        give_back(load, slot);
        return false;
    }
    load->n_asked++;
    load->row->n_begun++;
    return true;
}

/* Says whether no request will begin any more. */
static bool is_over(const struct load *load, double now)
{
    const struct load_shape *s = load->shape;
    double at = s->rate > 0 ? load->due : now;
    return (s->n_requests && load->row->n_begun >= s->n_requests) ||
           (s->seconds > 0 && at >= load->begun + s->seconds);
}

/* Draws the time to the next request: exponential, so that arrivals are a Poisson process. */
static double draw_pause(const struct load *load)
{
    uint64_t random = load_random(load->options->seed ^ 0xa3, load->row->n_begun);
    return -log(((double)(random >> 11) + 0.5) * 0x1p-53) / load->shape->rate;
}

static bool begin_due(struct load *load, struct err *err)
{
    double now = clock_now();
    const struct load_shape *s = load->shape;
    while (load->n_running < s->concurrency && !is_over(load, now)) {
        if (s->rate > 0 && load->due > now)
            return true;
        if (!begin_request(load, s->rate > 0 ? load->due : now, err))
            return false;
        if (s->rate > 0)
            load->due += draw_pause(load);
    }
    return true;
}

/* --- ending them ---------------------------------------------------------------------------- */

/* Compares a text with what is right, or takes it for that. */
static enum load_kind mind_text(struct load *load, struct load_slot *slot, struct err *why)
{
    struct buf *want = &load->wants[slot->index % LOAD_TEXTS];
    struct buf empty;
    if (load->care == LOAD_CHECK)
        return load_answer_compare(&slot->answer,
                                   (struct span){want->data ? want->data : "", want->len}, why);
    buf_init(&empty, LIMIT_ANSWER_BYTES);
    buf_free(want);
    *want = slot->answer.text;
    slot->answer.text = empty;
    return LOAD_OK;
}

static void learn_tokens(struct load *load, const struct load_answer *answer)
{
    if (answer->usage.known && !load->file.n_lines)
        load_fit_add(&load->fit, load->words.shared + load->words.own, answer->usage.prompt);
}

/* Errors: ERR_IO where it makes no sense to go on. */
static bool finish(struct load *load, struct load_slot *slot, struct err *err)
{
    struct err why = {0};
    enum load_kind kind = load_answer_end(&slot->answer, &slot->call, &why);
    if (kind == LOAD_OK && load->options->check_text && load->care != LOAD_NO_CARE)
        kind = mind_text(load, slot, &why);
    if (kind == LOAD_OK)
        learn_tokens(load, &slot->answer);
    load_row_add(load->row, &slot->answer, kind, slot->call.status, &why);
    give_back(load, slot);
    bool refused = kind == LOAD_STATUS || kind == LOAD_NO_CONNECTION;
    load->n_failed = refused ? load->n_failed + 1 : 0;
    if (kind != LOAD_OK)
        load->last = why;
    return load->n_failed < FAILURES + load->shape->concurrency ||
           err_set(err, ERR_IO, "%u requests in a row failed, the last one with: %s",
                   load->n_failed, why.text);
}

static bool reap(struct load *load, struct err *err)
{
    struct http_call *call;
    while ((call = http_caller_done(load->caller)))
        if (!finish(load, call->arg, err))
            return false;
    return true;
}

/* Ends what still runs. */
static void drop_running(struct load *load)
{
    for (uint32_t i = 0; i < load->n_slots; i++) {
        struct load_slot *slot = load->slots[i];
        if (!slot->runs)
            continue;
        http_call_free(load->caller, &slot->call);
        load->row->n_left++;
        give_back(load, slot);
    }
}

/* --- a load --------------------------------------------------------------------------------- */

static void show(const struct load *load, double now)
{
    const struct load_row *row = load->row;
    char all[32] = "";
    if (load->shape->n_requests)
        snprintf(all, sizeof all, " of %llu", (unsigned long long)load->shape->n_requests);
    console_progress("%u run, %llu%s done, %llu failed, %.0f s", load->n_running,
                     (unsigned long long)row->n_done, all, (unsigned long long)row->n_failed,
                     now - load->begun);
}

static bool work(struct load *load, struct err *err)
{
    double shown_at = load->begun;
    for (;;) {
        if (!begin_due(load, err))
            return false;
        double now = clock_now(), until = now + LOOK_EVERY_S;
        if (!load->n_running && is_over(load, now))
            return true;
        bool waits = load->shape->rate > 0 && load->n_running < load->shape->concurrency;
        if (waits && !is_over(load, now) && load->due < until)
            until = load->due;
        if (!http_caller_wait(load->caller, until, err) || !reap(load, err))
            return false;
        if (interrupt_came())
            return err_set(err, ERR_CANCELLED, "interrupted");
        if (now - shown_at >= LOOK_EVERY_S) {
            show(load, now);
            shown_at = now;
        }
    }
}

static bool run(struct load *load, const struct load_shape *shape, struct load_row *row,
                struct err *err)
{
    *row = (struct load_row){.concurrency = shape->concurrency, .rate = shape->rate};
    load->shape = shape;
    load->row = row;
    load->n_failed = 0;
    load->begun = clock_now();
    load->due = load->begun;
    double cpu_s = own_seconds();
    if (shape->rate > 0)
        load->due += draw_pause(load);
    bool ok = work(load, err);
    console_progress_end();
    row->seconds = clock_now() - load->begun;
    row->cpu_s = own_seconds() - cpu_s;
    drop_running(load);
    return ok;
}

/* Says why no request succeeded. */
static bool failed(const struct load *load, const struct load_row *row, struct err *err)
{
    return err_set(err, ERR_IO, "%s: %s: %s%s", load->options->url,
                   row->errors.n ? row->errors.items[0].name : "nothing asked", load->last.text,
                   row->kinds[LOAD_NO_CONNECTION] ? "; is a server there? see --url" : "");
}

bool load_one(struct load *load, struct load_row *row, struct err *err)
{
    const struct load_shape one = {.concurrency = 1, .n_requests = 1};
    return run(load, &one, row, err) && (row->n_done || failed(load, row, err));
}

/* Asks for each text once, without a stream: what is right. */
static bool learn_texts(struct load *load, const struct load_shape *before, struct load_row *row,
                        struct err *err)
{
    struct load_shape shape = *before;
    shape.n_requests = LOAD_TEXTS;
    load->care = LOAD_LEARN;
    load->body.stream = false;
    load->n_asked = 0;
    bool ok = run(load, &shape, row, err);
    load->care = LOAD_NO_CARE;
    load->body.stream = load->options->stream;
    return ok && (row->n_done == LOAD_TEXTS || failed(load, row, err));
}

/* What comes before a load and is not measured. */
static bool prepare(struct load *load, const struct load_shape *shape, struct load_row *row,
                    struct err *err)
{
    const struct load_options *o = load->options;
    struct load_shape before = *shape;
    before.rate = before.seconds = 0;
    before.n_requests = o->n_warmup;
    load->words = load_words_for(&load->fit, o->n_prompt, o->n_shared, o->seed);
    if (o->n_warmup && !run(load, &before, row, err))
        return false;
    if (o->n_warmup && !row->n_done)
        return failed(load, row, err);
    /* With what those have told. */
    load->words = load_words_for(&load->fit, o->n_prompt, o->n_shared, o->seed);
    return !o->check_text || learn_texts(load, &before, row, err);
}

bool load_run(struct load *load, const struct load_shape *shape, struct load_row *row,
              struct err *err)
{
    bool ok = prepare(load, shape, row, err);
    if (!ok) {
        *row = (struct load_row){.concurrency = shape->concurrency, .rate = shape->rate};
        return false;
    }
    load->care = LOAD_CHECK;
    ok = run(load, shape, row, err);
    load->care = LOAD_NO_CARE;
    return ok;
}
