/* SPDX-License-Identifier: Apache-2.0 */
#include "text/chat_check.h"

#include <stdio.h>
#include <string.h>

#include "text/call_id.h"
#include "text/prompt_format.h"
#include "text/tool_schema.h"

enum { MAX_NAME = 64 };

struct checker {
    int version;
    const struct chat *chat;
    enum chat_mode mode;
    struct err *err;
};

/* Records a fault of message i. */
static bool bad(const struct checker *c, size_t i, const char *what)
{
    return err_set(c->err, ERR_ARG, "messages[%zu]: %s", i, what);
}

static bool check_name(const struct checker *c, struct span name)
{
    bool ok = name.n >= 1 && name.n <= MAX_NAME;
    for (size_t i = 0; ok && i < name.n; i++)
        ok = (name.s[i] >= 'a' && name.s[i] <= 'z') || (name.s[i] >= 'A' && name.s[i] <= 'Z') ||
             (name.s[i] >= '0' && name.s[i] <= '9') || name.s[i] == '_' || name.s[i] == '-';
    return ok || err_set(c->err, ERR_ARG,
                         "Function name was %.*s but must be a-z, A-Z, 0-9, or contain underscores "
                         "and dashes, with a maximum length of 64.",
                         name.n > 200 ? 200 : (int)name.n, name.s);
}

static bool check_id(const struct checker *c, struct span id)
{
    return call_id_is_valid(id) ||
           err_set(c->err, ERR_ARG,
                   "Tool call id was %.*s but must be a-z, A-Z, 0-9, with a length of 9.",
                   id.n > 100 ? 100 : (int)id.n, id.s);
}

/* --- the order of messages ------------------------------------------------------------ */

/* What may be said last depends on what the conversation is for. */
static bool check_last(const struct checker *c)
{
    size_t last = c->chat->n_messages - 1;
    const struct chat_message *m = &c->chat->messages[last];
    const char *role = chat_role_name(m->role);
    bool is_assistant = m->role == CHAT_ASSISTANT;
    char text[200];
    if (c->mode == CHAT_FINETUNING) {
        snprintf(text, sizeof text, "Expected last role Assistant for finetuning but got %s", role);
        if (!is_assistant)
            return bad(c, last, text);
        return !c->chat->continue_final ||
               bad(c, last, "Cannot continue final message in finetuning mode");
    }
    if (c->chat->continue_final) {
        snprintf(text, sizeof text,
                 "Expected last role Assistant with prefix False for serving with "
                 "continue_final_message set to True but got %s",
                 role);
        return (is_assistant && !m->prefix) || bad(c, last, text);
    }
    snprintf(text, sizeof text,
             "Expected last role User or Tool (or Assistant with prefix or continue_final_message "
             "set to True) for serving but got %s",
             role);
    return !is_assistant || m->prefix || bad(c, last, text);
}

static bool check_order(const struct checker *c)
{
    static const bool may_follow[4][4] = {
        [CHAT_SYSTEM] = {[CHAT_USER] = true, [CHAT_ASSISTANT] = true, [CHAT_SYSTEM] = true},
        [CHAT_USER] = {[CHAT_ASSISTANT] = true, [CHAT_SYSTEM] = true, [CHAT_USER] = true},
        [CHAT_ASSISTANT] = {[CHAT_ASSISTANT] = true, [CHAT_USER] = true, [CHAT_TOOL] = true},
        [CHAT_TOOL] = {[CHAT_ASSISTANT] = true, [CHAT_TOOL] = true, [CHAT_USER] = true},
    };
    const struct chat_message *m = c->chat->messages;
    for (size_t i = 1; i < c->chat->n_messages; i++)
        if (!may_follow[m[i - 1].role][m[i].role]) {
            char text[80];
            snprintf(text, sizeof text, "Unexpected role '%s' after role '%s'",
                     chat_role_name(m[i].role), chat_role_name(m[i - 1].role));
            return bad(c, i, text);
        }
    return true;
}

static bool check_structure(const struct checker *c)
{
    const struct chat *chat = c->chat;
    if (!chat->n_messages)
        return err_set(c->err, ERR_ARG, "Conversation must have at least one message");
    enum chat_role first = chat->messages[0].role;
    if (chat->n_messages == 1 && first != CHAT_USER && first != CHAT_SYSTEM)
        return bad(c, 0, "Conversation must start with a user message or system message");
    if (chat->n_messages == 1 && chat->continue_final)
        return bad(c, 0, "Cannot continue final message if it is not an assistant message");
    if ((chat->n_messages > 1 || c->mode == CHAT_FINETUNING) && !check_last(c))
        return false;
    return check_order(c);
}

/* --- calls and their results ---------------------------------------------------------- */

static const char not_answered[] = "Not the same number of function calls and responses";

/* Up to v7 calls and results are counted only. */
static bool check_counts(const struct checker *c)
{
    size_t n_calls = 0, n_results = 0;
    for (size_t i = 0; i < c->chat->n_messages; i++) {
        const struct chat_message *m = &c->chat->messages[i];
        n_results += m->role == CHAT_TOOL;
        if (m->role != CHAT_ASSISTANT)
            continue;
        if (n_calls != n_results)
            return bad(c, i, not_answered);
        n_calls = m->n_calls;
        n_results = 0;
    }
    return n_calls == n_results || c->mode != CHAT_SERVING ||
           bad(c, c->chat->n_messages - 1, not_answered);
}

static bool bad_id(const struct checker *c, size_t i, const char *what, struct span id,
                   const char *where)
{
    char text[200];
    if (!id.s)
        id = SPAN("None");
    snprintf(text, sizeof text, "%s tool call id %.*s in %s", what, id.n > 64 ? 64 : (int)id.n,
             id.s, where);
    return bad(c, i, text);
}

/* Longer ids are refused for their form, by check_id(): to compare thousands of long ones with
 * each other takes long. */
static bool is_long(struct span id)
{
    return id.n > CALL_ID_BYTES;
}

static bool same_id(struct span a, struct span b)
{
    return !is_long(a) && span_same(a, b);
}

static bool check_distinct_calls(const struct checker *c, size_t i)
{
    const struct chat_message *m = &c->chat->messages[i];
    for (size_t k = 1; k < m->n_calls; k++)
        for (size_t j = 0; j < k; j++)
            if (same_id(m->calls[j].id, m->calls[k].id))
                return bad_id(c, i, "Duplicate", m->calls[k].id, "assistant message");
    return true;
}

/* Says whether message i, a result, answers a call of the assistant message at caller that no
 * result between them has answered. */
static bool check_result_id(const struct checker *c, size_t caller, size_t i)
{
    const struct chat_message *m = c->chat->messages;
    bool is_called = is_long(m[i].call_id);
    for (size_t k = caller + 1; k < i; k++)
        if (m[k].role == CHAT_TOOL && m[k].call_id.s && same_id(m[k].call_id, m[i].call_id))
            return bad_id(c, i, "Duplicate", m[i].call_id, "tool results");
    for (size_t k = 0; k < m[caller].n_calls; k++)
        is_called = is_called || (m[i].call_id.s && same_id(m[caller].calls[k].id, m[i].call_id));
    return is_called || bad_id(c, i, "Unexpected", m[i].call_id, "tool results");
}

/* From v11 on each result belongs to a call. */
static bool check_ids(const struct checker *c)
{
    size_t caller = 0, n_open = 0;
    for (size_t i = 0; i < c->chat->n_messages; i++) {
        const struct chat_message *m = &c->chat->messages[i];
        if (m->role == CHAT_TOOL) {
            if (!check_result_id(c, caller, i))
                return false;
            n_open--;
        }
        if (m->role != CHAT_ASSISTANT)
            continue;
        if (n_open)
            return bad(c, i, not_answered);
        if (!check_distinct_calls(c, i))
            return false;
        caller = i;
        n_open = m->n_calls;
    }
    return !n_open || c->mode != CHAT_SERVING || bad(c, c->chat->n_messages - 1, not_answered);
}

/* --- the content of messages ---------------------------------------------------------- */

/* Says whether a message of that role may have such a part. */
static bool is_accepted(int version, enum chat_role role, enum chat_part_kind kind)
{
    switch (kind) {
    case PART_TEXT:
        return true;
    case PART_IMAGE:
        return (role == CHAT_USER && version >= 3) || (role == CHAT_TOOL && version >= 15);
    case PART_AUDIO:
        return (role == CHAT_USER && version >= 7) || (role == CHAT_TOOL && version >= 15) ||
               (role == CHAT_SYSTEM && version >= 7);
    case PART_THINKING:
        break;
    }
    return (role == CHAT_ASSISTANT && version >= 11) ||
           (role == CHAT_SYSTEM && version >= 7 && version < 15);
}

static bool check_parts(const struct checker *c, size_t i)
{
    static const char *const names[] = {"TextChunk", "ImageChunk", "AudioChunk", "ThinkChunk"};
    static const char *const what[] = {"text", "pictures", "sound", "thinking"};
    const struct chat_message *m = &c->chat->messages[i];
    for (size_t k = 0; k < m->n_parts; k++) {
        enum chat_part_kind kind = m->parts[k].kind;
        if (!is_accepted(c->version, m->role, kind))
            return err_set(c->err, ERR_ARG,
                           "messages[%zu]: Unexpected content chunk types in %s message: ['%s']; "
                           "prompt format v%d takes no %s there",
                           i, chat_role_name(m->role), names[kind], c->version, what[kind]);
        if (kind == PART_THINKING && c->version < 13)
            return bad(c, i, "Think not implemented for tokenizer < V13.");
    }
    return true;
}

static bool check_call(const struct checker *c, const struct chat_call *call, bool is_last)
{
    bool has_id = !span_is(call->id, "null");
    if (c->version >= 3 && has_id && !check_id(c, call->id))
        return false;
    if (c->version >= 3 && !has_id && c->mode == CHAT_SERVING)
        return err_set(c->err, ERR_ARG, "Tool call id has to be defined in serving mode.");
    if (c->version >= 3 && !has_id && c->mode == CHAT_FINETUNING && !is_last)
        return err_set(c->err, ERR_ARG,
                       "Tool call id of assistant message that is not last has to be defined in "
                       "finetuning mode.");
    return check_name(c, call->name);
}

static bool check_assistant(const struct checker *c, size_t i)
{
    const struct chat_message *m = &c->chat->messages[i];
    bool is_last = i + 1 == c->chat->n_messages;
    if (c->version < 7 && !m->n_parts == !m->n_calls)
        return bad(c, i, "Assistant message must have either content or tool_calls, but not both.");
    for (size_t k = 0; k < m->n_calls; k++)
        if (!check_call(c, &m->calls[k], is_last))
            return err_add(c->err, "messages[%zu].tool_calls[%zu]", i, k);
    return !m->prefix || is_last ||
           bad(c, i, "Assistant message with prefix True must be last message");
}

static bool check_tool(const struct checker *c, size_t i)
{
    const struct chat_message *m = &c->chat->messages[i];
    if (m->name.s && !check_name(c, m->name))
        return err_add(c->err, "messages[%zu]", i);
    if (c->version < 3)
        return true;
    if (!m->call_id.s)
        return bad(c, i, "Tool call id has to be defined.");
    return check_id(c, m->call_id) || err_add(c->err, "messages[%zu]", i);
}

static bool check_content(const struct checker *c)
{
    for (size_t i = 0; i < c->chat->n_messages; i++) {
        enum chat_role role = c->chat->messages[i].role;
        if (!check_parts(c, i) || (role == CHAT_ASSISTANT && !check_assistant(c, i)) ||
            (role == CHAT_TOOL && !check_tool(c, i)))
            return false;
    }
    return true;
}

static bool says_sound(const struct chat_message *m)
{
    for (size_t k = 0; k < m->n_parts; k++)
        if (m->role == CHAT_USER && m->parts[k].kind == PART_AUDIO)
            return true;
    return false;
}

/* Before v13 no model was trained on a system prompt together with sound. */
static bool check_audio(const struct checker *c)
{
    size_t system = SIZE_MAX, audio = SIZE_MAX;
    for (size_t i = c->chat->n_messages; i-- > 0;) {
        const struct chat_message *m = &c->chat->messages[i];
        if (m->role == CHAT_SYSTEM)
            system = i;
        if (says_sound(m))
            audio = i;
    }
    return c->version >= 13 || system == SIZE_MAX || audio == SIZE_MAX ||
           err_set(c->err, ERR_ARG,
                   "Found system messages at indexes [%zu] and audio chunks in messages at indexes "
                   "[%zu]. This is not allowed prior to the tokenizer version 13.",
                   system, audio);
}

/* --- the rest of the request ---------------------------------------------------------- */

static bool check_tools(const struct checker *c)
{
    for (size_t i = 0; i < c->chat->n_tools; i++) {
        const struct chat_tool *tool = &c->chat->tools[i];
        if (!check_name(c, tool->name))
            return err_add(c->err, "tools[%zu]", i);
        if (tool->parameters && !tool_schema_check(tool->parameters, c->err))
            return false;
    }
    return true;
}

static bool check_effort(const struct checker *c)
{
    struct span effort = c->chat->reasoning_effort;
    return !effort.s || c->version >= 15 ||
           err_set(c->err, ERR_ARG,
                   "reasoning_effort='%.*s' is not supported for this model; leave it out, prompt "
                   "formats from v15 have it",
                   (int)effort.n, effort.s);
}

bool chat_check(const struct prompt_format *format, const struct chat *chat, enum chat_mode mode,
                struct err *err)
{
    const struct checker c = {.version = format->version, .chat = chat, .mode = mode, .err = err};
    if (mode == CHAT_SERVING && !chat->has_model)
        return err_set(err, ERR_ARG, "Model name parameter is required for serving mode");
    return check_structure(&c) && (c.version >= 11 ? check_ids(&c) : check_counts(&c)) &&
           check_content(&c) && check_audio(&c) && check_tools(&c) && check_effort(&c);
}
