/* SPDX-License-Identifier: Apache-2.0 */
/* json_rules_int.h - the parts of JSON text as grammars: white space, names, numbers, any value.
 *
 * White space stands at most once in each place and is bounded, so that a model cannot go on
 * with it for ever. */
#ifndef TEXT_JSON_RULES_INT_H
#define TEXT_JSON_RULES_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "text/schema.h"

struct grammar_builder;
struct regex_set;

struct json_rules {
    struct grammar_builder *builder;
    struct regex_set *set;
    bool has_long_numbers; /* no bound on digits */
    uint32_t space;        /* a language, with the empty text */
    uint32_t comma;        /* symbols; white space beside them included */
    uint32_t open_array, close_array, open_object, close_object;
    uint32_t colon;
    uint32_t any_value, any_object; /* symbols, 0 until they are asked for */
};

/* Makes the symbols of white space and punctuation.
 * Errors: ERR_ARG for a pattern that is none or has no bound, ERR_LIMIT. */
bool json_rules_init(struct json_rules *rules, struct grammar_builder *builder,
                     const struct schema_options *options, struct err *err) CHECKED;

/* Symbols of any value, and of any object. */
uint32_t json_rules_value(struct json_rules *rules);
uint32_t json_rules_object(struct json_rules *rules);

/* The symbol of a member's name with its colon. */
uint32_t json_rules_name(struct json_rules *rules, struct span name);

/* Languages: a whole number; any number in plain notation, without exponent; that or with
 * one.  n_digits: as many digits as a bound has, so that it can be reached; 0 for none. */
uint32_t json_rules_whole(const struct json_rules *rules, uint32_t n_digits);
uint32_t json_rules_plain(const struct json_rules *rules, uint32_t n_digits);
uint32_t json_rules_number(const struct json_rules *rules);

/* One text as a string with quotes; the language of decoded texts as such strings. */
uint32_t json_rules_literal(const struct json_rules *rules, struct span text);
uint32_t json_rules_quoted(const struct json_rules *rules, uint32_t text);

/* The symbol of brackets around a list of at least one, or nothing when may_be_empty. */
uint32_t json_rules_brackets(const struct json_rules *rules, bool is_object, uint32_t list,
                             bool may_be_empty);

#endif
