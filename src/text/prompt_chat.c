/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations to ids, one format of the reference library after the other
 * (mistral-common, tokens/tokenizers/instruct.py). */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/plural.h"
#include "text/chat_merge.h"
#include "text/prompt_int.h"

struct encoder {
    struct prompt_writer w;
    const struct chat *chat;
    struct chat_merged merged;
    struct buf text;              /* what is being written for one segment */
    size_t first_user, last_user; /* of merged.messages; SIZE_MAX when there is none */
    struct span effort;           /* v15: what the settings say; s NULL: nothing */
    bool open;                    /* the last message goes on: it gets no end */
};

static bool add(struct encoder *e, struct span text)
{
    return buf_add(&e->text, text.s, text.n, e->w.err);
}

/* Encodes what e->text holds as one segment. */
static bool end_segment(struct encoder *e)
{
    bool ok = prompt_add_text(&e->w, (struct span){e->text.data, e->text.len});
    buf_clear(&e->text);
    return ok;
}

static struct span strip_end(struct span text)
{
    while (text.n && text.s[text.n - 1] == ' ')
        text.n--;
    return text;
}

/* The text of content that is nothing else. */
static struct span plain(const struct chat_message *m)
{
    return m->n_parts ? m->parts->text : SPAN("");
}

/* --- content -------------------------------------------------------------------------- */

static bool add_part(struct encoder *e, const struct chat_part *part)
{
    switch (part->kind) {
    case PART_TEXT:
        return prompt_add_text(&e->w, part->text);
    case PART_IMAGE:
        return prompt_add_image(&e->w, part);
    case PART_AUDIO:
        return prompt_add_audio(&e->w, part->text, part->n_samples);
    case PART_THINKING:
        break;
    }
    return prompt_add_control(&e->w, CONTROL_THINK) && prompt_add_text(&e->w, part->text) &&
           (!part->closed || prompt_add_control(&e->w, CONTROL_END_THINK));
}

static bool add_parts(struct encoder *e, const struct chat_message *m)
{
    for (size_t i = 0; i < m->n_parts; i++)
        if (!add_part(e, &m->parts[i]))
            return false;
    return true;
}

/* A single picture after the text of a user is what the model saw before it. */
static bool add_user_parts(struct encoder *e, const struct chat_message *m)
{
    bool swap = m->n_parts == 2 && m->parts[0].kind == PART_TEXT && m->parts[1].kind == PART_IMAGE;
    if (!swap)
        return add_parts(e, m);
    return add_part(e, &m->parts[1]) && add_part(e, &m->parts[0]);
}

/* --- tools, settings, system ---------------------------------------------------------- */

static bool write_tool(struct encoder *e, const struct chat_tool *tool)
{
    struct err *err = e->w.err;
    return add(e, SPAN("{\"type\": \"function\", \"function\": {\"name\": ")) &&
           json_write_text(tool->name, &e->text, err) && add(e, SPAN(", \"description\": ")) &&
           json_write_text(tool->description, &e->text, err) &&
           add(e, SPAN(", \"parameters\": ")) &&
           (tool->parameters ? json_write(tool->parameters, &e->text, err) : add(e, SPAN("{}"))) &&
           add(e, SPAN("}}"));
}

static bool add_tools(struct encoder *e)
{
    if (!e->chat->n_tools || e->w.format->version < 2)
        return true;
    if (!prompt_add_control(&e->w, CONTROL_TOOLS) || !add(e, SPAN("[")))
        return false;
    for (size_t i = 0; i < e->chat->n_tools; i++)
        if ((i && !add(e, SPAN(", "))) || !write_tool(e, &e->chat->tools[i]))
            return false;
    return add(e, SPAN("]")) && end_segment(e) && prompt_add_control(&e->w, CONTROL_END_TOOLS);
}

static bool is_listed(const struct effort_traits *effort, struct span value)
{
    for (size_t i = 0; i < effort->n_values; i++)
        if (span_same(effort->values[i], value))
            return true;
    return false;
}

/* Decides what the settings say of reasoning_effort. */
static bool choose_effort(struct encoder *e)
{
    const struct effort_traits *effort = &e->w.format->traits->effort;
    struct span asked = e->chat->reasoning_effort;
    if (e->w.format->version < 15 || !effort->present)
        return true;
    if (!asked.s) {
        e->effort = effort->preset;
        return effort->accepts_none ||
               err_set(e->w.err, ERR_ARG, "reasoning_effort should be set for this model.");
    }
    e->effort = asked;
    if (!effort->n_values)
        return err_set(e->w.err, ERR_ARG, "reasoning_effort not supported for this model.");
    return is_listed(effort, asked) ||
           err_set(e->w.err, ERR_ARG, "reasoning_effort '%.*s' is none that this model knows",
                   (int)asked.n, asked.s);
}

static bool add_settings(struct encoder *e)
{
    return !e->effort.s || (prompt_add_control(&e->w, CONTROL_SETTINGS) &&
                            add(e, SPAN("{\"reasoning_effort\": ")) &&
                            json_write_text(e->effort, &e->text, e->w.err) && add(e, SPAN("}")) &&
                            end_segment(e) && prompt_add_control(&e->w, CONTROL_END_SETTINGS));
}

static bool add_system(struct encoder *e, const struct chat_message *m)
{
    return prompt_add_control(&e->w, CONTROL_SYSTEM) && add_parts(e, m) &&
           prompt_add_control(&e->w, CONTROL_END_SYSTEM);
}

/* --- a user's turn -------------------------------------------------------------------- */

/* In v1 the marks of a turn are text. */
static bool add_user_v1(struct encoder *e, size_t i)
{
    const struct chat_message *m = &e->merged.messages[i];
    struct span system = e->merged.system;
    return add(e, SPAN("[INST] ")) &&
           (i != e->first_user || !system.s || (add(e, system) && add(e, SPAN("\n\n")))) &&
           add(e, plain(m)) && add(e, SPAN(" [/INST]")) && end_segment(e);
}

/* Up to v3 the last user's turn carries the system text. */
static bool add_user_content(struct encoder *e, size_t i)
{
    const struct chat_message *m = &e->merged.messages[i];
    struct span system = e->merged.system;
    if (i != e->last_user || !system.s)
        return add_user_parts(e, m);
    if (!add(e, system) || !add(e, SPAN("\n\n")))
        return false;
    if (m->is_list)
        return end_segment(e) && add_user_parts(e, m);
    return add(e, plain(m)) && end_segment(e);
}

static bool add_user(struct encoder *e, size_t i)
{
    int version = e->w.format->version;
    if (version == 1)
        return add_user_v1(e, i);
    /* Tools stand where the model was taught to look for them; at the first turn they leave the
     * start of the prompt as it is when the conversation grows. */
    if (i == (version >= 13 ? e->first_user : e->last_user) && !add_tools(e))
        return false;
    if (i == e->first_user && !add_settings(e))
        return false;
    return prompt_add_control(&e->w, CONTROL_INST) && add_user_content(e, i) &&
           prompt_add_control(&e->w, CONTROL_END_INST);
}

/* --- an assistant's turn -------------------------------------------------------------- */

static bool has_id(const struct chat_call *call)
{
    return call->id.n && !span_is(call->id, "null");
}

/* Up to v7 calls are one list of JSON objects. */
static bool add_call_list(struct encoder *e, const struct chat_message *m)
{
    struct err *err = e->w.err;
    if (!prompt_add_control(&e->w, CONTROL_CALLS) || !add(e, SPAN("[")))
        return false;
    for (size_t i = 0; i < m->n_calls; i++) {
        const struct chat_call *call = &m->calls[i];
        if ((i && !add(e, SPAN(", "))) || !add(e, SPAN("{\"name\": ")) ||
            !json_write_text(call->name, &e->text, err) || !add(e, SPAN(", \"arguments\": ")) ||
            !add(e, call->arguments))
            return false;
        if (e->w.format->version >= 3 && has_id(call) &&
            (!add(e, SPAN(", \"id\": ")) || !json_write_text(call->id, &e->text, err)))
            return false;
        if (!add(e, SPAN("}")))
            return false;
    }
    return add(e, SPAN("]")) && end_segment(e);
}

static bool add_call(struct encoder *e, const struct chat_call *call)
{
    if (!prompt_add_control(&e->w, CONTROL_CALLS) || !prompt_add_text(&e->w, call->name))
        return false;
    if (e->w.format->version == 11 && has_id(call) &&
        (!prompt_add_control(&e->w, CONTROL_CALL_ID) || !prompt_add_text(&e->w, call->id)))
        return false;
    return prompt_add_control(&e->w, CONTROL_ARGS) && prompt_add_text(&e->w, call->arguments);
}

static bool add_calls(struct encoder *e, const struct chat_message *m)
{
    if (!m->n_calls)
        return true;
    if (e->w.format->version < 11)
        return add_call_list(e, m);
    for (size_t i = 0; i < m->n_calls; i++)
        if (!add_call(e, &m->calls[i]))
            return false;
    return true;
}

static bool add_assistant(struct encoder *e, size_t i)
{
    const struct chat_message *m = &e->merged.messages[i];
    int version = e->w.format->version;
    bool goes_on = e->open && i + 1 == e->merged.n_messages;
    size_t at = e->w.out->ids.n;
    if (!m->n_parts && !m->n_calls)
        return err_set(e->w.err, ERR_ARG,
                       "Invalid assistant message: it has neither content nor tool_calls");
    if (version == 1 && m->n_calls)
        return err_set(e->w.err, ERR_ARG, "Tools not implemented for tokenizer V1");
    /* Each was well formed, but several in a row have become one. */
    if (version < 7 && m->n_parts && m->n_calls)
        return err_set(e->w.err, ERR_ARG,
                       "Cannot have tool calls and content defined in the same assistant message");
    if (version == 2 && m->n_calls && i < e->last_user)
        return true;
    struct span text = version == 1 ? plain(m) : strip_end(plain(m));
    if (!(m->is_list ? add_parts(e, m) : prompt_add_text(&e->w, text)) || !add_calls(e, m))
        return false;
    if (goes_on)
        e->w.out->n_prefix = e->w.out->ids.n - at;
    return goes_on || prompt_add_control(&e->w, CONTROL_EOS);
}

/* --- a result ------------------------------------------------------------------------- */

static bool write_result(struct encoder *e, const struct chat_message *m)
{
    struct err *err = e->w.err;
    if (e->w.format->version == 3)
        return add(e, SPAN("{\"content\": ")) && add(e, plain(m)) &&
               add(e, SPAN(", \"call_id\": ")) && json_write_text(m->call_id, &e->text, err) &&
               add(e, SPAN("}"));
    return add(e, SPAN("[{\"name\": ")) &&
           (m->name.s ? json_write_text(m->name, &e->text, err) : add(e, SPAN("null"))) &&
           add(e, SPAN(", \"content\": ")) && add(e, plain(m)) && add(e, SPAN("}]"));
}

static bool add_result(struct encoder *e, size_t i)
{
    const struct chat_message *m = &e->merged.messages[i];
    int version = e->w.format->version;
    if (version == 1)
        return err_set(e->w.err, ERR_ARG, "Tools not implemented for tokenizer V1");
    if (version == 2 && i < e->last_user)
        return true;
    if (!prompt_add_control(&e->w, CONTROL_RESULTS))
        return false;
    if (version <= 3 && (!write_result(e, m) || !end_segment(e)))
        return false;
    if ((version == 7 || version == 11) &&
        (!prompt_add_text(&e->w, m->call_id) || !prompt_add_control(&e->w, CONTROL_RESULT_CONTENT)))
        return false;
    return (version <= 3 || add_parts(e, m)) && prompt_add_control(&e->w, CONTROL_END_RESULTS);
}

/* --- the conversation ----------------------------------------------------------------- */

static bool add_message(struct encoder *e, size_t i)
{
    switch (e->merged.messages[i].role) {
    case CHAT_SYSTEM:
        return add_system(e, &e->merged.messages[i]);
    case CHAT_USER:
        return add_user(e, i);
    case CHAT_ASSISTANT:
        return add_assistant(e, i);
    case CHAT_TOOL:
        break;
    }
    return add_result(e, i);
}

static void find_users(struct encoder *e)
{
    e->first_user = e->last_user = SIZE_MAX;
    for (size_t i = 0; i < e->merged.n_messages; i++)
        if (e->merged.messages[i].role == CHAT_USER) {
            if (e->first_user == SIZE_MAX)
                e->first_user = i;
            e->last_user = i;
        }
}

/* Drops the oldest messages until no more than max ids are left.  A user's takes with it what
 * follows up to the next user's; system messages and the last user's stay.
 * ends: [n_messages], where each message ends. */
static bool truncate_ids(struct encoder *e, const size_t *ends, size_t max)
{
    const struct chat_message *messages = e->merged.messages;
    struct prompt *out = e->w.out;
    size_t n_ids = out->ids.n - 1; /* the start token does not count */
    size_t n_cut = 0, n_kept = 0, slot = 0;
    bool in_turn = false, is_dropped = false;
    for (size_t i = 0, begin = 1; i < e->merged.n_messages; begin = ends[i++]) {
        in_turn = in_turn && messages[i].role != CHAT_USER;
        bool fits = !in_turn && n_ids - n_cut <= max;
        in_turn = !fits && (in_turn || messages[i].role == CHAT_USER);
        is_dropped = !fits && messages[i].role != CHAT_SYSTEM && i != e->last_user;
        for (; slot < out->n_slots && out->slots[slot].at < ends[i]; slot++)
            if (!is_dropped) {
                out->slots[n_kept] = out->slots[slot];
                out->slots[n_kept++].at -= n_cut;
            }
        if (is_dropped)
            n_cut += ends[i] - begin;
        else
            memmove(out->ids.ids + begin - n_cut, out->ids.ids + begin,
                    (ends[i] - begin) * sizeof *out->ids.ids);
    }
    out->ids.n -= n_cut;
    out->n_slots = n_kept;
    if (is_dropped)
        out->n_prefix = 0;
    return n_ids - n_cut <= max ||
           err_set(
               e->w.err, ERR_ARG,
               "Input couldn't fit in truncate_at_max_token: %zu token%s must stay, and %zu may",
               n_ids - n_cut, plural(n_ids - n_cut), max);
}

static bool encode(struct encoder *e, const struct prompt_options *options)
{
    size_t n = e->merged.n_messages;
    size_t *ends = mem_new(n, sizeof *ends, e->w.err);
    bool ok = ends && prompt_add_control(&e->w, CONTROL_BOS);
    for (size_t i = 0; ok && i < n; i++) {
        ok = add_message(e, i) || err_add(e->w.err, "messages[%zu]", e->merged.sources[i]);
        ends[i] = e->w.out->ids.n;
    }
    if (ok && e->chat->truncate && options->max_tokens)
        ok = truncate_ids(e, ends, options->max_tokens);
    free(ends);
    return ok;
}

bool prompt_chat(const struct prompt_format *format, const struct chat *chat,
                 const struct prompt_options *options, struct prompt *out, struct err *err)
{
    struct encoder e = {.w = {.format = format, .out = out, .err = err}, .chat = chat};
    struct arena arena = {0};
    if (!chat_check(format, chat, options->mode, err))
        return false;
    /* The reference would ignore the limit. */
    if (chat->truncate && options->max_tokens && format->version < 7)
        return err_set(err, ERR_UNSUPPORTED,
                       "prompt format v%d has no truncation; leave out the limit, or old messages",
                       format->version);
    buf_init(&e.text, LIMIT_TEXT_BYTES);
    bool ok = chat_merge(format, chat, &arena, &e.merged, err);
    if (ok) {
        const struct chat_message *last = &e.merged.messages[e.merged.n_messages - 1];
        e.open = last->role == CHAT_ASSISTANT && (last->prefix || chat->continue_final);
        find_users(&e);
        ok = choose_effort(&e) && encode(&e, options);
    }
    buf_free(&e.text);
    arena_free(&arena);
    return ok;
}
