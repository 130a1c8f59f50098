/* SPDX-License-Identifier: Apache-2.0 */
#include "api/answer.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/call_id.h"

bool answer_init(struct answer *answer, const struct answer_options *options, uint64_t seed,
                 struct err *err)
{
    *answer = (struct answer){.options = *options, .id_seed = seed};
    answer->last = &answer->calls;
    buf_init(&answer->piece, LIMIT_TEXT_BYTES);
    buf_init(&answer->certain, LIMIT_TEXT_BYTES);
    buf_init(&answer->text, LIMIT_TEXT_BYTES);
    buf_init(&answer->thinking, LIMIT_TEXT_BYTES);
    text_decoder_init(&answer->decoder, options->tok);
    if (!stop_filter_init(&answer->stop, options->stop, options->n_stop, err))
        return false;
    if (!options->format)
        return true;
    const struct reply_options reply = {.think_tags = options->think_tags};
    answer->reply = reply_open(options->format, &reply, err);
    return answer->reply != NULL;
}

void answer_free(struct answer *answer)
{
    reply_close(answer->reply);
    for (struct answer_call *call = answer->calls, *next; call; call = next) {
        next = call->next;
        buf_free(&call->name);
        buf_free(&call->arguments);
        free(call);
    }
    buf_free(&answer->piece);
    buf_free(&answer->certain);
    buf_free(&answer->text);
    buf_free(&answer->thinking);
    *answer = (struct answer){0};
}

static void tell(struct answer *a, enum answer_event_kind kind, struct span text)
{
    const struct answer_call *call = NULL;
    if (kind >= ANSWER_CALL) /* the last one */
        for (call = a->calls; call->next; call = call->next) {
        }
    const struct answer_event event = {
        .kind = kind, .text = text, .call = call, .index = a->n_calls ? a->n_calls - 1 : 0};
    if (a->options.listen)
        a->options.listen(a->options.arg, a, &event);
}

/* Keeps and tells text that is certain, which is then forgotten. */
static void flush_text(struct answer *a)
{
    struct span text = {a->certain.data, a->certain.len};
    if (text.n && buf_add(&a->text, text.s, text.n, &a->err))
        tell(a, ANSWER_TEXT, text);
    buf_clear(&a->certain);
}

static void add_text(struct answer *a, struct span text)
{
    bool may_stop = a->n_tokens >= a->options.min_tokens;
    if (!(may_stop ? stop_filter_add(&a->stop, text.s, text.n, &a->certain, &a->err)
                   : buf_add(&a->certain, text.s, text.n, &a->err)))
        return;
    flush_text(a);
    if (!a->stop.found || a->stopped)
        return;
    a->stopped = true;
    struct span stop = answer_stop(a);
    if (a->options.include_stop && buf_add(&a->certain, stop.s, stop.n, &a->err))
        flush_text(a);
}

/* Text that might have been the beginning of a stop string was none: something else follows. */
static void release_text(struct answer *a)
{
    if (stop_filter_end(&a->stop, &a->certain, &a->err))
        flush_text(a);
}

static void add_thinking(struct answer *a, struct span text)
{
    a->has_thinking = true;
    if (a->options.drops_thinking)
        return;
    if (buf_add(&a->thinking, text.s, text.n, &a->err))
        tell(a, ANSWER_THINKING, text);
}

static void add_call(struct answer *a, const struct reply_event *event)
{
    release_text(a);
    struct answer_call *call = mem_new(1, sizeof *call, &a->err);
    if (!call)
        return;
    buf_init(&call->name, LIMIT_TEXT_BYTES);
    buf_init(&call->arguments, LIMIT_TEXT_BYTES);
    *a->last = call;
    a->last = &call->next;
    /* Clients want the id with the beginning of the call; older formats tell theirs at its end. */
    call_id_write(a->id_seed + a->n_calls++, call->id);
    if (buf_add(&call->name, event->name.s, event->name.n, &a->err))
        tell(a, ANSWER_CALL, (struct span){0});
}

static void take_event(struct answer *a, const struct reply_event *event)
{
    switch (event->kind) {
    case REPLY_TEXT:
        add_text(a, event->text);
        break;
    case REPLY_THINKING_BEGIN:
        release_text(a);
        a->thinks = true;
        break;
    case REPLY_THINKING:
        add_thinking(a, event->text);
        break;
    case REPLY_THINKING_END:
        a->thinks = false;
        if (!a->options.drops_thinking)
            tell(a, ANSWER_THOUGHT, (struct span){0});
        break;
    case REPLY_CALL:
        add_call(a, event);
        break;
    case REPLY_ARGUMENTS:
        for (struct answer_call *call = a->calls; call; call = call->next)
            if (!call->next && buf_add(&call->arguments, event->text.s, event->text.n, &a->err))
                tell(a, ANSWER_ARGUMENTS, event->text);
        break;
    case REPLY_CALL_END:
        tell(a, ANSWER_CALL_END, (struct span){0});
        break;
    case REPLY_ERROR:
        a->parse_failed = true;
        break;
    case REPLY_SYNTAX:
    case REPLY_END:
        break;
    }
}

static void take_events(struct answer *a)
{
    for (struct reply_event event; !a->err.code && reply_next(a->reply, &event);)
        take_event(a, &event);
}

bool answer_add(struct answer *answer, int32_t id)
{
    answer->n_tokens++;
    if (answer->reply) {
        answer->n_thinking += answer->thinks;
        if (reply_add(answer->reply, id, &answer->err))
            take_events(answer);
    } else {
        buf_clear(&answer->piece);
        if (text_decoder_add(&answer->decoder, id, &answer->piece, &answer->err))
            add_text(answer, (struct span){answer->piece.data, answer->piece.len});
    }
    return !answer->err.code && !answer->stopped;
}

void answer_end(struct answer *answer, bool ended)
{
    if (answer->reply) {
        if (!answer->stopped && reply_end(answer->reply, ended, &answer->err))
            take_events(answer);
    } else {
        buf_clear(&answer->piece);
        if (!answer->stopped && text_decoder_end(&answer->decoder, &answer->piece, &answer->err))
            add_text(answer, (struct span){answer->piece.data, answer->piece.len});
    }
    if (!answer->stopped)
        release_text(answer);
}

void answer_begin(struct answer *answer, struct span text)
{
    if (text.n && buf_add(&answer->certain, text.s, text.n, &answer->err))
        flush_text(answer);
}

struct span answer_stop(const struct answer *answer)
{
    const struct stop_filter *stop = &answer->stop;
    for (size_t i = 0; stop->found && i < stop->n_strings; i++)
        if (stop->strings[i].n_matched == stop->strings[i].n)
            return (struct span){stop->strings[i].bytes, stop->strings[i].n};
    return (struct span){0};
}
