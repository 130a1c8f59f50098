/* SPDX-License-Identifier: Apache-2.0 */
/* gbnf.h - grammars in llama.cpp's notation: "name ::= ...", the rule "root" is the text.
 *
 * Literals and classes with \n \r \t \\ \" \[ \] \xHH \uHHHH \UHHHHHHHH, ".", groups,
 * * + ? {m} {m,} {m,n} {,n}, "|", comments with #, control tokens by id <[1000]> or by name
 * <[TOOL_CALLS]>, and any other text token or control token !<[1000]>.
 * Left recursion, empty rules and ambiguity are legal. */
#ifndef TEXT_GBNF_H
#define TEXT_GBNF_H

#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct grammar;
struct grammar_builder;
struct tokenizer;

/* Adds a grammar to one that is being built: *symbol is its root.  name stands before messages;
 * tok, NULL for none, knows the tokens by name.
 * Errors: ERR_ARG "NAME: line 1, column 2: ...", ERR_LIMIT. */
bool gbnf_build(struct grammar_builder *builder, const char *name, struct span text,
                const struct tokenizer *tok, uint32_t *symbol, struct err *err) CHECKED;

/* A grammar of that text alone.  Owned: grammar_unref().  Errors: as gbnf_build(). */
struct grammar *gbnf_grammar(const char *name, struct span text, const struct tokenizer *tok,
                             struct err *err) CHECKED;

#endif
