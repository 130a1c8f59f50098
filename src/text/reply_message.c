/* SPDX-License-Identifier: Apache-2.0 */
#include "text/reply_message.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "data/json_tree.h"

/* While events come, text.s of a part and arguments.s of a call are not yet set: the bytes
 * lie one after the other in texts and arguments, which still move. */
struct reply_builder {
    struct arena arena; /* names and ids */
    struct buf texts, arguments;
    struct chat_part *parts; /* [n_part_places] */
    struct chat_call *calls; /* [n_call_places] */
    size_t n_part_places, n_call_places;
};

static bool start(struct reply_message *m, struct err *err)
{
    struct reply_builder *b = mem_new(1, sizeof *b, err);
    if (!b)
        return false;
    buf_init(&b->texts, LIMIT_TEXT_BYTES);
    buf_init(&b->arguments, LIMIT_TEXT_BYTES);
    m->builder = b;
    m->message.role = CHAT_ASSISTANT;
    return true;
}

void reply_message_free(struct reply_message *m)
{
    struct reply_builder *b = m->builder;
    if (b) {
        arena_free(&b->arena);
        buf_free(&b->texts);
        buf_free(&b->arguments);
        free(b->parts);
        free(b->calls);
        free(b);
    }
    *m = (struct reply_message){0};
}

/* Makes room for one more item behind n in *items. */
static bool grow(void *items, size_t *n_places, size_t n, size_t size, struct err *err)
{
    void *old, *more;
    memcpy(&old, items, sizeof old);
    if (n < *n_places)
        return true;
    if (!(more = mem_resize(old, n ? 2 * n : 4, size, err)))
        return false;
    memcpy(items, &more, sizeof more);
    *n_places = n ? 2 * n : 4;
    return true;
}

static bool add_part(struct reply_message *m, enum chat_part_kind kind, struct err *err)
{
    struct reply_builder *b = m->builder;
    if (!grow(&b->parts, &b->n_part_places, m->message.n_parts, sizeof *b->parts, err))
        return false;
    b->parts[m->message.n_parts++] = (struct chat_part){.kind = kind};
    m->message.is_list |= kind == PART_THINKING;
    return true;
}

/* Adds to the last part, or to a new one of text. */
static bool add_text(struct reply_message *m, enum chat_part_kind kind, struct span text,
                     struct err *err)
{
    struct reply_builder *b = m->builder;
    size_t n = m->message.n_parts;
    if ((!n || b->parts[n - 1].kind != kind) && !add_part(m, kind, err))
        return false;
    if (!buf_add(&b->texts, text.s, text.n, err))
        return false;
    b->parts[m->message.n_parts - 1].text.n += text.n;
    return true;
}

static bool keep(struct reply_message *m, struct span s, struct span *out, struct err *err)
{
    if (!s.s)
        return true;
    *out = (struct span){arena_string(&m->builder->arena, s.s, s.n, err), s.n};
    return out->s != NULL;
}

static bool add_call(struct reply_message *m, const struct reply_event *event, struct err *err)
{
    struct reply_builder *b = m->builder;
    size_t n = m->message.n_calls;
    if (!grow(&b->calls, &b->n_call_places, n, sizeof *b->calls, err))
        return false;
    b->calls[n] = (struct chat_call){.id = SPAN("null")};
    m->message.n_calls++;
    return keep(m, event->name, &b->calls[n].name, err);
}

static bool add_arguments(struct reply_message *m, struct span text, struct err *err)
{
    struct reply_builder *b = m->builder;
    if (!buf_add(&b->arguments, text.s, text.n, err))
        return false;
    b->calls[m->message.n_calls - 1].arguments.n += text.n;
    return true;
}

static void set_text(struct span *text, const struct buf *from, size_t *at)
{
    text->s = text->n ? from->data + *at : "";
    *at += text->n;
}

static void finish(struct reply_message *m, bool stopped)
{
    struct reply_builder *b = m->builder;
    size_t at = 0;
    for (size_t i = 0; i < m->message.n_parts; i++)
        set_text(&b->parts[i].text, &b->texts, &at);
    at = 0;
    for (size_t i = 0; i < m->message.n_calls; i++)
        set_text(&b->calls[i].arguments, &b->arguments, &at);
    m->message.parts = b->parts;
    m->message.calls = b->calls;
    m->message.prefix = !stopped;
}

bool reply_message_add(struct reply_message *m, const struct reply_event *event, struct err *err)
{
    if (!m->builder && !start(m, err))
        return false;
    struct reply_builder *b = m->builder;
    switch (event->kind) {
    case REPLY_TEXT:
        return add_text(m, PART_TEXT, event->text, err);
    case REPLY_THINKING_BEGIN:
        return add_part(m, PART_THINKING, err);
    case REPLY_THINKING:
        return add_text(m, PART_THINKING, event->text, err);
    case REPLY_THINKING_END:
        b->parts[m->message.n_parts - 1].closed = true;
        return true;
    case REPLY_CALL:
        return add_call(m, event, err);
    case REPLY_ARGUMENTS:
        return add_arguments(m, event->text, err);
    case REPLY_CALL_END:
        return keep(m, event->id, &b->calls[event->index].id, err);
    case REPLY_ERROR:
        return m->error.s || keep(m, event->text, &m->error, err);
    case REPLY_END:
        finish(m, event->stopped);
        return true;
    default:
        return true;
    }
}

static bool put(struct buf *out, const char *s, struct err *err)
{
    return buf_add(out, s, strlen(s), err);
}

static bool write_part(const struct chat_part *part, struct buf *out, struct err *err)
{
    bool thinking = part->kind == PART_THINKING;
    return put(out,
               thinking ? "{\"type\": \"thinking\", \"thinking\": "
                        : "{\"type\": \"text\", \"text\": ",
               err) &&
           json_write_text(part->text, out, err) &&
           (!thinking ||
            put(out, part->closed ? ", \"closed\": true" : ", \"closed\": false", err)) &&
           put(out, "}", err);
}

static bool write_content(const struct chat_message *message, struct buf *out, struct err *err)
{
    if (!message->n_parts)
        return true;
    if (!put(out, ", \"content\": ", err))
        return false;
    if (!message->is_list)
        return json_write_text(message->parts->text, out, err);
    for (size_t i = 0; i < message->n_parts; i++)
        if (!put(out, i ? ", " : "[", err) || !write_part(&message->parts[i], out, err))
            return false;
    return put(out, "]", err);
}

static bool write_call(const struct chat_call *call, struct buf *out, struct err *err)
{
    return put(out, "{\"id\": ", err) && json_write_text(call->id, out, err) &&
           put(out, ", \"type\": \"function\", \"function\": {\"name\": ", err) &&
           json_write_text(call->name, out, err) && put(out, ", \"arguments\": ", err) &&
           json_write_text(call->arguments, out, err) && put(out, "}}", err);
}

static bool write_calls(const struct chat_message *message, struct buf *out, struct err *err)
{
    for (size_t i = 0; i < message->n_calls; i++)
        if (!put(out, i ? ", " : ", \"tool_calls\": [", err) ||
            !write_call(&message->calls[i], out, err))
            return false;
    return !message->n_calls || put(out, "]", err);
}

bool reply_message_write(const struct reply_message *m, struct buf *out, struct err *err)
{
    return put(out, "{\"role\": \"assistant\"", err) && write_content(&m->message, out, err) &&
           write_calls(&m->message, out, err) &&
           put(out, m->message.prefix ? ", \"prefix\": true" : ", \"prefix\": false", err) &&
           (!m->error.s ||
            (put(out, ", \"parse_error\": ", err) && json_write_text(m->error, out, err))) &&
           put(out, "}", err);
}
