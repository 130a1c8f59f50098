/* SPDX-License-Identifier: Apache-2.0 */
/* json_grammar.h - JSON by hand as a grammar, for tests and measurements of the core. */
#ifndef JSON_GRAMMAR_H
#define JSON_GRAMMAR_H

#include "text/grammar.h"
#include "text/regex.h"

struct json_symbols {
    struct grammar_builder *b;
    struct regex_set *set;
    uint32_t space;                /* languages: white space ... */
    uint32_t comma, colon, end;    /* terminals: ... around these */
    uint32_t string, number, word; /* terminals */
    uint32_t value, object, array; /* rules */
    bool is_unique;
};

static inline uint32_t json_spaced(struct json_symbols *j, const char *mark)
{
    uint32_t text = regex_literal(j->set, mark, 1);
    return regex_cat(j->set, j->space, regex_cat(j->set, text, j->space));
}

static inline uint32_t json_number(struct json_symbols *j)
{
    struct regex_set *set = j->set;
    struct err err;
    static const char pattern[] = "-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,17})?([eE][+-]?[0-9]{1,3})?";
    return regex_parse(set, pattern, sizeof pattern - 1, REGEX_WHOLE, &err);
}

/* An array of a symbol with lo..hi items. */
static inline uint32_t json_array_of(struct json_symbols *j, uint32_t item, uint32_t lo,
                                     uint32_t hi)
{
    struct grammar_member member = {GRAMMAR_EMPTY, item, false, false};
    struct grammar_list list = {.free = &member,
                                .n_free = 1,
                                .separator = j->comma,
                                .min = lo,
                                .max = hi,
                                .max_marked = GRAMMAR_FOREVER};
    uint32_t parts[] = {
        grammar_terminal(j->b, regex_cat(j->set, regex_byte(j->set, '['), j->space)),
        grammar_list(j->b, &list),
        grammar_terminal(j->b, regex_cat(j->set, j->space, regex_byte(j->set, ']')))};
    return grammar_sequence(j->b, parts, 3);
}

/* The brackets of an object around a list. */
static inline uint32_t json_braces(struct json_symbols *j, uint32_t list)
{
    uint32_t parts[] = {
        grammar_terminal(j->b, regex_cat(j->set, regex_byte(j->set, '{'), j->space)), list,
        grammar_terminal(j->b, regex_cat(j->set, j->space, regex_byte(j->set, '}')))};
    return grammar_sequence(j->b, parts, 3);
}

/* "name": with its white space. */
static inline uint32_t json_name(struct json_symbols *j, const char *name, size_t n)
{
    uint32_t quote = regex_byte(j->set, '"');
    uint32_t text = regex_json_spelling(j->set, regex_literal(j->set, name, n));
    uint32_t parts[] = {quote, text, quote, json_spaced(j, ":")};
    return grammar_terminal(j->b, regex_cat_all(j->set, parts, 4));
}

static inline uint32_t json_free_object(struct json_symbols *j)
{
    uint32_t quote = regex_byte(j->set, '"');
    uint32_t text = regex_json_spelling(j->set, regex_any_text(j->set));
    uint32_t parts[] = {quote, text, quote};
    uint32_t name =
        j->is_unique ? grammar_terminal(j->b, regex_cat_all(j->set, parts, 3)) : j->string;
    uint32_t rest[] = {grammar_terminal(j->b, json_spaced(j, ":")), j->value};
    struct grammar_member member = {name, grammar_sequence(j->b, rest, 2), false, false};
    struct grammar_list list = {.free = &member,
                                .n_free = 1,
                                .separator = j->comma,
                                .max = GRAMMAR_FOREVER,
                                .max_marked = GRAMMAR_FOREVER,
                                .is_unique = j->is_unique};
    return json_braces(j, grammar_list(j->b, &list));
}

/* Any JSON value; with is_unique no object has a name twice. */
static inline void json_symbols(struct json_symbols *j, struct grammar_builder *b, bool is_unique)
{
    static const char blank[] = "( |\\r?\\n[ \\t]{0,32})?";
    struct err err;
    *j = (struct json_symbols){.b = b, .set = grammar_regexes(b), .is_unique = is_unique};
    j->space = regex_parse(j->set, blank, sizeof blank - 1, REGEX_WHOLE, &err);
    j->comma = grammar_terminal(b, json_spaced(j, ","));
    j->string = grammar_terminal(b, regex_json_string(j->set, 0, REGEX_FOREVER));
    j->number = grammar_terminal(b, json_number(j));
    struct regex_set *set = j->set;
    j->word = grammar_terminal(
        b, regex_or(set, regex_literal(set, "null", 4),
                    regex_or(set, regex_literal(set, "true", 4), regex_literal(set, "false", 5))));
    j->value = grammar_rule(b);
    j->object = json_free_object(j);
    j->array = json_array_of(j, j->value, 0, GRAMMAR_FOREVER);
    uint32_t kinds[] = {j->string, j->number, j->word, j->object, j->array};
    for (int i = 0; i < 5; i++)
        grammar_produce(b, j->value, &kinds[i], 1);
}

#endif
