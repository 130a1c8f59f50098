/* SPDX-License-Identifier: Apache-2.0 */
/* reply_check.h - what is true of the events of any output, for tests and for fuzzing. */
#ifndef REPLY_CHECK_H
#define REPLY_CHECK_H

#include <string.h>

#include "base/limits.h"
#include "data/json_tree.h"
#include "data/utf8.h"
#include "text/prompt_format.h"
#include "text/reply.h"
#include "text/reply_message.h"
#include "text/tokenizer.h"

struct reply_check {
    struct buf raw, decoded, arguments;
    struct text_decoder decoder;
    struct reply_message message;
    bool thinking, in_call, faulty, ended;
    uint32_t n_calls;
    const char *wrong; /* the first thing that is not true */
};

static inline void reply_check_that(struct reply_check *c, bool is_true, const char *what)
{
    if (!is_true && !c->wrong)
        c->wrong = what;
}

static inline bool reply_check_span(struct span s)
{
    return !s.s || utf8_valid(s.s, s.n);
}

static inline bool reply_check_is_object(const struct buf *json)
{
    struct json_tree tree = {0};
    struct err err = {0};
    bool ok = json->len && json_tree_parse(&tree, "arguments", json->data, json->len, &err) &&
              tree.root->kind == NODE_OBJECT;
    json_tree_free(&tree);
    return ok;
}

static inline void reply_check_call(struct reply_check *c, const struct reply_event *e)
{
    struct err err = {0};
    if (e->kind == REPLY_CALL) {
        reply_check_that(c, !c->in_call && !c->thinking, "a call begins inside something");
        reply_check_that(c, e->index == c->n_calls && e->name.n, "a call without number or name");
        c->n_calls++;
        c->in_call = true;
        c->faulty = false;
        buf_clear(&c->arguments);
    }
    reply_check_that(c, c->in_call && e->index == c->n_calls - 1, "no such call is open");
    if (e->kind == REPLY_ARGUMENTS)
        reply_check_that(c, e->text.n && buf_add(&c->arguments, e->text.s, e->text.n, &err),
                         "arguments without text");
    if (e->kind == REPLY_CALL_END) {
        reply_check_that(c, c->faulty || reply_check_is_object(&c->arguments),
                         "a call without an object, and no error");
        c->in_call = false;
    }
}

static inline void reply_check_event(struct reply_check *c, const struct reply_event *e)
{
    struct err err = {0};
    reply_check_that(c, !c->ended, "an event behind the end");
    reply_check_that(c, buf_add(&c->raw, e->raw.s, e->raw.n, &err), err.text);
    reply_check_that(c,
                     reply_check_span(e->raw) && reply_check_span(e->text) &&
                         reply_check_span(e->name) && reply_check_span(e->id),
                     "part of a character");
    reply_check_that(c, reply_message_add(&c->message, e, &err), "no message");
    switch (e->kind) {
    case REPLY_TEXT:
        reply_check_that(c, e->text.n && !c->thinking && !c->in_call, "text inside something");
        break;
    case REPLY_THINKING:
        reply_check_that(c, e->text.n && c->thinking, "a thought outside of thinking");
        break;
    case REPLY_THINKING_BEGIN:
        reply_check_that(c, !c->thinking && !c->in_call, "thinking begins inside something");
        c->thinking = true;
        break;
    case REPLY_THINKING_END:
        reply_check_that(c, c->thinking, "thinking ends that did not begin");
        c->thinking = false;
        break;
    case REPLY_CALL:
    case REPLY_ARGUMENTS:
    case REPLY_CALL_END:
        reply_check_call(c, e);
        break;
    case REPLY_SYNTAX:
        reply_check_that(c, e->raw.n && !e->text.s && !c->thinking, "syntax that is none");
        break;
    case REPLY_ERROR:
        reply_check_that(c, e->text.n && !e->raw.n, "an error without a sentence");
        c->faulty = true;
        break;
    case REPLY_END:
        reply_check_that(c, !c->in_call, "the end inside a call");
        c->ended = true;
    }
}

static inline void reply_check_run(struct reply_check *c, struct reply *reply, const int32_t *ids,
                                   size_t n)
{
    struct err err = {0};
    for (size_t i = 0; i <= n; i++) {
        reply_check_that(c, i < n ? reply_add(reply, ids[i], &err) : reply_end(reply, false, &err),
                         "the reply failed");
        for (struct reply_event e; reply_next(reply, &e);)
            reply_check_event(c, &e);
        reply_check_that(c,
                         i < n ? text_decoder_add(&c->decoder, ids[i], &c->decoded, &err)
                               : text_decoder_end(&c->decoder, &c->decoded, &err),
                         "the decoder failed");
        reply_check_that(c, c->raw.len <= c->decoded.len, "more than was said");
    }
    reply_check_that(c, c->ended, "no end");
    reply_check_that(c,
                     c->raw.len == c->decoded.len &&
                         (!c->raw.len || memcmp(c->raw.data, c->decoded.data, c->raw.len) == 0),
                     "the events do not stand for the text");
}

/* Reads an output of n ids.  If json is not NULL, the message is appended to it.  Returns what is
 * wrong with its events, or NULL. */
static inline const char *reply_check(const struct prompt_format *format, bool think_tags,
                                      const int32_t *ids, size_t n, struct buf *json)
{
    struct err err = {0};
    struct reply_check c = {0};
    struct reply *reply = reply_open(format, &(struct reply_options){think_tags}, &err);
    buf_init(&c.raw, LIMIT_TEXT_BYTES);
    buf_init(&c.decoded, LIMIT_TEXT_BYTES);
    buf_init(&c.arguments, LIMIT_TEXT_BYTES);
    text_decoder_init(&c.decoder, format->tok);
    if (!reply)
        return "no reply";
    reply_check_run(&c, reply, ids, n);
    reply_check_that(&c, !json || reply_message_write(&c.message, json, &err), "no JSON");
    reply_message_free(&c.message);
    reply_close(reply);
    buf_free(&c.raw);
    buf_free(&c.decoded);
    buf_free(&c.arguments);
    return c.wrong;
}

#endif
