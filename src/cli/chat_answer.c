/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/chat_answer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cli/console.h"
#include "cli/drawn_id.h"
#include "cli/interrupt.h"
#include "engine/stop_filter.h"
#include "model/model.h"
#include "text/reply.h"
#include "text/tokenizer.h"

/* An answer under way. */
struct stream {
    struct chat_answer *a;
    const struct run *run;
    struct generator *gen;
    struct reply *reply;
    struct stop_filter stop;
    struct buf text; /* of one event, without stop strings */
    struct buf line; /* of the call under way */
    char last;       /* character that was printed of the answer, and of thoughts */
    char last_thought;
};

static bool print(struct stream *st, const char *text, size_t n, struct err *err)
{
    if (st->run->json || !n)
        return true;
    st->last = text[n - 1];
    return console_text(text, n, err);
}

static bool print_thought(struct stream *st, struct span text, struct err *err)
{
    if (st->run->json || st->run->hide_thinking || !text.n)
        return true;
    st->last_thought = text.s[text.n - 1];
    return console_aside(text.s, text.n, err);
}

/* What follows a thought begins on a line of its own. */
static bool end_thought(struct stream *st, struct err *err)
{
    bool is_open = st->last_thought && st->last_thought != '\n';
    st->last_thought = 0;
    return !is_open || console_aside("\n", 1, err);
}

static bool new_line(struct stream *st, struct err *err)
{
    return end_thought(st, err) && (!st->last || st->last == '\n' || print(st, "\n", 1, err));
}

/* Adds an event to the message, and to the text that stands for it. */
static bool keep(struct stream *st, const struct reply_event *e, struct err *err)
{
    struct span flat = e->kind == REPLY_TEXT ? e->text : e->raw;
    bool is_text = e->kind == REPLY_TEXT || e->kind == REPLY_THINKING_BEGIN ||
                   e->kind == REPLY_THINKING || e->kind == REPLY_THINKING_END;
    return buf_add(is_text ? &st->a->flat : &st->a->calls, flat.s, flat.n, err) &&
           reply_message_add(&st->a->said, e, err);
}

/* Prints and keeps text that is certain to hold no stop string. */
static bool take_text(struct stream *st, struct err *err)
{
    const struct reply_event event = {.kind = REPLY_TEXT, .text = {st->text.data, st->text.len}};
    bool ok =
        !st->text.len || (end_thought(st, err) && print(st, event.text.s, event.text.n, err) &&
                          keep(st, &event, err));
    buf_clear(&st->text);
    return ok;
}

/* Lets go what looked like the beginning of a stop string: the text is over. */
static bool end_text(struct stream *st, struct err *err)
{
    if (st->stop.found)
        return true;
    if (!stop_filter_end(&st->stop, &st->text, err) || !take_text(st, err))
        return false;
    stop_filter_restart(&st->stop);
    return true;
}

/* A call is printed when it is complete, as one line. */
static bool end_call(struct stream *st, struct reply_event *e, struct err *err)
{
    struct drawn_id drawn;
    for (size_t i = 0; i < st->line.len; i++)
        if (st->line.data[i] == '\n')
            st->line.data[i] = ' ';
    if (!drawn_id_replace(&drawn, &e->id, err))
        return false;
    bool ok = new_line(st, err) && buf_add(&st->line, "\n", 1, err) &&
              print(st, st->line.data, st->line.len, err) && keep(st, e, err);
    buf_clear(&st->line);
    return ok;
}

static bool take_call(struct stream *st, struct reply_event *e, struct err *err)
{
    if (e->kind == REPLY_CALL_END)
        return end_call(st, e, err);
    if (e->kind == REPLY_ARGUMENTS)
        return buf_add(&st->line, e->text.s, e->text.n, err) && keep(st, e, err);
    return buf_add(&st->line, "call ", 5, err) && buf_add(&st->line, e->name.s, e->name.n, err) &&
           buf_add(&st->line, " ", 1, err) && keep(st, e, err);
}

static bool take(struct stream *st, struct reply_event *e, struct err *err)
{
    if (e->kind == REPLY_TEXT)
        return stop_filter_add(&st->stop, e->text.s, e->text.n, &st->text, err) &&
               take_text(st, err);
    if (e->kind == REPLY_ARGUMENTS || e->kind == REPLY_CALL_END)
        return take_call(st, e, err);
    if (!end_text(st, err))
        return false;
    switch (e->kind) {
    case REPLY_THINKING:
        return print_thought(st, e->text, err) && keep(st, e, err);
    case REPLY_CALL:
        return take_call(st, e, err);
    case REPLY_THINKING_END:
        return end_thought(st, err) && keep(st, e, err);
    default:
        return keep(st, e, err);
    }
}

/* Behind a stop string nothing counts but that the reply is over. */
static bool take_all(struct stream *st, struct err *err)
{
    for (struct reply_event e; reply_next(st->reply, &e);)
        if ((!st->stop.found || e.kind == REPLY_END) && !take(st, &e, err))
            return false;
    return true;
}

/* In the steps that the model takes anyway, so that Ctrl-C needs to wait for one only. */
static bool feed(struct stream *st, const int32_t *ids, size_t n_ids, struct err *err)
{
    bool *interrupted = &st->a->end.interrupted;
    for (size_t i = 0, n; i < n_ids && !*interrupted; i += n) {
        n = n_ids - i < MODEL_MAX_TOKENS ? n_ids - i : MODEL_MAX_TOKENS;
        if (!generator_prompt(st->gen, ids + i, n, err))
            return false;
        *interrupted = interrupt_came();
    }
    return true;
}

static bool generate(struct stream *st, struct err *err)
{
    struct run_end *end = &st->a->end;
    struct buf ignored; /* the reply decodes the text itself */
    bool ok = true;
    buf_init(&ignored, LIMIT_TEXT_BYTES);
    for (int32_t id = 0; ok && id >= 0 && !end->interrupted && !st->stop.found;) {
        buf_clear(&ignored);
        ok = generator_next(st->gen, &id, &ignored, err) &&
             (id < 0 || (reply_add(st->reply, id, err) && take_all(st, err)));
        end->interrupted = interrupt_came();
    }
    buf_free(&ignored);
    return ok;
}

/* The model's part is over; the rest of the text comes out. */
static bool finish(struct stream *st, struct err *err)
{
    struct chat_answer *a = st->a;
    a->end.why = st->stop.found ? FINISH_STOP : generator_finish(st->gen);
    a->is_whole = a->end.why == FINISH_STOP && !a->end.interrupted;
    return reply_end(st->reply, a->is_whole, err) && take_all(st, err);
}

bool chat_answer_get(struct chat_answer *a, struct chat_session *s, const struct prompt *prompt,
                     struct err *err)
{
    const struct reply_options options = {.think_tags = s->run->think_tags ||
                                                        s->format.traits->has_think_tag};
    struct stream st = {.a = a, .run = s->run, .gen = s->gen};
    struct generator_stats before = generator_stats(s->gen);
    struct err ignored = {0};
    buf_init(&a->flat, LIMIT_TEXT_BYTES);
    buf_init(&a->calls, LIMIT_TEXT_BYTES);
    buf_init(&st.text, LIMIT_TEXT_BYTES);
    buf_init(&st.line, LIMIT_TEXT_BYTES);
    size_t n_kept = generator_rewind(s->gen, prompt->ids.ids, prompt->ids.n);
    st.reply = reply_open(&s->format, &options, err);
    bool ok = st.reply && stop_filter_init(&st.stop, s->run->stop.items, s->run->stop.n, err) &&
              feed(&st, prompt->ids.ids + n_kept, prompt->ids.n - n_kept, err) &&
              generate(&st, err) && finish(&st, err);
    /* Text that came before a failure stays, on a line of its own. */
    ok &= new_line(&st, ok ? err : &ignored);
    struct generator_stats stats = generator_stats(s->gen);
    a->n_prompt = (uint32_t)prompt->ids.n;
    a->end.n_prompt = stats.n_prompt - before.n_prompt;
    a->end.n_answer = stats.n_answer - before.n_answer;
    a->end.prompt_s = stats.prompt_s - before.prompt_s;
    a->end.answer_s = stats.answer_s - before.answer_s;
    reply_close(st.reply);
    buf_free(&st.text);
    buf_free(&st.line);
    return ok;
}

bool chat_answer_print(const struct chat_answer *a, const struct run *run, struct err *err)
{
    bool calls = a->is_whole && a->said.message.n_calls;
    struct buf json;
    buf_init(&json, LIMIT_TEXT_BYTES);
    bool ok = reply_message_write(&a->said, &json, err);
    if (ok) {
        printf("{\"message\":");
        ok = console_text(json.data, json.len, err);
        printf(",\"finish_reason\":\"%s\"", calls ? "tool_calls" : run_end_name(&a->end));
        run_print_usage(run, a->n_prompt, a->end.n_answer);
        ok = ok && console_flush(err);
    }
    buf_free(&json);
    return ok;
}

/* Makes a->said.message what the conversation goes on with; false when nothing is left. */
static bool keep_answer(struct chat_answer *a, const struct prompt_format *format)
{
    struct chat_message *m = &a->said.message;
    m->prefix = false;
    a->said.error = (struct span){0};
    if (!a->is_whole) /* the last of them may be half a call */
        m->n_calls = 0;
    bool has_thoughts = false;
    for (size_t i = 0; i < m->n_parts; i++)
        has_thoughts |= m->parts[i].kind == PART_THINKING;
    if (has_thoughts && format->version < 13) {
        a->part = (struct chat_part){.text = {a->flat.data, a->flat.len}};
        m->parts = &a->part;
        m->n_parts = 1;
        m->is_list = false;
    }
    if (m->n_calls && format->version < 7) /* these say either */
        m->n_parts = 0;
    return m->n_parts || m->n_calls;
}

/* Makes the calls of that message text. */
static bool unmake_calls(struct chat_answer *a, struct err *err)
{
    struct chat_message *m = &a->said.message;
    a->parts = mem_new(m->n_parts + 1, sizeof *a->parts, err);
    if (!a->parts)
        return false;
    for (size_t i = 0; i < m->n_parts; i++)
        a->parts[i] = m->parts[i];
    a->parts[m->n_parts++].text = (struct span){a->calls.len ? a->calls.data : "", a->calls.len};
    m->parts = a->parts;
    m->is_list = true;
    m->n_calls = 0;
    return true;
}

static bool log_message(const struct chat_answer *a, struct chat_session *s, struct err *err)
{
    struct buf json;
    buf_init(&json, LIMIT_REQUEST_BYTES);
    bool ok = reply_message_write(&a->said, &json, err) &&
              chat_log_add(&s->log, CHAT_ASSISTANT, &json, err);
    buf_free(&json);
    return ok;
}

bool chat_answer_log(struct chat_answer *a, struct chat_session *s, bool *said, struct err *err)
{
    *said = keep_answer(a, &s->format);
    if (!*said)
        return true;
    if (!log_message(a, s, err))
        return false;
    if (!a->said.message.n_calls || chat_session_check(s, &s->log, &a->unsayable))
        return true;
    /* A model can call what no prompt can say: a function of any name. */
    chat_log_cut(&s->log, s->log.n - 1);
    return unmake_calls(a, err) && log_message(a, s, err);
}

void chat_answer_free(struct chat_answer *a)
{
    reply_message_free(&a->said);
    buf_free(&a->flat);
    buf_free(&a->calls);
    free(a->parts);
    *a = (struct chat_answer){0};
}
