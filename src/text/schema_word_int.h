/* SPDX-License-Identifier: Apache-2.0 */
/* schema_word_int.h - the keywords of JSON Schema: which are known, and the form of their
 * values.  What is not in the table is an annotation. */
#ifndef TEXT_SCHEMA_WORD_INT_H
#define TEXT_SCHEMA_WORD_INT_H

#include <stdbool.h>

#include "base/span.h"
#include "data/json_tree.h"

enum schema_word {
    WORD_NONE, /* no keyword, or one without effect */
    WORD_DEFS,
    WORD_REF,
    WORD_DYNAMIC_REF,
    WORD_RECURSIVE_REF,
    WORD_ANCHOR,
    WORD_DYNAMIC_ANCHOR,
    WORD_RECURSIVE_ANCHOR,
    WORD_ID,
    WORD_OLD_ID,
    WORD_SCHEMA,
    WORD_VOCABULARY,
    WORD_TYPE,
    WORD_ENUM,
    WORD_CONST,
    WORD_ALL_OF,
    WORD_ANY_OF,
    WORD_ONE_OF,
    WORD_NOT,
    WORD_IF,
    WORD_THEN,
    WORD_ELSE,
    WORD_MINIMUM,
    WORD_MAXIMUM,
    WORD_EXCLUSIVE_MINIMUM,
    WORD_EXCLUSIVE_MAXIMUM,
    WORD_MULTIPLE_OF,
    WORD_MIN_LENGTH,
    WORD_MAX_LENGTH,
    WORD_PATTERN,
    WORD_FORMAT,
    WORD_ITEMS,
    WORD_PREFIX_ITEMS,
    WORD_ADDITIONAL_ITEMS,
    WORD_MIN_ITEMS,
    WORD_MAX_ITEMS,
    WORD_UNIQUE_ITEMS,
    WORD_CONTAINS,
    WORD_MIN_CONTAINS,
    WORD_MAX_CONTAINS,
    WORD_UNEVALUATED_ITEMS,
    WORD_PROPERTIES,
    WORD_PATTERN_PROPERTIES,
    WORD_ADDITIONAL_PROPERTIES,
    WORD_PROPERTY_NAMES,
    WORD_REQUIRED,
    WORD_MIN_PROPERTIES,
    WORD_MAX_PROPERTIES,
    WORD_DEPENDENT_REQUIRED,
    WORD_DEPENDENT_SCHEMAS,
    WORD_DEPENDENCIES,
    WORD_UNEVALUATED_PROPERTIES,
    N_WORDS
};

/* Where schemas lie inside the value of a keyword. */
enum schema_inside {
    INSIDE_NONE,
    INSIDE_ONE,    /* the value is a schema */
    INSIDE_LIST,   /* a list of them */
    INSIDE_MAP,    /* an object of them */
    INSIDE_EITHER, /* a schema or a list of them */
};

/* Finds the keyword of that name. */
enum schema_word schema_word_find(struct span name);

/* The name of a keyword, "minLength".  Borrowed: static. */
const char *schema_word_name(enum schema_word word);

/* Where schemas lie inside its value. */
enum schema_inside schema_word_inside(enum schema_word word);

/* Says what the value of a keyword should have been, "a list of texts".  Borrowed: static;
 * NULL when value is such. */
const char *schema_word_expects(enum schema_word word, const struct json_node *value);

/* Says whether a node can be a schema: an object or a boolean. */
bool schema_is_schema(const struct json_node *node);

#endif
