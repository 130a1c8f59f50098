/* SPDX-License-Identifier: Apache-2.0 */
#include "text/chat_merge.h"

#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "text/prompt_format.h"

struct merger {
    int version;
    const struct chat *chat;
    struct arena *arena;
    struct chat_merged *out;
    struct buf text; /* the run of texts that is being joined */
    bool has_text;
    struct err *err;
};

static const struct span gap = {"\n\n", 2};

/* Copies what text holds to the arena, and empties it. */
static bool take_text(struct merger *m, struct span *out)
{
    out->n = m->text.len;
    out->s = arena_string(m->arena, m->text.len ? m->text.data : "", m->text.len, m->err);
    buf_clear(&m->text);
    return out->s != NULL;
}

/* Adds a text to the run, behind separator unless it is the first. */
static bool add_text(struct merger *m, struct span text, struct span separator)
{
    if (m->has_text && !buf_add(&m->text, separator.s, separator.n, m->err))
        return false;
    m->has_text = true;
    return buf_add(&m->text, text.s, text.n, m->err);
}

/* Ends the run: it becomes a part of its own. */
static bool end_run(struct merger *m, struct chat_part *parts, size_t *n_parts)
{
    if (!m->has_text)
        return true;
    m->has_text = false;
    parts[*n_parts] = (struct chat_part){.kind = PART_TEXT};
    return take_text(m, &parts[(*n_parts)++].text);
}

/* Joins the content of n messages into *to: texts run together, between messages with an
 * empty line; other parts keep their places. */
static bool merge_content(struct merger *m, const struct chat_message *messages, size_t n,
                          struct chat_message *to)
{
    const struct span between_parts = m->version >= 15 ? SPAN("") : gap;
    size_t n_max = 0, n_parts = 0;
    for (size_t i = 0; i < n; i++)
        n_max += messages[i].n_parts;
    struct chat_part *parts = arena_new(m->arena, n_max, sizeof *parts, m->err);
    if (!parts)
        return false;
    to->is_list = false;
    for (size_t i = 0; i < n; i++) {
        struct span separator = gap;
        for (size_t k = 0; k < messages[i].n_parts; k++) {
            const struct chat_part *part = &messages[i].parts[k];
            if (part->kind == PART_TEXT) {
                if (part->text.n && !add_text(m, part->text, separator))
                    return false;
                if (part->text.n)
                    separator = between_parts;
                continue;
            }
            if (!end_run(m, parts, &n_parts))
                return false;
            parts[n_parts++] = *part;
            to->is_list = true;
        }
    }
    if (!end_run(m, parts, &n_parts))
        return false;
    to->parts = parts;
    to->n_parts = n_parts;
    return true;
}

/* Writes text, if it is JSON, as the reference does: *out is always JSON afterwards; what is
 * none becomes a JSON text, and nothing becomes {}. */
static bool normalise_json(struct merger *m, struct span text, struct span *out)
{
    struct json_tree tree;
    struct err why = {0};
    *out = SPAN("{}");
    if (!text.n)
        return true;
    bool is_json = json_tree_parse(&tree, "arguments", text.s, text.n, &why);
    bool ok = is_json                  ? json_write(tree.root, &m->text, m->err)
              : why.code == ERR_FORMAT ? json_write_text(text, &m->text, m->err)
                                       : err_set(m->err, why.code, "%s", why.text);
    json_tree_free(&tree);
    return ok && take_text(m, out);
}

static bool merge_calls(struct merger *m, const struct chat_message *messages, size_t n,
                        struct chat_message *to)
{
    size_t n_calls = 0;
    for (size_t i = 0; i < n; i++)
        n_calls += messages[i].n_calls;
    struct chat_call *calls = arena_new(m->arena, n_calls, sizeof *calls, m->err);
    if (!calls)
        return false;
    to->calls = calls;
    to->n_calls = n_calls;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < messages[i].n_calls; k++, calls++) {
            *calls = messages[i].calls[k];
            if (!normalise_json(m, messages[i].calls[k].arguments, &calls->arguments))
                return false;
        }
    return true;
}

/* Adds a message made of source and maybe what follows it. */
static struct chat_message *add_message(struct merger *m, enum chat_role role,
                                        const struct chat_message *source)
{
    struct chat_message *to = &m->out->messages[m->out->n_messages];
    m->out->sources[m->out->n_messages++] = (size_t)(source - m->chat->messages);
    *to = (struct chat_message){.role = role};
    return to;
}

/* Several messages of a user or an assistant in a row are one. */
static bool merge_group(struct merger *m, const struct chat_message *messages, size_t n)
{
    struct chat_message *to = add_message(m, messages->role, messages);
    to->prefix = messages[n - 1].prefix; /* chat_check() refused it elsewhere */
    return merge_content(m, messages, n, to) && merge_calls(m, messages, n, to);
}

/* Up to v3 the model reads a result as JSON, from then on as it is. */
static bool add_result(struct merger *m, const struct chat_message *message)
{
    struct chat_message *to = add_message(m, CHAT_TOOL, message);
    to->call_id = message->call_id;
    to->name = message->name;
    if (!merge_content(m, message, 1, to))
        return false;
    if (m->version > 3)
        return true;
    struct chat_part *part = arena_new(m->arena, 1, sizeof *part, m->err);
    if (!part || !normalise_json(m, to->n_parts ? to->parts->text : SPAN(""), &part->text))
        return false;
    to->parts = part;
    to->n_parts = 1;
    return true;
}

/* Adds the n results after the assistant message at caller, from v11 on in the order of its
 * calls. */
static bool add_results(struct merger *m, const struct chat_message *messages, size_t n,
                        const struct chat_message *caller)
{
    if (m->version < 11 || !caller) {
        for (size_t i = 0; i < n; i++)
            if (!add_result(m, &messages[i]))
                return false;
        return true;
    }
    for (size_t k = 0; k < caller->n_calls; k++)
        for (size_t i = 0; i < n; i++)
            if (span_same(messages[i].call_id, caller->calls[k].id) && !add_result(m, &messages[i]))
                return false;
    return true;
}

static bool add_system(struct merger *m, const struct chat_message *messages, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!merge_content(m, &messages[i], 1, add_message(m, CHAT_SYSTEM, &messages[i])))
            return false;
    return true;
}

/* Joins every system text of the conversation. */
static bool join_system(struct merger *m)
{
    struct span *texts = arena_new(m->arena, m->chat->n_messages, sizeof *texts, m->err);
    size_t n = 0;
    if (!texts)
        return false;
    for (size_t i = 0; i < m->chat->n_messages; i++) {
        struct chat_message one = {0};
        const struct chat_message *message = &m->chat->messages[i];
        if (message->role != CHAT_SYSTEM || !message->n_parts)
            continue;
        if (!merge_content(m, message, 1, &one))
            return false;
        /* A list of empty texts counts, unlike an empty text. */
        texts[n++] = one.n_parts ? one.parts->text : SPAN("");
    }
    for (size_t i = 0; i < n; i++)
        if ((i && !buf_add(&m->text, gap.s, gap.n, m->err)) ||
            !buf_add(&m->text, texts[i].s, texts[i].n, m->err))
            return false;
    return !m->text.len || take_text(m, &m->out->system);
}

static bool merge_all(struct merger *m)
{
    const struct chat_message *messages = m->chat->messages, *caller = NULL;
    bool keeps_system = m->version >= 7, ok = keeps_system || join_system(m);
    for (size_t i = 0, end; ok && i < m->chat->n_messages; i = end) {
        enum chat_role role = messages[i].role;
        for (end = i + 1; end < m->chat->n_messages && messages[end].role == role; end++)
            ;
        if (role == CHAT_SYSTEM && !keeps_system)
            continue;
        if (!keeps_system && !m->out->n_messages && role != CHAT_USER)
            (void)add_message(m, CHAT_USER, messages + i);
        if (role == CHAT_SYSTEM) {
            ok = add_system(m, messages + i, end - i);
        } else if (role == CHAT_TOOL) {
            ok = add_results(m, messages + i, end - i, caller);
        } else {
            ok = merge_group(m, messages + i, end - i);
            if (role == CHAT_ASSISTANT)
                caller = &m->out->messages[m->out->n_messages - 1];
        }
    }
    if (ok && !m->out->n_messages)
        (void)add_message(m, CHAT_USER, messages);
    return ok;
}

bool chat_merge(const struct prompt_format *format, const struct chat *chat, struct arena *arena,
                struct chat_merged *out, struct err *err)
{
    struct merger m = {
        .version = format->version, .chat = chat, .arena = arena, .out = out, .err = err};
    *out = (struct chat_merged){0};
    /* One more for the user message that some formats need in front. */
    out->messages = arena_new(arena, chat->n_messages + 1, sizeof *out->messages, err);
    out->sources = arena_new(arena, chat->n_messages + 1, sizeof *out->sources, err);
    if (!out->messages || !out->sources)
        return false;
    buf_init(&m.text, LIMIT_TEXT_BYTES);
    bool ok = merge_all(&m);
    buf_free(&m.text);
    return ok;
}
