/* SPDX-License-Identifier: Apache-2.0 */
#include "api/chat_prompt.h"

#include <string.h>

#include "api/models.h"
#include "base/limits.h"

/* Mistral's published guardrail prompt. */
static const char guardrail[] =
    "Always assist with care, respect, and truth. Respond with utmost utility yet securely. Avoid "
    "harmful, unethical, prejudiced, or negative content. Ensure replies promote fairness and "
    "positivity.";

struct mender {
    struct chat *chat;
    const struct api_model *model;
    struct chat_message *messages; /* [n] of at most n_places */
    size_t n, n_places;
    struct err *err;
};

static bool push(struct mender *m, const struct chat_message *message)
{
    if (m->n == m->n_places)
        return err_set(m->err, ERR_LIMIT, "the conversation has too many messages");
    m->messages[m->n++] = *message;
    return true;
}

/* A model that does not think would not know thoughts. */
static bool drop_thoughts(struct mender *m, struct chat_message *message)
{
    if (model_thinks(m->model))
        return true;
    struct chat_part *parts =
        arena_new(&m->chat->arena, message->n_parts + 1, sizeof *parts, m->err);
    if (!parts)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < message->n_parts; i++)
        if (message->parts[i].kind != PART_THINKING)
            parts[n++] = message->parts[i];
    message->parts = parts;
    message->n_parts = n;
    return true;
}

static const struct chat_message *find_result(const struct chat_message *from, size_t n,
                                              struct span id)
{
    for (size_t i = 0; i < n; i++)
        if (from[i].call_id.s && span_same(from[i].call_id, id))
            return &from[i];
    return NULL;
}

static bool names_call(const struct chat_message *caller, struct span id)
{
    for (size_t i = 0; i < caller->n_calls; i++)
        if (span_same(caller->calls[i].id, id))
            return true;
    return false;
}

/* Results in the order of their calls; a call that has none gets an empty one when the
 * conversation went on without it.  results: [n]. */
static bool push_results(struct mender *m, const struct chat_message *caller,
                         const struct chat_message *results, size_t n, bool goes_on)
{
    for (size_t i = 0; i < n; i++)
        if (results[i].call_id.s && !names_call(caller, results[i].call_id))
            return err_set(
                m->err, ERR_ARG, "the result of tool call '%.*s' belongs to no call before it",
                results[i].call_id.n > 64 ? 64 : (int)results[i].call_id.n, results[i].call_id.s);
    for (size_t i = 0; i < caller->n_calls; i++) {
        const struct chat_call *call = &caller->calls[i];
        const struct chat_message *result = find_result(results, n, call->id);
        struct chat_message empty = {.role = CHAT_TOOL, .call_id = call->id, .name = call->name};
        if (!result && i < n && !results[i].call_id.s)
            result = &results[i]; /* without ids they stand in order */
        struct chat_message named = result ? *result : empty;
        named.call_id = call->id;
        if (!named.name.s)
            named.name = call->name;
        if ((result || goes_on) && !push(m, &named))
            return false;
    }
    return true;
}

static bool mend(struct mender *m)
{
    const struct chat *chat = m->chat;
    for (size_t i = 0; i < chat->n_messages;) {
        struct chat_message message = chat->messages[i++];
        if (message.role == CHAT_TOOL)
            return err_set(m->err, ERR_ARG,
                           "the result of tool call '%.*s' belongs to no call before it",
                           message.call_id.n > 64 ? 64 : (int)message.call_id.n,
                           message.call_id.s ? message.call_id.s : "");
        if (message.role == CHAT_ASSISTANT && !drop_thoughts(m, &message))
            return false;
        if (!push(m, &message))
            return false;
        if (!message.n_calls)
            continue;
        size_t first = i;
        while (i < chat->n_messages && chat->messages[i].role == CHAT_TOOL)
            i++;
        if (!push_results(m, &message, chat->messages + first, i - first, i < chat->n_messages))
            return false;
    }
    return true;
}

/* A system message after a result or at an odd place is the user's word to the model. */
static void place_system(struct mender *m)
{
    for (size_t i = 1; i < m->n; i++) {
        enum chat_role before = m->messages[i - 1].role;
        if (m->messages[i].role == CHAT_SYSTEM && before != CHAT_SYSTEM && before != CHAT_USER)
            m->messages[i].role = CHAT_USER;
    }
}

static bool add_guardrail(struct mender *m, struct arena *arena)
{
    struct chat_part *part = arena_new(arena, 1, sizeof *part, m->err);
    if (!part)
        return false;
    struct chat_message *first = m->messages;
    *part = (struct chat_part){.kind = PART_TEXT, .text = SPAN(guardrail)};
    if (m->n && first->role == CHAT_SYSTEM && first->n_parts && first->parts[0].kind == PART_TEXT) {
        struct span old = first->parts[0].text;
        struct buf text;
        buf_init(&text, LIMIT_TEXT_BYTES);
        bool ok = buf_add(&text, guardrail, sizeof guardrail - 1, m->err) &&
                  buf_add(&text, "\n\n", 2, m->err) && buf_add(&text, old.s, old.n, m->err);
        char *copy = ok ? arena_string(arena, text.data, text.len, m->err) : NULL;
        part->text = (struct span){copy, text.len};
        buf_free(&text);
        if (!copy)
            return false;
        first->parts = part;
        first->n_parts = 1;
        return true;
    }
    if (m->n == m->n_places)
        return err_set(m->err, ERR_LIMIT, "the conversation has too many messages");
    memmove(first + 1, first, m->n++ * sizeof *first);
    *first = (struct chat_message){.role = CHAT_SYSTEM, .parts = part, .n_parts = 1};
    return true;
}

/* Chooses what a model without degrees of effort, or with others, can be told. */
static void choose_effort(struct chat *chat, const struct prompt_format *format)
{
    const struct effort_traits *effort = &format->traits->effort;
    for (size_t i = 0; effort->present && i < effort->n_values; i++)
        if (span_same(effort->values[i], chat->reasoning_effort))
            return;
    chat->reasoning_effort = (struct span){0};
}

static size_t most_messages(const struct chat *chat)
{
    size_t n = chat->n_messages + 1;
    for (size_t i = 0; i < chat->n_messages; i++)
        n += chat->messages[i].n_calls;
    return n;
}

static struct span prefix_of(const struct chat *chat)
{
    if (!chat->n_messages)
        return (struct span){0};
    const struct chat_message *last = &chat->messages[chat->n_messages - 1];
    bool goes_on = last->role == CHAT_ASSISTANT && (last->prefix || chat->continue_final);
    if (!goes_on || !last->n_parts || last->parts[last->n_parts - 1].kind != PART_TEXT)
        return (struct span){0};
    return last->parts[last->n_parts - 1].text;
}

/* Pictures and sound are not understood yet. */
static bool has_media(const struct chat *chat)
{
    for (size_t i = 0; i < chat->n_messages; i++)
        for (size_t k = 0; k < chat->messages[i].n_parts; k++)
            if (chat->messages[i].parts[k].kind == PART_IMAGE ||
                chat->messages[i].parts[k].kind == PART_AUDIO)
                return true;
    return false;
}

bool chat_prompt(struct chat *chat, const struct api_model *model,
                 const struct chat_prompt_options *options, struct prompt *out, struct span *prefix,
                 struct api_error *error)
{
    struct err err = {0};
    struct mender m = {.chat = chat, .model = model, .err = &err};
    if (!chat->n_messages) {
        err_set(&err, ERR_ARG, "request: messages: expected at least one message");
        api_error_of(error, &err);
        return false;
    }
    if (has_media(chat)) {
        err_set(&err, ERR_UNSUPPORTED, "model '%s' takes texts only, no pictures and no sound",
                model->name);
        api_error_of(error, &err);
        return false;
    }
    m.n_places = most_messages(chat);
    m.messages = arena_new(&chat->arena, m.n_places, sizeof *m.messages, &err);
    bool ok = m.messages && mend(&m);
    if (ok) {
        place_system(&m);
        ok = !options->safe || add_guardrail(&m, &chat->arena);
    }
    chat->messages = m.messages;
    chat->n_messages = m.n;
    if (options->no_tools)
        chat->n_tools = 0;
    const struct prompt_options prompt = {.mode = CHAT_TEST};
    if (ok) {
        choose_effort(chat, model->format);
        *prefix = prefix_of(chat);
        ok = prompt_chat(model->format, chat, &prompt, out, &err);
    }
    if (ok)
        return true;
    api_error_of(error, &err);
    if (err.code == ERR_ARG && strncmp(err.text, "tools[", 6) == 0)
        return false;
    if (err.code == ERR_ARG) { /* each field was fine: what is wrong is how they go together */
        error->status = 400;
        error->type = "invalid_request_message_order";
        error->code = "3230";
        error->nested_type = "invalid_request_error";
    }
    return false;
}
