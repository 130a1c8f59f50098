/* SPDX-License-Identifier: Apache-2.0 */
#include "api/chat_maker.h"

#include <string.h>

#include "api/fields.h"

static struct made *new_node(struct chat_maker *maker, enum node_kind kind)
{
    struct made *made = NULL;
    if (!maker->err->code)
        made = arena_new(&maker->tree->arena, 1, sizeof *made, maker->err);
    if (made) {
        made->node.kind = kind;
        made->node.name = "request";
    }
    return made;
}

bool chat_maker_init(struct chat_maker *maker, struct json_tree *tree, struct err *err)
{
    *maker = (struct chat_maker){.tree = tree, .err = err};
    maker->root = new_node(maker, NODE_OBJECT);
    if (!maker->root)
        return false;
    tree->root = &maker->root->node;
    maker->messages = make_node(maker, maker->root, "messages", NODE_ARRAY);
    return maker->messages != NULL;
}

bool chat_maker_done(const struct chat_maker *maker)
{
    return !maker->err->code;
}

struct made *make_node(struct chat_maker *maker, struct made *up, const char *key,
                       enum node_kind kind)
{
    struct made *made = up ? new_node(maker, kind) : NULL;
    if (!made)
        return NULL;
    if (key)
        made->node.key = (struct span){key, strlen(key)};
    made->node.up = &up->node;
    made->node.index = up->node.n++;
    if (up->last)
        up->last->next = &made->node;
    else
        up->node.first = &made->node;
    up->last = &made->node;
    return made;
}

void make_text(struct chat_maker *maker, struct made *up, const char *key, struct span text)
{
    struct made *made = make_node(maker, up, key, NODE_STRING);
    if (made)
        made->node.text = text.s ? text : SPAN("");
}

void make_bool(struct chat_maker *maker, struct made *up, const char *key, bool value)
{
    (void)make_node(maker, up, key, value ? NODE_TRUE : NODE_FALSE);
}

/* What is below still names the place in the client's request, which is what messages want. */
void make_copy(struct chat_maker *maker, struct made *up, const char *key,
               const struct json_node *node)
{
    struct made *made = make_node(maker, up, key, node->kind);
    if (!made)
        return;
    made->node.text = node->text;
    made->node.n = node->n;
    made->node.first = node->first;
}

void make_same(struct chat_maker *maker, const struct json_node *body, const char *const *names)
{
    for (; *names; names++) {
        const struct json_node *node = field_find(body, *names);
        if (node)
            make_copy(maker, maker->root, *names, node);
    }
}

struct made *make_message(struct chat_maker *maker, const char *role)
{
    struct made *message = make_node(maker, maker->messages, NULL, NODE_OBJECT);
    make_text(maker, message, "role", (struct span){role, strlen(role)});
    maker->message = message;
    return message;
}

void make_part(struct chat_maker *maker, struct made *content, const char *type, struct span text)
{
    struct made *part = make_node(maker, content, NULL, NODE_OBJECT);
    make_text(maker, part, "type", (struct span){type, strlen(type)});
    make_text(maker, part, type, text);
}

void make_plain(struct made *content)
{
    struct span text = SPAN("");
    if (!content || content->node.n > 1)
        return;
    if (content->node.n) {
        const struct json_node *member = json_member(content->node.first, "text");
        if (!member || member->kind != NODE_STRING)
            return;
        text = member->text;
    }
    content->node.kind = NODE_STRING;
    content->node.text = text;
    content->node.first = content->last = NULL;
    content->node.n = 0;
}

void make_call(struct chat_maker *maker, struct made *message, struct made **calls, struct span id,
               struct span name, const struct json_node *arguments)
{
    if (!*calls)
        *calls = make_node(maker, message, "tool_calls", NODE_ARRAY);
    struct made *call = make_node(maker, *calls, NULL, NODE_OBJECT);
    make_text(maker, call, "id", id);
    struct made *function = make_node(maker, call, "function", NODE_OBJECT);
    make_text(maker, function, "name", name);
    if (arguments)
        make_copy(maker, function, "arguments", arguments);
}

void make_tool(struct chat_maker *maker, struct span name, const struct json_node *description,
               const struct json_node *schema, const struct json_node *strict)
{
    if (!maker->tools)
        maker->tools = make_node(maker, maker->root, "tools", NODE_ARRAY);
    struct made *tool = make_node(maker, maker->tools, NULL, NODE_OBJECT);
    make_text(maker, tool, "type", SPAN("function"));
    struct made *function = make_node(maker, tool, "function", NODE_OBJECT);
    make_text(maker, function, "name", name);
    if (description)
        make_copy(maker, function, "description", description);
    if (schema)
        make_copy(maker, function, "parameters", schema);
    if (strict)
        make_copy(maker, function, "strict", strict);
}

void make_function_choice(struct chat_maker *maker, struct made *up, const char *key,
                          struct span name)
{
    struct made *choice = make_node(maker, up, key, NODE_OBJECT);
    make_text(maker, choice, "type", SPAN("function"));
    struct made *function = make_node(maker, choice, "function", NODE_OBJECT);
    make_text(maker, function, "name", name);
}

void make_schema_format(struct chat_maker *maker, const struct json_node *name,
                        const struct json_node *schema, const struct json_node *strict)
{
    struct made *format = make_node(maker, maker->root, "response_format", NODE_OBJECT);
    make_text(maker, format, "type", SPAN("json_schema"));
    struct made *inner = make_node(maker, format, "json_schema", NODE_OBJECT);
    make_text(maker, inner, "name", name ? name->text : SPAN("answer"));
    make_copy(maker, inner, "schema", schema);
    if (strict)
        make_copy(maker, inner, "strict", strict);
}

struct span make_joined(struct chat_maker *maker, struct span head, struct span between,
                        struct span text)
{
    char *bytes = maker->err->code ? NULL
                                   : arena_new(&maker->tree->arena, head.n + between.n + text.n + 1,
                                               1, maker->err);
    if (!bytes)
        return SPAN("");
    if (head.n)
        memcpy(bytes, head.s, head.n);
    if (between.n)
        memcpy(bytes + head.n, between.s, between.n);
    if (text.n)
        memcpy(bytes + head.n + between.n, text.s, text.n);
    return (struct span){bytes, head.n + between.n + text.n};
}

bool make_effort(struct chat_maker *maker, const struct json_node *effort)
{
    static const char *const names[] = {"none", "minimal", "low", "medium", "high", "xhigh", "max"};
    if (!effort)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (effort->kind == NODE_STRING && span_is(effort->text, names[i])) {
            make_text(maker, maker->root, "reasoning_effort", effort->text);
            return true;
        }
    return json_node_fail(effort, maker->err,
                          "expected \"none\", \"minimal\", \"low\", \"medium\", \"high\", "
                          "\"xhigh\" or \"max\"");
}
