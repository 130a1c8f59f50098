/* SPDX-License-Identifier: Apache-2.0 */
#include "text/constraint.h"

#include "base/limits.h"
#include "text/gbnf.h"
#include "text/grammar.h"
#include "text/regex.h"

/* A member that is there and not null. */
static const struct json_node *find(const struct json_node *object, const char *key)
{
    const struct json_node *node = json_member(object, key);
    return node && node->kind != NODE_NULL ? node : NULL;
}

static bool is_true(const struct json_node *object, const char *key)
{
    const struct json_node *node = find(object, key);
    return node && node->kind == NODE_TRUE;
}

/* The schema of {"type": "json_schema"}, by any of its names. */
static const struct json_node *find_schema(const struct json_node *format)
{
    const struct json_node *inside = find(format, "json_schema");
    const struct json_node *schema = find(inside ? inside : format, "schema");
    return schema ? schema : find(inside ? inside : format, "schema_definition");
}

bool constraint_of_format(const struct json_node *format, const struct schema_options *options,
                          struct constraint *out, struct err *err)
{
    *out = (struct constraint){.options = *options};
    if (!format || format->kind == NODE_NULL)
        return true;
    const struct json_node *type = find(format, "type");
    if (!type || type->kind != NODE_STRING)
        return json_node_fail(format, err, "expected an object with a \"type\"");
    if (span_is(type->text, "text"))
        return true;
    bool is_object = span_is(type->text, "json_object");
    if (!is_object && !span_is(type->text, "json_schema"))
        return json_node_fail(type, err, "expected \"text\", \"json_object\" or \"json_schema\"");
    out->node = find_schema(format);
    out->kind = out->node ? CONSTRAINT_SCHEMA : CONSTRAINT_OBJECT;
    out->options.objects_only |= is_object;
    out->options.name = "response_format";
    if (!out->node && !is_object)
        return json_node_fail(format, err, "expected \"json_schema\" with a \"schema\"");
    return true;
}

/* Reads how JSON is to be written. */
static bool read_style(const struct json_node *outputs, struct schema_options *options,
                       struct err *err)
{
    const struct json_node *pattern = find(outputs, "whitespace_pattern");
    if (pattern && pattern->kind != NODE_STRING)
        return json_node_fail(pattern, err, "expected a text");
    if (pattern)
        options->space_pattern = pattern->text;
    if (is_true(outputs, "disable_any_whitespace"))
        options->space = SCHEMA_SPACE_COMPACT;
    if (is_true(outputs, "disable_additional_properties"))
        options->closing = SCHEMA_CLOSE_ALWAYS;
    return true;
}

bool constraint_of_outputs(const struct json_node *outputs, const struct schema_options *options,
                           struct constraint *out, struct err *err)
{
    static const struct {
        const char *key;
        enum constraint_kind kind;
    } keys[] = {{"json", CONSTRAINT_SCHEMA},        {"json_object", CONSTRAINT_OBJECT},
                {"regex", CONSTRAINT_REGEX},        {"choice", CONSTRAINT_CHOICE},
                {"choices", CONSTRAINT_CHOICE},     {"grammar", CONSTRAINT_GRAMMAR},
                {"structural_tag", CONSTRAINT_NONE}};
    *out = (struct constraint){.options = *options};
    if (!outputs || outputs->kind == NODE_NULL)
        return true;
    if (outputs->kind != NODE_OBJECT)
        return json_node_fail(outputs, err, "expected an object");
    out->options.name = "structured_outputs.json";
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct json_node *node = find(outputs, keys[i].key);
        if (!node || node->kind == NODE_FALSE)
            continue;
        if (keys[i].kind == CONSTRAINT_NONE)
            return json_node_fail(node, err, "is not supported");
        if (out->kind != CONSTRAINT_NONE)
            return json_node_fail(node, err, "only one constraint is possible");
        out->kind = keys[i].kind;
        out->node = node;
    }
    if (out->kind == CONSTRAINT_NONE)
        return json_node_fail(outputs, err, "expected json, json_object, regex, choice or grammar");
    return read_style(outputs, &out->options, err);
}

bool constraint_is_json(const struct constraint *constraint)
{
    return constraint->kind == CONSTRAINT_OBJECT || constraint->kind == CONSTRAINT_SCHEMA;
}

static bool build_regex(struct grammar_builder *builder, const struct json_node *node,
                        uint32_t *symbol, struct err *err)
{
    struct err cause = {0};
    if (node->kind != NODE_STRING)
        return json_node_fail(node, err, "expected a text");
    uint32_t regex =
        regex_parse(grammar_regexes(builder), node->text.s, node->text.n, REGEX_WHOLE, &cause);
    if (regex == REGEX_FAILED)
        return json_node_fail(node, err, "%s", cause.text);
    *symbol = grammar_terminal(builder, regex);
    return grammar_builder_ok(builder, err);
}

static bool build_choice(struct grammar_builder *builder, const struct json_node *list,
                         uint32_t *symbol, struct err *err)
{
    struct regex_set *set = grammar_regexes(builder);
    uint32_t all = REGEX_NOTHING;
    if (list->kind != NODE_ARRAY || !list->n)
        return json_node_fail(list, err, "expected a list of texts");
    for (const struct json_node *item = list->first; item; item = item->next) {
        if (item->kind != NODE_STRING)
            return json_node_fail(item, err, "expected a text");
        all = regex_or(set, all, regex_literal(set, item->text.s, item->text.n));
    }
    *symbol = grammar_terminal(builder, all);
    return grammar_builder_ok(builder, err);
}

/* The schema may be the text of one. */
static bool build_schema(struct grammar_builder *builder, const struct constraint *constraint,
                         uint32_t *symbol, struct err *err)
{
    const struct json_node *node = constraint->node;
    if (node->kind != NODE_STRING)
        return schema_build(builder, node, &constraint->options, symbol, err);
    struct json_tree tree = {0};
    bool ok = json_tree_parse(&tree, constraint->options.name, node->text.s, node->text.n, err) &&
              schema_build(builder, tree.root, &constraint->options, symbol, err);
    json_tree_free(&tree);
    return ok;
}

bool constraint_build(struct grammar_builder *builder, const struct constraint *constraint,
                      const struct tokenizer *tok, uint32_t *symbol, struct err *err)
{
    const struct json_node *node = constraint->node;
    switch (constraint->kind) {
    case CONSTRAINT_SCHEMA:
        return build_schema(builder, constraint, symbol, err);
    case CONSTRAINT_REGEX:
        return build_regex(builder, node, symbol, err);
    case CONSTRAINT_CHOICE:
        return build_choice(builder, node, symbol, err);
    case CONSTRAINT_GRAMMAR:
        if (node->kind != NODE_STRING)
            return json_node_fail(node, err, "expected a text");
        return gbnf_build(builder, "grammar", node->text, tok, symbol, err);
    default:
        return schema_build_any(builder, true, &constraint->options, symbol, err);
    }
}
