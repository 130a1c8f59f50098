/* SPDX-License-Identifier: Apache-2.0 */
#include "text/tool_schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* What the value of a keyword must be. */
enum form {
    FORM_SCHEMA,
    FORM_SCHEMAS,           /* a list of at least one */
    FORM_SCHEMA_OR_SCHEMAS, /* items */
    FORM_MAP,               /* an object of schemas */
    FORM_DEPENDENCIES,      /* an object of schemas or lists of names */
    FORM_NUMBER,
    FORM_POSITIVE,
    FORM_COUNT, /* a whole number from 0 */
    FORM_TEXT,
    FORM_BOOL,
    FORM_LIST,
    FORM_NAMES, /* a list of different texts */
    FORM_TYPE,
};

static const struct {
    const char *keyword;
    enum form form;
} keywords[] = {
    {"$id", FORM_TEXT},
    {"$schema", FORM_TEXT},
    {"$ref", FORM_TEXT},
    {"$comment", FORM_TEXT},
    {"title", FORM_TEXT},
    {"description", FORM_TEXT},
    {"readOnly", FORM_BOOL},
    {"examples", FORM_LIST},
    {"multipleOf", FORM_POSITIVE},
    {"maximum", FORM_NUMBER},
    {"exclusiveMaximum", FORM_NUMBER},
    {"minimum", FORM_NUMBER},
    {"exclusiveMinimum", FORM_NUMBER},
    {"maxLength", FORM_COUNT},
    {"minLength", FORM_COUNT},
    {"pattern", FORM_TEXT},
    {"additionalItems", FORM_SCHEMA},
    {"items", FORM_SCHEMA_OR_SCHEMAS},
    {"maxItems", FORM_COUNT},
    {"minItems", FORM_COUNT},
    {"uniqueItems", FORM_BOOL},
    {"contains", FORM_SCHEMA},
    {"maxProperties", FORM_COUNT},
    {"minProperties", FORM_COUNT},
    {"required", FORM_NAMES},
    {"additionalProperties", FORM_SCHEMA},
    {"definitions", FORM_MAP},
    {"properties", FORM_MAP},
    {"patternProperties", FORM_MAP},
    {"dependencies", FORM_DEPENDENCIES},
    {"propertyNames", FORM_SCHEMA},
    {"enum", FORM_LIST},
    {"type", FORM_TYPE},
    {"format", FORM_TEXT},
    {"contentMediaType", FORM_TEXT},
    {"contentEncoding", FORM_TEXT},
    {"if", FORM_SCHEMA},
    {"then", FORM_SCHEMA},
    {"else", FORM_SCHEMA},
    {"allOf", FORM_SCHEMAS},
    {"anyOf", FORM_SCHEMAS},
    {"oneOf", FORM_SCHEMAS},
    {"not", FORM_SCHEMA},
};

static bool bad(const struct json_node *node, struct err *err, const char *what)
{
    json_node_fail(node, err, "expected %s", what);
    return err_add(err, "Invalid tool schema");
}

static bool is_bool(const struct json_node *node)
{
    return node->kind == NODE_TRUE || node->kind == NODE_FALSE;
}

static bool check_schema(const struct json_node *node, struct err *err);

static bool check_each(const struct json_node *list, struct err *err)
{
    for (const struct json_node *item = list->first; item; item = item->next)
        if (!check_schema(item, err))
            return false;
    return true;
}

static int compare_texts(const void *a, const void *b)
{
    const struct span *s = a, *t = b;
    int order = memcmp(s->s, t->s, s->n < t->n ? s->n : t->n);
    return order ? order : (s->n > t->n) - (s->n < t->n);
}

/* Says whether the texts of a list differ from each other. */
static bool check_distinct(const struct json_node *list, struct err *err)
{
    struct span *sorted = mem_new(list->n, sizeof *sorted, err);
    bool ok = true;
    size_t n = 0;
    if (!sorted)
        return false;
    for (const struct json_node *item = list->first; item; item = item->next)
        sorted[n++] = item->text;
    qsort(sorted, n, sizeof *sorted, compare_texts);
    for (size_t i = 1; ok && i < n; i++)
        ok = !span_same(sorted[i - 1], sorted[i]) || bad(list, err, "each name once");
    free(sorted);
    return ok;
}

static bool check_names(const struct json_node *node, struct err *err)
{
    if (node->kind != NODE_ARRAY)
        return bad(node, err, "a list of names");
    for (const struct json_node *item = node->first; item; item = item->next)
        if (item->kind != NODE_STRING)
            return bad(item, err, "a name");
    return check_distinct(node, err);
}

static bool is_type(const struct json_node *node)
{
    static const char *const types[] = {"array",  "boolean", "integer", "null",
                                        "number", "object",  "string"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (node->kind == NODE_STRING && span_is(node->text, types[i]))
            return true;
    return false;
}

static bool check_type(const struct json_node *node, struct err *err)
{
    static const char what[] =
        "array, boolean, integer, null, number, object, string, or a list of these";
    if (node->kind != NODE_ARRAY)
        return is_type(node) || bad(node, err, what);
    if (!node->n)
        return bad(node, err, what);
    for (const struct json_node *item = node->first; item; item = item->next)
        if (!is_type(item))
            return bad(item, err, what);
    return check_distinct(node, err);
}

/* 2.0 counts as whole, as in the draft. */
static bool is_count(const struct json_node *node)
{
    if (node->kind != NODE_NUMBER || node->text.s[0] == '-')
        return node->kind == NODE_NUMBER && span_is(node->text, "-0.0");
    const char *point = memchr(node->text.s, '.', node->text.n);
    size_t n_after = point ? (size_t)(node->text.s + node->text.n - point) : 0;
    return strspn(node->text.s, "0123456789") >= node->text.n ||
           (n_after == 2 && point[1] == '0') || memchr(node->text.s, '+', node->text.n);
}

/* What is not a number is not below either, as in Python. */
static bool is_positive(const struct json_node *node)
{
    if (node->kind != NODE_NUMBER || node->text.s[0] == '-')
        return false;
    for (size_t i = 0; i < node->text.n && node->text.s[i] != 'e'; i++)
        if (node->text.s[i] >= '1' && node->text.s[i] <= '9')
            return true;
    return node->text.s[0] == 'I' || node->text.s[0] == 'N';
}

static bool check_map(const struct json_node *node, bool or_names, struct err *err)
{
    if (node->kind != NODE_OBJECT)
        return bad(node, err, "an object");
    for (const struct json_node *member = node->first; member; member = member->next)
        if (!(or_names && member->kind == NODE_ARRAY ? check_names(member, err)
                                                     : check_schema(member, err)))
            return false;
    return true;
}

static bool check_value(enum form form, const struct json_node *node, struct err *err)
{
    switch (form) {
    case FORM_SCHEMA:
        return check_schema(node, err);
    case FORM_SCHEMAS:
        return node->kind == NODE_ARRAY && node->n ? check_each(node, err)
                                                   : bad(node, err, "a list of schemas");
    case FORM_SCHEMA_OR_SCHEMAS:
        return node->kind == NODE_ARRAY && node->n ? check_each(node, err)
                                                   : check_schema(node, err);
    case FORM_MAP:
    case FORM_DEPENDENCIES:
        return check_map(node, form == FORM_DEPENDENCIES, err);
    case FORM_NUMBER:
        return node->kind == NODE_NUMBER || bad(node, err, "a number");
    case FORM_POSITIVE:
        return is_positive(node) || bad(node, err, "a number above 0");
    case FORM_COUNT:
        return is_count(node) || bad(node, err, "a whole number from 0");
    case FORM_TEXT:
        return node->kind == NODE_STRING || bad(node, err, "a text");
    case FORM_BOOL:
        return is_bool(node) || bad(node, err, "true or false");
    case FORM_LIST:
        return node->kind == NODE_ARRAY || bad(node, err, "a list");
    case FORM_NAMES:
        return check_names(node, err);
    case FORM_TYPE:
        break;
    }
    return check_type(node, err);
}

static bool check_schema(const struct json_node *node, struct err *err)
{
    if (is_bool(node))
        return true;
    if (node->kind != NODE_OBJECT)
        return bad(node, err, "a schema: an object, true or false");
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        const struct json_node *value = json_member(node, keywords[i].keyword);
        if (value && !check_value(keywords[i].form, value, err))
            return false;
    }
    return true;
}

bool tool_schema_check(const struct json_node *schema, struct err *err)
{
    return check_schema(schema, err);
}
