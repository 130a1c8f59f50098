/* SPDX-License-Identifier: Apache-2.0 */
/* constraint.h - the forms in which a request asks for an answer that fits a grammar.
 *
 * "response_format" of Mistral and OpenAI: {"type": "text"}, {"type": "json_object"}, perhaps
 * with "schema", {"type": "json_schema", "json_schema": {"schema": ...}}.
 * "structured_outputs" of vLLM: one of json, json_object, regex, choice (choices), grammar,
 * and whitespace_pattern, disable_any_whitespace, disable_additional_properties. */
#ifndef TEXT_CONSTRAINT_H
#define TEXT_CONSTRAINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "data/json_tree.h"
#include "text/schema.h"

struct grammar_builder;
struct tokenizer;

enum constraint_kind {
    CONSTRAINT_NONE,
    CONSTRAINT_OBJECT,  /* any JSON object */
    CONSTRAINT_SCHEMA,  /* JSON for the schema at node */
    CONSTRAINT_REGEX,   /* the text at node is a regular expression */
    CONSTRAINT_CHOICE,  /* one of the texts of the list at node */
    CONSTRAINT_GRAMMAR, /* the text at node is a grammar in GBNF */
};

struct constraint {
    enum constraint_kind kind;
    const struct json_node *node; /* borrowed from the request */
    struct schema_options options;
};

/* Read a constraint; options are those to begin with.
 * Errors: ERR_ARG naming the field. */
bool constraint_of_format(const struct json_node *response_format,
                          const struct schema_options *options, struct constraint *out,
                          struct err *err) CHECKED;
bool constraint_of_outputs(const struct json_node *structured_outputs,
                           const struct schema_options *options, struct constraint *out,
                           struct err *err) CHECKED;

/* Says whether the text is JSON. */
bool constraint_is_json(const struct constraint *constraint);

/* Adds a constraint, not CONSTRAINT_NONE, to a grammar: *symbol.  tok: for the names of tokens,
 * or NULL.  Errors: ERR_ARG naming field and path, ERR_LIMIT. */
bool constraint_build(struct grammar_builder *builder, const struct constraint *constraint,
                      const struct tokenizer *tok, uint32_t *symbol, struct err *err) CHECKED;

#endif
