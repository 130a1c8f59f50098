/* SPDX-License-Identifier: Apache-2.0 */
#include "api/anthropic_request.h"

#include <string.h>

#include "api/chat_maker.h"
#include "api/fields.h"

/* Claude Code puts this in front of its system text, with another number each time: it says
 * nothing to a model and would keep prompts from having a common beginning. */
static const char billing[] = "x-anthropic-billing-header:";

static bool begins(struct span text, const char *with)
{
    size_t n = strlen(with);
    return text.n >= n && memcmp(text.s, with, n) == 0;
}

/* The type of a block; fails where there is none. */
static bool read_type(const struct json_node *block, struct span *type, struct err *err)
{
    *type = SPAN("");
    if (block->kind != NODE_OBJECT)
        return json_node_fail(block, err, "expected a block, an object with a type");
    return field_need_text(block, "type", type, err);
}

/* --- blocks -------------------------------------------------------------------------------- */

static bool add_image(struct chat_maker *m, struct made *content, const struct json_node *block)
{
    struct span type, data, media;
    const struct json_node *source = field_need(block, "source", NODE_OBJECT, m->err);
    if (!source || !read_type(source, &type, m->err))
        return false;
    if (span_is(type, "url")) {
        if (!field_need_text(source, "url", &data, m->err))
            return false;
        make_part(m, content, "image_url", data);
        return true;
    }
    if (!span_is(type, "base64"))
        return err_set(m->err, ERR_UNSUPPORTED,
                       "images are taken as base64 or url; this one is given as '%.*s'",
                       type.n > 40 ? 40 : (int)type.n, type.s);
    if (!field_need_text(source, "data", &data, m->err) ||
        !field_need_text(source, "media_type", &media, m->err))
        return false;
    struct span head = make_joined(m, SPAN("data:"), SPAN(""), media);
    make_part(m, content, "image_url", make_joined(m, head, SPAN(";base64,"), data));
    return true;
}

static bool add_blocks(struct chat_maker *m, struct made *content, const struct json_node *node);

/* What a document or a result of a search is called stands above its text. */
static bool add_titles(struct chat_maker *m, struct made *content, const struct json_node *block,
                       const char *const *names)
{
    struct span titles = {0};
    for (; *names; names++) {
        struct span title = {0};
        const struct json_node *node = field_find(block, *names);
        if (!node || node->kind != NODE_STRING)
            continue;
        title = node->text;
        titles = titles.n ? make_joined(m, titles, SPAN("\n"), title) : title;
    }
    if (titles.n)
        make_part(m, content, "text", titles);
    return true;
}

static bool add_document(struct chat_maker *m, struct made *content, const struct json_node *block)
{
    static const char *const names[] = {"title", "context", NULL};
    struct span type, text;
    const struct json_node *source = field_need(block, "source", NODE_OBJECT, m->err);
    if (!source || !read_type(source, &type, m->err) || !add_titles(m, content, block, names))
        return false;
    if (span_is(type, "content")) {
        const struct json_node *inner = field_find(source, "content");
        return inner ? add_blocks(m, content, inner)
                     : json_node_fail(source, m->err, "content: missing");
    }
    if (!span_is(type, "text"))
        return err_set(m->err, ERR_UNSUPPORTED,
                       "documents are taken as text only; this one is given as '%.*s'",
                       type.n > 40 ? 40 : (int)type.n, type.s);
    if (!field_need_text(source, "data", &text, m->err))
        return false;
    make_part(m, content, "text", text);
    return true;
}

static bool add_search_result(struct chat_maker *m, struct made *content,
                              const struct json_node *block)
{
    static const char *const names[] = {"title", "source", NULL};
    const struct json_node *inner = field_need(block, "content", NODE_ARRAY, m->err);
    return inner && add_titles(m, content, block, names) && add_blocks(m, content, inner);
}

/* Adds a block that says something by itself. */
static bool add_block(struct chat_maker *m, struct made *content, const struct json_node *block,
                      struct span type)
{
    struct span text;
    if (span_is(type, "text")) {
        if (!field_need_text(block, "text", &text, m->err))
            return false;
        make_part(m, content, "text", text);
        return true;
    }
    if (span_is(type, "image"))
        return add_image(m, content, block);
    if (span_is(type, "document"))
        return add_document(m, content, block);
    if (span_is(type, "search_result"))
        return add_search_result(m, content, block);
    return json_node_fail(field_find(block, "type"), m->err,
                          "\"%.*s\" is no type of block that is taken here",
                          type.n > 40 ? 40 : (int)type.n, type.s);
}

/* Adds a text, or a list of blocks. */
static bool add_blocks(struct chat_maker *m, struct made *content, const struct json_node *node)
{
    if (node->kind == NODE_STRING) {
        make_part(m, content, "text", node->text);
        return true;
    }
    if (node->kind != NODE_ARRAY)
        return json_node_fail(node, m->err, "expected a text or a list of blocks");
    for (const struct json_node *block = node->first; block; block = block->next) {
        struct span type;
        if (!read_type(block, &type, m->err) || !add_block(m, content, block, type))
            return false;
    }
    return true;
}

/* --- messages ------------------------------------------------------------------------------- */

static bool add_system(struct chat_maker *m, const struct json_node *system)
{
    if (!system)
        return true;
    struct made *message = make_message(m, "system");
    struct made *content = make_node(m, message, "content", NODE_ARRAY);
    if (system->kind == NODE_STRING) {
        struct span text = system->text;
        const char *end = begins(text, billing) ? memchr(text.s, '\n', text.n) : NULL;
        if (end)
            text = (struct span){end + 1, (size_t)(text.s + text.n - end - 1)};
        make_part(m, content, "text", text);
    } else if (system->kind == NODE_ARRAY) {
        for (const struct json_node *block = system->first; block; block = block->next) {
            struct span type, text;
            if (!read_type(block, &type, m->err) || !field_need_text(block, "text", &text, m->err))
                return false;
            if (!begins(text, billing))
                make_part(m, content, "text", text);
        }
    } else {
        return json_node_fail(system, m->err, "expected a text or a list of text blocks");
    }
    make_plain(content);
    return true;
}

/* Results stand before what the user says beside them: they belong to the calls above. */
static bool add_results(struct chat_maker *m, const struct json_node *blocks)
{
    for (const struct json_node *block = blocks->first; block; block = block->next) {
        struct span type, id;
        if (!read_type(block, &type, m->err))
            return false;
        if (!span_is(type, "tool_result"))
            continue;
        if (!field_need_text(block, "tool_use_id", &id, m->err))
            return false;
        struct made *message = make_message(m, "tool");
        make_text(m, message, "tool_call_id", id);
        struct made *content = make_node(m, message, "content", NODE_ARRAY);
        const struct json_node *inner = field_find(block, "content");
        if (inner && !add_blocks(m, content, inner))
            return false;
        const struct json_node *is_error = field_find(block, "is_error");
        if (content && !content->node.n && is_error && is_error->kind == NODE_TRUE)
            make_part(m, content, "text", SPAN("error"));
        make_plain(content);
    }
    return true;
}

static bool add_user(struct chat_maker *m, const char *role, const struct json_node *content)
{
    struct made *message, *parts;
    size_t n_results = 0;
    if (content->kind == NODE_STRING) {
        make_copy(m, make_message(m, role), "content", content);
        return true;
    }
    if (!add_results(m, content))
        return false;
    for (const struct json_node *block = content->first; block; block = block->next)
        n_results += span_is(field_find(block, "type")->text, "tool_result");
    if (n_results && n_results == content->n)
        return true;
    message = make_message(m, role);
    parts = make_node(m, message, "content", NODE_ARRAY);
    for (const struct json_node *block = content->first; block; block = block->next) {
        struct span type = field_find(block, "type")->text;
        if (!span_is(type, "tool_result") && !add_block(m, parts, block, type))
            return false;
    }
    make_plain(parts);
    return true;
}

/* Says whether a block tells of what only the service does; no model here knows it. */
static bool is_of_service(struct span type)
{
    return span_is(type, "redacted_thinking") || span_is(type, "server_tool_use") ||
           span_is(type, "mcp_tool_use") || span_is(type, "container_upload") ||
           (type.n > 12 && memcmp(type.s + type.n - 12, "_tool_result", 12) == 0);
}

static bool add_assistant(struct chat_maker *m, const struct json_node *content)
{
    struct made *message = make_message(m, "assistant"), *calls = NULL;
    if (content->kind == NODE_STRING) {
        make_copy(m, message, "content", content);
        return true;
    }
    struct made *parts = make_node(m, message, "content", NODE_ARRAY);
    for (const struct json_node *block = content->first; block; block = block->next) {
        struct span type, id, name, text;
        if (!read_type(block, &type, m->err))
            return false;
        if (is_of_service(type))
            continue;
        if (span_is(type, "tool_use")) {
            if (!field_need_text(block, "id", &id, m->err) ||
                !field_need_text(block, "name", &name, m->err))
                return false;
            make_call(m, message, &calls, id, name, field_find(block, "input"));
        } else if (span_is(type, "thinking")) {
            if (!field_need_text(block, "thinking", &text, m->err))
                return false;
            make_part(m, parts, "thinking", text);
        } else if (!add_block(m, parts, block, type)) {
            return false;
        }
    }
    make_plain(parts);
    return true;
}

static bool add_message(struct chat_maker *m, const struct json_node *message)
{
    struct span role;
    if (message->kind != NODE_OBJECT)
        return json_node_fail(message, m->err, "expected an object with role and content");
    if (!field_need_text(message, "role", &role, m->err))
        return false;
    const struct json_node *content = field_find(message, "content");
    if (!content || (content->kind != NODE_STRING && content->kind != NODE_ARRAY))
        return json_node_fail(content ? content : message, m->err,
                              "expected content, a text or a list of blocks");
    if (span_is(role, "assistant"))
        return add_assistant(m, content);
    if (span_is(role, "user"))
        return add_user(m, "user", content);
    if (span_is(role, "system"))
        return add_user(m, "system", content);
    return json_node_fail(field_find(message, "role"), m->err,
                          "expected \"user\", \"assistant\" or \"system\"");
}

static bool add_messages(struct chat_maker *m, const struct json_node *body)
{
    const struct json_node *list = field_need(body, "messages", NODE_ARRAY, m->err);
    if (!list)
        return false;
    if (!list->n)
        return json_node_fail(list, m->err, "expected one message or more");
    for (const struct json_node *message = list->first; message; message = message->next)
        if (!add_message(m, message))
            return false;
    /* What the assistant said last is the beginning of the answer. */
    if (chat_maker_done(m) && span_is(json_member(&m->message->node, "role")->text, "assistant"))
        make_bool(m, m->message, "prefix", true);
    return true;
}

/* --- tools and settings ----------------------------------------------------------------------- */

/* Tools that the service runs itself come without a schema; no model here can use them. */
static bool add_tools(struct chat_maker *m, const struct json_node *body)
{
    const struct json_node *list = field_find(body, "tools");
    if (!list)
        return true;
    if (list->kind != NODE_ARRAY)
        return json_node_fail(list, m->err, "expected a list of tools");
    for (const struct json_node *tool = list->first; tool; tool = tool->next) {
        struct span name, type = SPAN("custom");
        if (tool->kind != NODE_OBJECT)
            return json_node_fail(tool, m->err, "expected a tool, an object with a name");
        const struct json_node *schema = field_find(tool, "input_schema");
        if (!field_text(tool, "type", &type, m->err))
            return false;
        if (!schema && !span_is(type, "custom"))
            continue;
        if (schema && schema->kind != NODE_OBJECT)
            return json_node_fail(schema, m->err, "expected a JSON Schema, an object");
        if (!field_need_text(tool, "name", &name, m->err))
            return false;
        make_tool(m, name, field_find(tool, "description"), schema, field_find(tool, "strict"));
    }
    return true;
}

static bool add_tool_choice(struct chat_maker *m, const struct json_node *body)
{
    const struct json_node *choice = field_find(body, "tool_choice");
    struct span type, name;
    bool alone = false;
    if (!choice)
        return true;
    if (!read_type(choice, &type, m->err) ||
        !field_bool(choice, "disable_parallel_tool_use", &alone, m->err))
        return false;
    if (alone)
        make_bool(m, m->root, "parallel_tool_calls", false);
    if (span_is(type, "tool")) {
        if (!field_need_text(choice, "name", &name, m->err))
            return false;
        make_function_choice(m, m->root, "tool_choice", name);
        return true;
    }
    if (!span_is(type, "auto") && !span_is(type, "any") && !span_is(type, "none"))
        return json_node_fail(choice, m->err,
                              "expected the type \"auto\", \"any\", \"tool\" or \"none\"");
    make_text(m, m->root, "tool_choice", type);
    return true;
}

/* Who does not ask for thoughts gets none, as from the service. */
static bool add_thinking(struct chat_maker *m, const struct json_node *body,
                         const struct json_node *effort)
{
    const struct json_node *thinking = field_find(body, "thinking");
    struct span type = SPAN("disabled"), display = {0};
    if (thinking &&
        (!read_type(thinking, &type, m->err) || !field_text(thinking, "display", &display, m->err)))
        return false;
    bool thinks = span_is(type, "enabled") || span_is(type, "adaptive");
    if (!thinks && !span_is(type, "disabled"))
        return json_node_fail(thinking, m->err,
                              "expected the type \"enabled\", \"adaptive\" or \"disabled\"");
    make_bool(m, m->root, "include_reasoning", thinks && !span_is(display, "omitted"));
    if (thinks && effort)
        return make_effort(m, effort);
    make_text(m, m->root, "reasoning_effort", thinks ? SPAN("high") : SPAN("none"));
    return true;
}

static bool add_format(struct chat_maker *m, const struct json_node *format)
{
    struct span type;
    if (!format)
        return true;
    if (!read_type(format, &type, m->err))
        return false;
    const struct json_node *schema = field_find(format, "schema");
    if (!span_is(type, "json_schema") || !schema)
        return json_node_fail(format, m->err, "expected the type \"json_schema\" with a schema");
    make_schema_format(m, NULL, schema, NULL);
    return true;
}

static bool add_output(struct chat_maker *m, const struct json_node *body)
{
    const struct json_node *config = field_find(body, "output_config");
    if (config && config->kind != NODE_OBJECT)
        return json_node_fail(config, m->err, "expected an object");
    const struct json_node *effort = config ? field_find(config, "effort") : NULL;
    const struct json_node *format = config ? field_find(config, "format") : NULL;
    return add_thinking(m, body, effort) &&
           add_format(m, format ? format : field_find(body, "output_format"));
}

static bool add_stop(struct chat_maker *m, const struct json_node *body)
{
    const struct json_node *list = field_find(body, "stop_sequences");
    if (!list)
        return true;
    if (list->kind != NODE_ARRAY)
        return json_node_fail(list, m->err, "expected a list of texts");
    make_copy(m, m->root, "stop", list);
    return true;
}

bool anthropic_request_read(const struct json_node *body, bool only_prompt, struct json_tree *out,
                            struct err *err)
{
    static const char *const same[] = {"model", "max_tokens", "temperature", "top_p", "top_k",
                                       "min_p", "seed",       "stream",      NULL};
    struct chat_maker m;
    *out = (struct json_tree){0};
    if (!chat_maker_init(&m, out, err))
        return false;
    if (!only_prompt && !field_need(body, "max_tokens", NODE_NUMBER, err))
        return false;
    make_same(&m, body, same);
    return add_system(&m, field_find(body, "system")) && add_messages(&m, body) &&
           add_tools(&m, body) && add_tool_choice(&m, body) && add_output(&m, body) &&
           add_stop(&m, body) && chat_maker_done(&m);
}
