/* SPDX-License-Identifier: Apache-2.0 */
/* turn_grammar.h - what a model may say in one turn: thoughts, text, calls of tools in the
 * format of its version, an answer in a form that the request asks for.
 *
 * It is one grammar over control tokens and text, from the first token of the turn to its end;
 * nothing is switched on or off on the way.
 *
 *     struct turn_request request = {.tools = chat.tools, .n_tools = chat.n_tools};
 *     struct grammar *grammar;
 *     if (!turn_grammar(&format, &request, &grammar, err)) ...
 *     if (grammar) ... matcher_open(grammar, ...)
 *
 * Thread: any. */
#ifndef TEXT_TURN_GRAMMAR_H
#define TEXT_TURN_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"
#include "text/schema.h"

struct chat_tool;
struct grammar;
struct prompt_format;

enum turn_choice {
    TURN_AUTO,  /* text, calls, or both */
    TURN_NONE,  /* no calls */
    TURN_ANY,   /* at least one call and no text; "required" is the same */
    TURN_NAMED, /* one call of the tool called choice_name */
};

/* What holds for tools that are not strict. */
enum turn_guard {
    TURN_GUARD_SYNTAX, /* names are those of tools, arguments any JSON object */
    TURN_GUARD_OFF,    /* nothing, unless something else asks for a grammar */
    TURN_GUARD_SCHEMA, /* as if they were strict */
};

enum turn_thinking {
    TURN_MAY_THINK,   /* where the format has it */
    TURN_DOES_THINK,  /* asked for: also where the reference leaves it out */
    TURN_NO_THINKING, /* switched off */
    TURN_IN_THOUGHT,  /* the prompt ends inside a thought */
};

/* All zero is a request without constraints. */
struct turn_request {
    const struct chat_tool *tools; /* [n_tools] */
    size_t n_tools;
    enum turn_choice choice;
    struct span choice_name;
    bool one_call;          /* parallel_tool_calls: false */
    bool text_before_calls; /* also where calls are demanded */
    enum turn_guard guard;
    enum turn_thinking thinking;
    const struct json_node *response_format; /* as in the request, or NULL */
    const struct json_node *constraint;      /* structured_outputs as in the request, or NULL */
    struct schema_options schema;            /* of every schema; name is ignored */
};

/* Stores in *grammar what the turn may be; NULL when it may be anything.
 * Owned: grammar_unref().
 * Errors: ERR_ARG naming the tool, field and path: what cannot be enforced is refused;
 * ERR_LIMIT. */
bool turn_grammar(const struct prompt_format *format, const struct turn_request *request,
                  struct grammar **grammar, struct err *err) CHECKED;

#endif
