/* SPDX-License-Identifier: Apache-2.0 */
#include "text/chat.h"

#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "text/call_id.h"
#include "text/chat_part_int.h"

static const char *const role_names[] = {"system", "user", "assistant", "tool"};

struct reader {
    struct chat *chat;
    enum chat_spelling spelling;
    struct err *err;
};

/* Finds a member that is not null. */
static const struct json_node *find(const struct json_node *object, const char *key)
{
    const struct json_node *value = json_member(object, key);
    return value && value->kind != NODE_NULL ? value : NULL;
}

/* Reads a member that may be missing; then *out keeps its value. */
static bool opt_text(const struct reader *in, const struct json_node *object, const char *key,
                     struct span *out)
{
    const struct json_node *value = find(object, key);
    if (!value)
        return true;
    if (value->kind != NODE_STRING)
        return json_node_fail(value, in->err, "expected a text");
    *out = value->text;
    return true;
}

static bool opt_bool(const struct reader *in, const struct json_node *object, const char *key,
                     bool *out)
{
    const struct json_node *value = find(object, key);
    if (!value)
        return true;
    if (value->kind != NODE_TRUE && value->kind != NODE_FALSE)
        return json_node_fail(value, in->err, "expected true or false");
    *out = value->kind == NODE_TRUE;
    return true;
}

/* Finds a list that may be missing, of at most max items. */
static bool opt_list(const struct reader *in, const struct json_node *object, const char *key,
                     size_t max, const struct json_node **out)
{
    *out = find(object, key);
    if (!*out)
        return true;
    if ((*out)->kind != NODE_ARRAY)
        return json_node_fail(*out, in->err, "expected a list");
    if ((*out)->n > max)
        return json_node_fail(*out, in->err, "%zu items; at most %zu are taken", (*out)->n, max);
    return true;
}

static bool read_role(const struct reader *in, const struct json_node *node, enum chat_role *role)
{
    const struct json_node *value = find(node, "role");
    if (!value || value->kind != NODE_STRING)
        return json_node_fail(value ? value : node, in->err,
                              "expected a role: system, user, assistant or tool");
    if (in->spelling == CHAT_OPENAI && span_is(value->text, "developer")) {
        *role = CHAT_SYSTEM;
        return true;
    }
    for (size_t i = 0; i < sizeof role_names / sizeof *role_names; i++)
        if (span_is(value->text, role_names[i])) {
            *role = (enum chat_role)i;
            return true;
        }
    return json_node_fail(value, in->err,
                          "\"%.*s\" is no role: system, user, assistant and tool are",
                          value->text.n > 40 ? 40 : (int)value->text.n, value->text.s);
}

/* Ids of other vendors' form become such as stand in prompts. */
static bool read_id(const struct reader *in, const struct json_node *node, const char *key,
                    struct span *id)
{
    if (!opt_text(in, node, key, id))
        return false;
    if (in->spelling != CHAT_OPENAI || !id->s || call_id_is_valid(*id) || span_is(*id, "null"))
        return true;
    char *mapped = arena_new(&in->chat->arena, CALL_ID_BYTES + 1, 1, in->err);
    if (!mapped)
        return false;
    call_id_of(*id, mapped);
    *id = (struct span){mapped, CALL_ID_BYTES};
    return true;
}

/* Reads arguments: a text of JSON, or the JSON itself. */
static bool read_arguments(const struct reader *in, const struct json_node *function,
                           struct span *out)
{
    const struct json_node *value = find(function, "arguments");
    *out = SPAN("");
    if (!value)
        return true;
    if (value->kind == NODE_STRING) {
        *out = value->text;
        return true;
    }
    struct buf text;
    buf_init(&text, LIMIT_REQUEST_BYTES);
    bool ok = json_write(value, &text, in->err);
    if (ok) {
        out->n = text.len;
        out->s = arena_string(&in->chat->arena, text.data, text.len, in->err);
        ok = out->s != NULL;
    }
    buf_free(&text);
    return ok;
}

/* Says whether a call or a tool is a function, the only kind there is, and finds it. */
static bool find_function(const struct reader *in, const struct json_node *node,
                          const struct json_node **function)
{
    const struct json_node *type = find(node, "type");
    if (node->kind != NODE_OBJECT)
        return json_node_fail(node, in->err, "expected an object with a function");
    if (type && (type->kind != NODE_STRING || !span_is(type->text, "function")))
        return json_node_fail(type, in->err, "expected \"function\"");
    *function = find(node, "function");
    if (!*function || (*function)->kind != NODE_OBJECT)
        return json_node_fail(*function ? *function : node, in->err,
                              "expected a function, an object with a name");
    const struct json_node *name = find(*function, "name");
    if (!name || name->kind != NODE_STRING)
        return json_node_fail(name ? name : *function, in->err, "expected the name of a function");
    return true;
}

static bool read_calls(const struct reader *in, const struct json_node *node,
                       struct chat_message *message)
{
    const struct json_node *list, *function;
    if (!opt_list(in, node, "tool_calls", LIMIT_TOOLS, &list))
        return false;
    if (!list || !list->n)
        return true;
    struct chat_call *calls = arena_new(&in->chat->arena, list->n, sizeof *calls, in->err);
    if (!calls)
        return false;
    message->calls = calls;
    message->n_calls = list->n;
    for (const struct json_node *item = list->first; item; item = item->next, calls++) {
        calls->id = SPAN("null");
        if (!find_function(in, item, &function) || !read_id(in, item, "id", &calls->id) ||
            !read_arguments(in, function, &calls->arguments))
            return false;
        calls->name = json_member(function, "name")->text;
    }
    return true;
}

static bool has_thinking(const struct chat_message *message)
{
    for (size_t i = 0; i < message->n_parts; i++)
        if (message->parts[i].kind == PART_THINKING)
            return true;
    return false;
}

/* Thoughts beside the content, which two servers call by two names. */
static bool read_reasoning(const struct reader *in, const struct json_node *node,
                           struct chat_message *message)
{
    struct span a = {0}, b = {0};
    if (!opt_text(in, node, "reasoning", &a) || !opt_text(in, node, "reasoning_content", &b))
        return false;
    if (a.s && b.s && !span_same(a, b))
        return json_node_fail(node, in->err,
                              "reasoning and reasoning_content differ; give one of them");
    struct span reasoning = a.s ? a : b;
    if (!reasoning.n)
        return true;
    if (has_thinking(message))
        return json_node_fail(node, in->err,
                              "reasoning beside thinking parts in content; give one of them");
    return chat_add_reasoning(&in->chat->arena, reasoning, message, in->err);
}

static bool read_message(const struct reader *in, const struct json_node *node,
                         struct chat_message *message)
{
    if (node->kind != NODE_OBJECT)
        return json_node_fail(node, in->err, "expected an object with role and content");
    if (!read_role(in, node, &message->role))
        return false;
    if (message->role != CHAT_ASSISTANT && !json_member(node, "content"))
        return json_node_fail(node, in->err, "content: missing");
    if (!chat_read_content(&in->chat->arena, json_member(node, "content"), message, in->err))
        return false;
    if (message->role != CHAT_ASSISTANT && message->role != CHAT_SYSTEM && has_thinking(message))
        return json_node_fail(node, in->err, "thinking cannot be part of a %s message",
                              role_names[message->role]);
    if (message->role == CHAT_ASSISTANT)
        return read_reasoning(in, node, message) && read_calls(in, node, message) &&
               opt_bool(in, node, "prefix", &message->prefix);
    return message->role != CHAT_TOOL || (read_id(in, node, "tool_call_id", &message->call_id) &&
                                          opt_text(in, node, "name", &message->name));
}

static bool read_messages(const struct reader *in, const struct json_node *root)
{
    const struct json_node *list;
    if (!opt_list(in, root, "messages", LIMIT_MESSAGES, &list))
        return false;
    if (!list)
        return json_node_fail(root, in->err, "messages: missing");
    struct chat_message *messages = arena_new(&in->chat->arena, list->n, sizeof *messages, in->err);
    if (!messages)
        return false;
    in->chat->messages = messages;
    in->chat->n_messages = list->n;
    for (const struct json_node *item = list->first; item; item = item->next)
        if (!read_message(in, item, messages++))
            return false;
    return true;
}

static bool read_tool(const struct reader *in, const struct json_node *node, struct chat_tool *tool)
{
    const struct json_node *function = NULL;
    tool->description = SPAN("");
    if (!find_function(in, node, &function) ||
        !opt_text(in, function, "description", &tool->description))
        return false;
    tool->name = json_member(function, "name")->text;
    const struct json_node *strict = find(function, "strict");
    tool->is_strict = strict && strict->kind == NODE_TRUE;
    tool->parameters = find(function, "parameters");
    if (tool->parameters && tool->parameters->kind != NODE_OBJECT)
        return json_node_fail(tool->parameters, in->err, "expected a JSON Schema, an object");
    return true;
}

static bool read_tools(const struct reader *in, const struct json_node *root)
{
    const struct json_node *list;
    if (!opt_list(in, root, "tools", LIMIT_TOOLS, &list))
        return false;
    if (!list || !list->n)
        return true;
    struct chat_tool *tools = arena_new(&in->chat->arena, list->n, sizeof *tools, in->err);
    if (!tools)
        return false;
    in->chat->tools = tools;
    in->chat->n_tools = list->n;
    for (const struct json_node *item = list->first; item; item = item->next)
        if (!read_tool(in, item, tools++))
            return false;
    return true;
}

/* OpenAI has more degrees; a model of this family knows with and without. */
static bool read_effort(const struct reader *in, const struct json_node *root)
{
    struct span *effort = &in->chat->reasoning_effort;
    if (!opt_text(in, root, "reasoning_effort", effort))
        return false;
    if (in->spelling == CHAT_OPENAI && span_is(*effort, "minimal"))
        *effort = SPAN("none");
    if (in->spelling == CHAT_OPENAI && (span_is(*effort, "low") || span_is(*effort, "medium") ||
                                        span_is(*effort, "xhigh") || span_is(*effort, "max")))
        *effort = SPAN("high");
    if (!effort->s || span_is(*effort, "none") || span_is(*effort, "high"))
        return true;
    return json_node_fail(json_member(root, "reasoning_effort"), in->err,
                          "expected \"none\" or \"high\"");
}

bool chat_read_tree(struct chat *chat, enum chat_spelling spelling, struct json_tree *tree,
                    struct err *err)
{
    const struct reader in = {.chat = chat, .spelling = spelling, .err = err};
    struct span model = {0};
    *chat = (struct chat){.tree = *tree};
    *tree = (struct json_tree){0};
    const struct json_node *root = chat->tree.root;
    if (root->kind != NODE_OBJECT)
        return json_node_fail(root, err, "expected an object with messages");
    if (!read_messages(&in, root) || !read_tools(&in, root) || !read_effort(&in, root) ||
        !opt_text(&in, root, "model", &model))
        return false;
    chat->has_model = model.s != NULL;
    return opt_bool(&in, root, "continue_final_message", &chat->continue_final) &&
           opt_bool(&in, root, "truncate_for_context_length", &chat->truncate);
}

bool chat_read(struct chat *chat, enum chat_spelling spelling, const char *name, const void *bytes,
               size_t n, struct err *err)
{
    struct json_tree tree;
    *chat = (struct chat){0};
    if (json_tree_parse(&tree, name, bytes, n, err))
        return chat_read_tree(chat, spelling, &tree, err);
    json_tree_free(&tree);
    return false;
}

void chat_free(struct chat *chat)
{
    json_tree_free(&chat->tree);
    arena_free(&chat->arena);
    *chat = (struct chat){0};
}

const char *chat_role_name(enum chat_role role)
{
    return role_names[role];
}
