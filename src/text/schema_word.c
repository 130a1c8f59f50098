/* SPDX-License-Identifier: Apache-2.0 */
#include "text/schema_word_int.h"

#include <stdlib.h>
#include <string.h>

/* What the value of a keyword must be. */
enum form {
    FORM_ANY,
    FORM_SCHEMA,
    FORM_SCHEMAS, /* a list of at least one */
    FORM_EITHER,  /* a schema or a list of schemas */
    FORM_MAP,     /* an object of schemas */
    FORM_NUMBER,
    FORM_BOUND, /* a number; a boolean in draft 4 */
    FORM_POSITIVE,
    FORM_COUNT, /* a whole number from 0 */
    FORM_TEXT,
    FORM_BOOL,
    FORM_LIST,
    FORM_NAMES,
    FORM_NAME_MAP,     /* an object of lists of names */
    FORM_DEPENDENCIES, /* an object of schemas or lists of names */
    FORM_TYPE,
};

struct word {
    const char *name;
    enum schema_word word;
    enum form form;
};

/* In the order of strcmp(). */
static const struct word words[] = {
    {"$anchor", WORD_ANCHOR, FORM_TEXT},
    {"$defs", WORD_DEFS, FORM_MAP},
    {"$dynamicAnchor", WORD_DYNAMIC_ANCHOR, FORM_TEXT},
    {"$dynamicRef", WORD_DYNAMIC_REF, FORM_TEXT},
    {"$id", WORD_ID, FORM_TEXT},
    {"$recursiveAnchor", WORD_RECURSIVE_ANCHOR, FORM_BOOL},
    {"$recursiveRef", WORD_RECURSIVE_REF, FORM_TEXT},
    {"$ref", WORD_REF, FORM_TEXT},
    {"$schema", WORD_SCHEMA, FORM_TEXT},
    {"$vocabulary", WORD_VOCABULARY, FORM_ANY},
    {"additionalItems", WORD_ADDITIONAL_ITEMS, FORM_SCHEMA},
    {"additionalProperties", WORD_ADDITIONAL_PROPERTIES, FORM_SCHEMA},
    {"allOf", WORD_ALL_OF, FORM_SCHEMAS},
    {"anyOf", WORD_ANY_OF, FORM_SCHEMAS},
    {"const", WORD_CONST, FORM_ANY},
    {"contains", WORD_CONTAINS, FORM_SCHEMA},
    {"definitions", WORD_DEFS, FORM_MAP},
    {"dependencies", WORD_DEPENDENCIES, FORM_DEPENDENCIES},
    {"dependentRequired", WORD_DEPENDENT_REQUIRED, FORM_NAME_MAP},
    {"dependentSchemas", WORD_DEPENDENT_SCHEMAS, FORM_MAP},
    {"else", WORD_ELSE, FORM_SCHEMA},
    {"enum", WORD_ENUM, FORM_LIST},
    {"exclusiveMaximum", WORD_EXCLUSIVE_MAXIMUM, FORM_BOUND},
    {"exclusiveMinimum", WORD_EXCLUSIVE_MINIMUM, FORM_BOUND},
    {"format", WORD_FORMAT, FORM_TEXT},
    {"id", WORD_OLD_ID, FORM_ANY},
    {"if", WORD_IF, FORM_SCHEMA},
    {"items", WORD_ITEMS, FORM_EITHER},
    {"maxContains", WORD_MAX_CONTAINS, FORM_COUNT},
    {"maxItems", WORD_MAX_ITEMS, FORM_COUNT},
    {"maxLength", WORD_MAX_LENGTH, FORM_COUNT},
    {"maxProperties", WORD_MAX_PROPERTIES, FORM_COUNT},
    {"maximum", WORD_MAXIMUM, FORM_NUMBER},
    {"minContains", WORD_MIN_CONTAINS, FORM_COUNT},
    {"minItems", WORD_MIN_ITEMS, FORM_COUNT},
    {"minLength", WORD_MIN_LENGTH, FORM_COUNT},
    {"minProperties", WORD_MIN_PROPERTIES, FORM_COUNT},
    {"minimum", WORD_MINIMUM, FORM_NUMBER},
    {"multipleOf", WORD_MULTIPLE_OF, FORM_POSITIVE},
    {"not", WORD_NOT, FORM_SCHEMA},
    {"oneOf", WORD_ONE_OF, FORM_SCHEMAS},
    {"pattern", WORD_PATTERN, FORM_TEXT},
    {"patternProperties", WORD_PATTERN_PROPERTIES, FORM_MAP},
    {"prefixItems", WORD_PREFIX_ITEMS, FORM_SCHEMAS},
    {"properties", WORD_PROPERTIES, FORM_MAP},
    {"propertyNames", WORD_PROPERTY_NAMES, FORM_SCHEMA},
    {"required", WORD_REQUIRED, FORM_NAMES},
    {"then", WORD_THEN, FORM_SCHEMA},
    {"type", WORD_TYPE, FORM_TYPE},
    {"unevaluatedItems", WORD_UNEVALUATED_ITEMS, FORM_SCHEMA},
    {"unevaluatedProperties", WORD_UNEVALUATED_PROPERTIES, FORM_SCHEMA},
    {"uniqueItems", WORD_UNIQUE_ITEMS, FORM_BOOL},
};

static int compare(const void *key, const void *element)
{
    const struct span *name = key;
    const struct word *word = element;
    size_t n = strlen(word->name);
    int order = memcmp(name->s, word->name, name->n < n ? name->n : n);
    return order ? order : (name->n > n) - (name->n < n);
}

enum schema_word schema_word_find(struct span name)
{
    const struct word *word =
        bsearch(&name, words, sizeof words / sizeof *words, sizeof *words, compare);
    return word ? word->word : WORD_NONE;
}

static const struct word *find_entry(enum schema_word word)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].word == word)
            return &words[i];
    return NULL;
}

const char *schema_word_name(enum schema_word word)
{
    const struct word *entry = find_entry(word);
    return entry ? entry->name : "";
}

enum schema_inside schema_word_inside(enum schema_word word)
{
    const struct word *entry = find_entry(word);
    switch (entry ? entry->form : FORM_ANY) {
    case FORM_SCHEMA:
        return INSIDE_ONE;
    case FORM_SCHEMAS:
        return INSIDE_LIST;
    case FORM_EITHER:
        return INSIDE_EITHER;
    case FORM_MAP:
    case FORM_DEPENDENCIES:
        return INSIDE_MAP;
    default:
        return INSIDE_NONE;
    }
}

bool schema_is_schema(const struct json_node *node)
{
    return node->kind == NODE_OBJECT || node->kind == NODE_TRUE || node->kind == NODE_FALSE;
}

static bool all_schemas(const struct json_node *list)
{
    for (const struct json_node *item = list->first; item; item = item->next)
        if (!schema_is_schema(item))
            return false;
    return true;
}

static bool all_texts(const struct json_node *list)
{
    for (const struct json_node *item = list->first; item; item = item->next)
        if (item->kind != NODE_STRING)
            return false;
    return list->kind == NODE_ARRAY;
}

static bool is_finite(const struct json_node *node)
{
    return node->kind == NODE_NUMBER && !span_has(node->text, "n") && !span_has(node->text, "N");
}

/* Says whether a number in Python's spelling is whole and not negative: "2", "2.0". */
static bool is_count(const struct json_node *node)
{
    if (!is_finite(node) || node->text.s[0] == '-')
        return false;
    size_t n = 0;
    while (n < node->text.n && node->text.s[n] >= '0' && node->text.s[n] <= '9')
        n++;
    return n == node->text.n || (node->text.n == n + 2 && memcmp(node->text.s + n, ".0", 2) == 0);
}

static bool is_positive(const struct json_node *node)
{
    if (!is_finite(node) || node->text.s[0] == '-')
        return false;
    for (size_t i = 0; i < node->text.n && node->text.s[i] != 'e'; i++)
        if (node->text.s[i] >= '1' && node->text.s[i] <= '9')
            return true;
    return false;
}

static bool is_map_of(const struct json_node *node, bool schemas, bool names)
{
    for (const struct json_node *m = node->first; m; m = m->next)
        if (!(schemas && schema_is_schema(m)) && !(names && all_texts(m)))
            return false;
    return node->kind == NODE_OBJECT;
}

static const char *expects_collection(enum form form, const struct json_node *value)
{
    switch (form) {
    case FORM_SCHEMAS:
        return value->kind == NODE_ARRAY && value->n && all_schemas(value) ? NULL
                                                                           : "a list of schemas";
    case FORM_EITHER:
        return schema_is_schema(value) || (value->kind == NODE_ARRAY && all_schemas(value))
                   ? NULL
                   : "a schema or a list of schemas";
    case FORM_MAP:
        return is_map_of(value, true, false) ? NULL : "an object of schemas";
    case FORM_NAME_MAP:
        return is_map_of(value, false, true) ? NULL : "an object of lists of texts";
    case FORM_DEPENDENCIES:
        return is_map_of(value, true, true) ? NULL : "an object of schemas or lists of texts";
    case FORM_LIST:
        return value->kind == NODE_ARRAY ? NULL : "a list";
    case FORM_NAMES:
        return all_texts(value) ? NULL : "a list of texts";
    default:
        return NULL;
    }
}

const char *schema_word_expects(enum schema_word word, const struct json_node *value)
{
    const struct word *entry = find_entry(word);
    bool is_bool = value->kind == NODE_TRUE || value->kind == NODE_FALSE;
    if (!entry)
        return NULL;
    switch (entry->form) {
    case FORM_SCHEMA:
        return schema_is_schema(value) ? NULL : "a schema";
    case FORM_NUMBER:
        return is_finite(value) ? NULL : "a number";
    case FORM_BOUND:
        return is_finite(value) || is_bool ? NULL : "a number";
    case FORM_POSITIVE:
        return is_positive(value) ? NULL : "a number above 0";
    case FORM_COUNT:
        return is_count(value) ? NULL : "a whole number from 0";
    case FORM_TEXT:
        return value->kind == NODE_STRING ? NULL : "a text";
    case FORM_BOOL:
        return is_bool ? NULL : "true or false";
    case FORM_TYPE:
        return value->kind == NODE_STRING || (all_texts(value) && value->n)
                   ? NULL
                   : "a type or a list of types";
    default:
        return expects_collection(entry->form, value);
    }
}
