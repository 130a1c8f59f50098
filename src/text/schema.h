/* SPDX-License-Identifier: Apache-2.0 */
/* schema.h - JSON Schema to grammar: texts that are valid by construction.
 *
 * Every keyword is enforced, has no effect by definition, or refuses the schema with an error
 * that names its path; none is dropped (doc/GRAMMARS.md has the table).  Where the grammar
 * leaves something out that the schema allows, that is a narrowing; nothing is added.
 *
 *     struct schema_options options = {.name = "tools[0].function.parameters"};
 *     struct grammar *grammar = schema_grammar(schema, &options, err);
 *
 * Thread: any; nothing is shared. */
#ifndef TEXT_SCHEMA_H
#define TEXT_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "data/json_tree.h"

struct grammar;
struct grammar_builder;

/* What may stand where JSON permits white space. */
enum schema_space {
    SCHEMA_SPACE_NATURAL, /* nothing, one blank, or a line break with up to 32 blanks or tabs */
    SCHEMA_SPACE_COMPACT, /* nothing */
    SCHEMA_SPACE_ANY,     /* up to 64 characters of it */
};

enum schema_closing {
    SCHEMA_CLOSE_DECLARED, /* objects with properties and nothing said about others are closed */
    SCHEMA_CLOSE_NEVER,    /* as the standard has it */
    SCHEMA_CLOSE_ALWAYS,   /* where nothing is said about others */
};

/* All zero is what generation should have. */
struct schema_options {
    const char *name; /* stands before the path in messages; NULL is fine */
    enum schema_space space;
    struct span space_pattern; /* a regular expression instead, when s is not NULL */
    enum schema_closing closing;
    bool any_order;         /* members in any order, where there are at most 64 names */
    bool one_of_is_any_of;  /* do not tell the branches of oneOf apart */
    bool objects_only;      /* the root is an object */
    bool *is_unsatisfiable; /* set when that is why it failed; NULL is fine */
    bool conform;           /* as the standard has it: numbers of any length, $ref alone up to
                             * draft 7 */
};

/* Adds a schema to a grammar that is being built: *symbol.  schema: until it returns.
 * Errors: ERR_ARG "schema not supported: NAME/path: ...", ERR_LIMIT. */
bool schema_build(struct grammar_builder *builder, const struct json_node *schema,
                  const struct schema_options *options, uint32_t *symbol, struct err *err) CHECKED;

/* A grammar of that schema alone.  Owned: grammar_unref().  Errors: as schema_build(). */
struct grammar *schema_grammar(const struct json_node *schema, const struct schema_options *options,
                               struct err *err) CHECKED;

/* Adds any JSON object, or any value: *symbol.  Errors: ERR_ARG for a pattern of white space,
 * ERR_LIMIT. */
bool schema_build_any(struct grammar_builder *builder, bool objects_only,
                      const struct schema_options *options, uint32_t *symbol,
                      struct err *err) CHECKED;

#endif
