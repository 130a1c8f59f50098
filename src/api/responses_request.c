/* SPDX-License-Identifier: Apache-2.0 */
#include "api/responses_request.h"

#include "api/chat_maker.h"
#include "api/fields.h"

/* What an assistant did in a row is one message of a chat: a thought, a text, calls. */
struct turn {
    struct chat_maker *m;
    struct made *message, *content, *calls; /* NULL: none is open */
    bool has_text;
};

static bool refuse(const struct json_node *node, struct err *err, enum err_code code,
                   const char *why)
{
    (void)json_node_fail(node, err, "%s", why);
    err->code = code;
    return false;
}

/* --- items ------------------------------------------------------------------------------------ */

static void close_turn(struct turn *turn)
{
    make_plain(turn->content);
    *turn = (struct turn){.m = turn->m};
}

/* An assistant's message that nothing follows yet that has to stand before what is added. */
static void open_turn(struct turn *turn)
{
    if (turn->message)
        return;
    turn->message = make_message(turn->m, "assistant");
    turn->content = make_node(turn->m, turn->message, "content", NODE_ARRAY);
}

/* Adds a text, or the parts of a list: those of chats have the same names. */
static bool add_parts(struct chat_maker *m, struct made *content, const struct json_node *node)
{
    if (!node)
        return true;
    if (node->kind == NODE_STRING) {
        make_part(m, content, "text", node->text);
        return true;
    }
    if (node->kind != NODE_ARRAY)
        return json_node_fail(node, m->err, "expected a text or a list of parts");
    for (const struct json_node *part = node->first; part; part = part->next) {
        if (part->kind != NODE_OBJECT)
            return json_node_fail(part, m->err, "expected a part, an object with a type");
        make_copy(m, content, NULL, part);
    }
    return true;
}

static bool add_message(struct turn *turn, const struct json_node *item)
{
    struct span role;
    const struct json_node *content = field_find(item, "content");
    if (!field_need_text(item, "role", &role, turn->m->err))
        return false;
    if (!content)
        return json_node_fail(item, turn->m->err, "content: missing");
    if (span_is(role, "assistant")) {
        if (turn->has_text || turn->calls)
            close_turn(turn);
        open_turn(turn);
        turn->has_text = true;
        return add_parts(turn->m, turn->content, content);
    }
    bool is_user = span_is(role, "user");
    if (!is_user && !span_is(role, "system") && !span_is(role, "developer"))
        return json_node_fail(field_find(item, "role"), turn->m->err,
                              "expected \"user\", \"assistant\", \"system\" or \"developer\"");
    close_turn(turn);
    struct made *message = make_message(turn->m, is_user ? "user" : "system");
    struct made *parts = make_node(turn->m, message, "content", NODE_ARRAY);
    if (!add_parts(turn->m, parts, content))
        return false;
    make_plain(parts);
    return true;
}

static bool add_call(struct turn *turn, const struct json_node *item)
{
    struct span id, name;
    if (!field_need_text(item, "call_id", &id, turn->m->err) ||
        !field_need_text(item, "name", &name, turn->m->err))
        return false;
    open_turn(turn);
    make_call(turn->m, turn->message, &turn->calls, id, name, field_find(item, "arguments"));
    return true;
}

static bool add_output(struct turn *turn, const struct json_node *item)
{
    struct span id;
    if (!field_need_text(item, "call_id", &id, turn->m->err))
        return false;
    close_turn(turn);
    struct made *message = make_message(turn->m, "tool");
    make_text(turn->m, message, "tool_call_id", id);
    struct made *content = make_node(turn->m, message, "content", NODE_ARRAY);
    if (!add_parts(turn->m, content, field_find(item, "output")))
        return false;
    make_plain(content);
    return true;
}

/* A thought; its summary, where the thought itself is kept from us. */
static bool add_reasoning(struct turn *turn, const struct json_node *item)
{
    const struct json_node *content = field_find(item, "content");
    const struct json_node *list = content ? content : field_find(item, "summary");
    if (!list)
        return true;
    if (list->kind != NODE_ARRAY)
        return json_node_fail(list, turn->m->err, "expected a list of texts");
    if (turn->has_text || turn->calls)
        close_turn(turn);
    for (const struct json_node *part = list->first; part; part = part->next) {
        struct span text;
        if (part->kind != NODE_OBJECT)
            return json_node_fail(part, turn->m->err, "expected an object with a text");
        if (!field_need_text(part, "text", &text, turn->m->err))
            return false;
        open_turn(turn);
        make_part(turn->m, turn->content, "thinking", text);
    }
    return true;
}

/* Says whether an item tells of what only the service does; no model here knows it. */
static bool is_of_service(struct span type)
{
    static const char *const types[] = {
        "web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call",
        "mcp_list_tools",  "mcp_call",         "mcp_approval_request",  "mcp_approval_response"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (span_is(type, types[i]))
            return true;
    return false;
}

static bool add_item(struct turn *turn, const struct json_node *item)
{
    struct err *err = turn->m->err;
    struct span type = SPAN("message");
    if (item->kind != NODE_OBJECT)
        return json_node_fail(item, err, "expected an item, an object");
    if (!field_text(item, "type", &type, err))
        return false;
    if (span_is(type, "message"))
        return add_message(turn, item);
    if (span_is(type, "function_call"))
        return add_call(turn, item);
    if (span_is(type, "function_call_output"))
        return add_output(turn, item);
    if (span_is(type, "reasoning"))
        return add_reasoning(turn, item);
    if (span_is(type, "item_reference"))
        return refuse(item, err, ERR_NOT_FOUND, "no items are stored here; send the item itself");
    return is_of_service(type) || json_node_fail(field_find(item, "type"), err,
                                                 "\"%.*s\" is no type of item that is taken here",
                                                 type.n > 40 ? 40 : (int)type.n, type.s);
}

static bool add_input(struct chat_maker *m, const struct json_node *body)
{
    struct turn turn = {.m = m};
    const struct json_node *input = field_find(body, "input");
    struct span instructions = {0};
    if (!field_text(body, "instructions", &instructions, m->err))
        return false;
    if (instructions.n)
        make_text(m, make_message(m, "system"), "content", instructions);
    if (!input)
        return json_node_fail(body, m->err, "input: missing; expected a text or a list of items");
    if (input->kind == NODE_STRING) {
        make_text(m, make_message(m, "user"), "content", input->text);
        return true;
    }
    if (input->kind != NODE_ARRAY)
        return json_node_fail(input, m->err, "expected a text or a list of items");
    for (const struct json_node *item = input->first; item; item = item->next)
        if (!add_item(&turn, item))
            return false;
    close_turn(&turn);
    return true;
}

/* --- tools and settings -------------------------------------------------------------------------
 */

static bool add_tools(struct chat_maker *m, const struct json_node *body)
{
    const struct json_node *list = field_find(body, "tools");
    if (!list)
        return true;
    if (list->kind != NODE_ARRAY)
        return json_node_fail(list, m->err, "expected a list of tools");
    for (const struct json_node *tool = list->first; tool; tool = tool->next) {
        struct span type, name;
        if (tool->kind != NODE_OBJECT)
            return json_node_fail(tool, m->err, "expected a tool, an object with a type");
        if (!field_need_text(tool, "type", &type, m->err))
            return false;
        if (!span_is(type, "function"))
            return refuse(tool, m->err, ERR_UNSUPPORTED,
                          "only tools of the type \"function\" are known here");
        if (!field_need_text(tool, "name", &name, m->err))
            return false;
        const struct json_node *schema = field_find(tool, "parameters");
        if (schema && schema->kind != NODE_OBJECT)
            return json_node_fail(schema, m->err, "expected a JSON Schema, an object");
        make_tool(m, name, field_find(tool, "description"), schema, field_find(tool, "strict"));
    }
    return true;
}

/* {"type": "allowed_tools", "mode": ..., "tools": [...]}, which chats have one level deeper. */
static bool add_allowed_tools(struct chat_maker *m, const struct json_node *choice)
{
    struct span mode = SPAN("auto"), name;
    const struct json_node *list = field_find(choice, "tools");
    if (!field_text(choice, "mode", &mode, m->err))
        return false;
    if (!list || list->kind != NODE_ARRAY)
        return json_node_fail(list ? list : choice, m->err, "expected a list of tools");
    struct made *made = make_node(m, m->root, "tool_choice", NODE_OBJECT);
    make_text(m, made, "type", SPAN("allowed_tools"));
    struct made *allowed = make_node(m, made, "allowed_tools", NODE_OBJECT);
    make_text(m, allowed, "mode", mode);
    struct made *tools = make_node(m, allowed, "tools", NODE_ARRAY);
    for (const struct json_node *tool = list->first; tool; tool = tool->next) {
        if (tool->kind != NODE_OBJECT)
            return json_node_fail(tool, m->err, "expected an object with the name of a function");
        if (!field_need_text(tool, "name", &name, m->err))
            return false;
        make_function_choice(m, tools, NULL, name);
    }
    return true;
}

static bool add_tool_choice(struct chat_maker *m, const struct json_node *body)
{
    const struct json_node *choice = field_find(body, "tool_choice");
    struct span type, name;
    if (!choice)
        return true;
    if (choice->kind == NODE_STRING) {
        make_copy(m, m->root, "tool_choice", choice);
        return true;
    }
    if (choice->kind != NODE_OBJECT)
        return json_node_fail(choice, m->err, "expected a text or an object");
    if (!field_need_text(choice, "type", &type, m->err))
        return false;
    if (span_is(type, "allowed_tools"))
        return add_allowed_tools(m, choice);
    if (!span_is(type, "function"))
        return refuse(choice, m->err, ERR_UNSUPPORTED,
                      "only tools of the type \"function\" are known here");
    if (!field_need_text(choice, "name", &name, m->err))
        return false;
    make_function_choice(m, m->root, "tool_choice", name);
    return true;
}

static bool add_format(struct chat_maker *m, const struct json_node *body)
{
    struct span type;
    const struct json_node *text = field_find(body, "text");
    if (text && text->kind != NODE_OBJECT)
        return json_node_fail(text, m->err, "expected an object");
    const struct json_node *format = text ? field_find(text, "format") : NULL;
    if (!format)
        return true;
    if (format->kind != NODE_OBJECT)
        return json_node_fail(format, m->err, "expected an object");
    if (!field_need_text(format, "type", &type, m->err))
        return false;
    if (!span_is(type, "json_schema")) {
        struct made *made = make_node(m, m->root, "response_format", NODE_OBJECT);
        make_text(m, made, "type", type);
        return true;
    }
    const struct json_node *schema = field_find(format, "schema");
    if (!schema)
        return json_node_fail(format, m->err, "schema: missing");
    make_schema_format(m, field_find(format, "name"), schema, field_find(format, "strict"));
    return true;
}

static bool add_effort(struct chat_maker *m, const struct json_node *body)
{
    const struct json_node *reasoning = field_find(body, "reasoning");
    if (!reasoning)
        return true;
    if (reasoning->kind != NODE_OBJECT)
        return json_node_fail(reasoning, m->err, "expected an object");
    return make_effort(m, field_find(reasoning, "effort"));
}

bool responses_wants_chances(const struct json_node *body)
{
    const struct json_node *include = field_find(body, "include");
    const struct json_node *top = field_find(body, "top_logprobs");
    if (top && !(top->kind == NODE_NUMBER && span_is(top->text, "0")))
        return true;
    for (const struct json_node *what = include ? include->first : NULL; what; what = what->next)
        if (what->kind == NODE_STRING && span_is(what->text, "message.output_text.logprobs"))
            return true;
    return false;
}

/* What refers to something that was stored, or asks for an answer that would have to be. */
static bool is_stateless(const struct json_node *body, struct err *err)
{
    static const char *const names[] = {"previous_response_id", "conversation", "prompt"};
    bool background = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct json_node *node = field_find(body, names[i]);
        if (node)
            return refuse(node, err, ERR_NOT_FOUND,
                          "nothing is stored here; send the whole conversation as input");
    }
    if (!field_bool(body, "background", &background, err))
        return false;
    return !background || refuse(field_find(body, "background"), err, ERR_UNSUPPORTED,
                                 "answers are not stored here, so none can be fetched later");
}

bool responses_request_read(const struct json_node *body, struct json_tree *out, struct err *err)
{
    static const char *const same[] = {"model",
                                       "temperature",
                                       "top_p",
                                       "top_k",
                                       "min_p",
                                       "presence_penalty",
                                       "seed",
                                       "frequency_penalty",
                                       "repetition_penalty",
                                       "random_seed",
                                       "logit_bias",
                                       "structured_outputs",
                                       "stream",
                                       "top_logprobs",
                                       "parallel_tool_calls",
                                       "stop",
                                       "ignore_eos",
                                       NULL};
    struct chat_maker m;
    int64_t max = 0;
    *out = (struct json_tree){0};
    if (!chat_maker_init(&m, out, err) || !is_stateless(body, err) ||
        !field_int(body, "max_output_tokens", 0, INT32_MAX, &max, err))
        return false;
    make_same(&m, body, same);
    if (field_find(body, "max_output_tokens"))
        make_copy(&m, m.root, "max_tokens", field_find(body, "max_output_tokens"));
    if (responses_wants_chances(body))
        make_bool(&m, m.root, "logprobs", true);
    return add_input(&m, body) && add_tools(&m, body) && add_tool_choice(&m, body) &&
           add_format(&m, body) && add_effort(&m, body) && chat_maker_done(&m);
}
