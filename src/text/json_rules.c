/* SPDX-License-Identifier: Apache-2.0 */
#include "text/json_rules_int.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "text/grammar.h"
#include "text/regex.h"

#define GENERATED_DIGITS   19 /* before the point; a longer whole number is a loop */
#define GENERATED_FRACTION 17
#define NATURAL_INDENT     32
#define ANY_SPACE          64

static uint32_t one_of(struct regex_set *set, const char *bytes)
{
    uint64_t members[4] = {0};
    for (; *bytes; bytes++)
        members[(uint8_t)*bytes >> 6] |= UINT64_C(1) << (*bytes & 63);
    return regex_byte_class(set, members);
}

static uint32_t natural_space(struct regex_set *set)
{
    uint32_t line = regex_cat(set, regex_optional(set, regex_byte(set, '\r')),
                              regex_cat(set, regex_byte(set, '\n'),
                                        regex_repeat(set, one_of(set, " \t"), 0, NATURAL_INDENT)));
    return regex_optional(set, regex_or(set, regex_byte(set, ' '), line));
}

/* A user's pattern: white space of JSON only, and not without end. */
static bool pattern_space(struct regex_set *set, struct span pattern, uint32_t *out,
                          struct err *err)
{
    uint32_t given = regex_parse(set, pattern.s, pattern.n, REGEX_WHOLE, err);
    bool within = false;
    if (given == REGEX_FAILED)
        return err_add(err, "white space pattern");
    uint32_t space = regex_repeat(set, one_of(set, " \t\r\n"), 0, 1024);
    if (!regex_is_within(set, given, space, &within, err))
        return false;
    if (!within)
        return err_set(err, ERR_ARG,
                       "white space pattern: must match up to 1024 blanks, tabs and line breaks "
                       "and nothing else");
    *out = given;
    return true;
}

static bool make_space(struct json_rules *rules, const struct schema_options *options,
                       struct err *err)
{
    if (options->space_pattern.s)
        return pattern_space(rules->set, options->space_pattern, &rules->space, err);
    rules->space = options->space == SCHEMA_SPACE_COMPACT ? REGEX_EPSILON
                   : options->space == SCHEMA_SPACE_ANY
                       ? regex_repeat(rules->set, one_of(rules->set, " \t\r\n"), 0, ANY_SPACE)
                       : natural_space(rules->set);
    return true;
}

/* Punctuation with white space on the sides that ask for it. */
static uint32_t mark(const struct json_rules *rules, char c, bool before, bool behind)
{
    uint32_t language = regex_byte(rules->set, (uint8_t)c);
    if (before)
        language = regex_cat(rules->set, rules->space, language);
    if (behind)
        language = regex_cat(rules->set, language, rules->space);
    return language;
}

bool json_rules_init(struct json_rules *rules, struct grammar_builder *builder,
                     const struct schema_options *options, struct err *err)
{
    *rules = (struct json_rules){
        .builder = builder, .set = grammar_regexes(builder), .has_long_numbers = options->conform};
    if (!make_space(rules, options, err))
        return false;
    rules->comma = grammar_terminal(builder, mark(rules, ',', true, true));
    rules->colon = grammar_terminal(builder, mark(rules, ':', true, true));
    rules->open_array = grammar_terminal(builder, mark(rules, '[', false, true));
    rules->close_array = grammar_terminal(builder, mark(rules, ']', true, false));
    rules->open_object = grammar_terminal(builder, mark(rules, '{', false, true));
    rules->close_object = grammar_terminal(builder, mark(rules, '}', true, false));
    return regex_set_ok(rules->set, err);
}

uint32_t json_rules_brackets(const struct json_rules *rules, bool is_object, uint32_t list,
                             bool may_be_empty)
{
    struct grammar_builder *b = rules->builder;
    uint32_t open = is_object ? rules->open_object : rules->open_array;
    uint32_t close = is_object ? rules->close_object : rules->close_array;
    uint32_t full = GRAMMAR_FAILED, symbols[] = {open, list, close};
    if (list)
        full = grammar_sequence(b, symbols, 3);
    if (!may_be_empty)
        return full;
    uint32_t language = regex_cat(rules->set, mark(rules, is_object ? '{' : '[', false, true),
                                  regex_byte(rules->set, is_object ? '}' : ']'));
    uint32_t either[] = {grammar_terminal(b, language), full};
    return list ? grammar_choice(b, either, 2) : either[0];
}

uint32_t json_rules_quoted(const struct json_rules *rules, uint32_t text)
{
    uint32_t quote = regex_byte(rules->set, '"');
    return regex_cat(rules->set, quote,
                     regex_cat(rules->set, regex_json_spelling(rules->set, text), quote));
}

/* A text in its one spelling, with quotes.  Written directly: names are many. */
uint32_t json_rules_literal(const struct json_rules *rules, struct span text)
{
    static const char shorts[] = "btnvfr"; /* from U+0008 on; there is no short form of U+000B */
    struct regex_set *set = rules->set;
    uint32_t all = regex_byte(set, '"');
    for (size_t i = text.n; i--;) {
        char escape[8] = {text.s[i]};
        uint8_t byte = (uint8_t)text.s[i];
        size_t n = 1;
        if (byte == '"' || byte == '\\')
            n = (size_t)snprintf(escape, sizeof escape, "\\%c", byte);
        else if (byte >= 8 && byte <= 13 && byte != 11)
            n = (size_t)snprintf(escape, sizeof escape, "\\%c", shorts[byte - 8]);
        else if (byte < 0x20)
            n = (size_t)snprintf(escape, sizeof escape, "\\u%04x", byte);
        all = regex_cat(set, regex_literal(set, escape, n), all);
    }
    return regex_cat(set, regex_byte(set, '"'), all);
}

uint32_t json_rules_name(struct json_rules *rules, struct span name)
{
    uint32_t key = json_rules_literal(rules, name);
    return grammar_terminal(rules->builder,
                            regex_cat(rules->set, key, mark(rules, ':', true, true)));
}

/* At least as many digits as a bound needs; as many as there are when they may be many. */
static uint32_t limit(const struct json_rules *rules, uint32_t usual, uint32_t n_digits)
{
    return rules->has_long_numbers ? REGEX_FOREVER : n_digits > usual ? n_digits : usual;
}

/* Digits of a whole number that is not zero. */
static uint32_t whole_digits(const struct json_rules *rules, uint32_t n_digits)
{
    uint32_t max = limit(rules, GENERATED_DIGITS, n_digits);
    uint32_t more = regex_repeat(rules->set, regex_byte_range(rules->set, '0', '9'), 0,
                                 max == REGEX_FOREVER ? max : max - 1);
    return regex_cat(rules->set, regex_byte_range(rules->set, '1', '9'), more);
}

static uint32_t fraction(const struct json_rules *rules, uint32_t n_digits)
{
    struct regex_set *set = rules->set;
    return regex_cat(set, regex_byte(set, '.'),
                     regex_repeat(set, regex_byte_range(set, '0', '9'), 1,
                                  limit(rules, GENERATED_FRACTION, n_digits)));
}

uint32_t json_rules_whole(const struct json_rules *rules, uint32_t n_digits)
{
    struct regex_set *set = rules->set;
    uint32_t minus = regex_optional(set, regex_byte(set, '-'));
    return regex_or(set, regex_byte(set, '0'),
                    regex_cat(set, minus, whole_digits(rules, n_digits)));
}

uint32_t json_rules_plain(const struct json_rules *rules, uint32_t n_digits)
{
    struct regex_set *set = rules->set;
    uint32_t tail = fraction(rules, n_digits);
    uint32_t plain = regex_cat(set, json_rules_whole(rules, n_digits), regex_optional(set, tail));
    /* "-0.5", but not "-0.0": zero has one sign. */
    uint32_t zeros = regex_repeat(set, regex_byte(set, '0'), 0, REGEX_FOREVER);
    uint32_t some =
        regex_and(set, tail, regex_not(set, regex_cat(set, regex_byte(set, '.'), zeros)));
    return regex_or(set, plain, regex_cat(set, regex_literal(set, "-0", 2), some));
}

uint32_t json_rules_number(const struct json_rules *rules)
{
    struct regex_set *set = rules->set;
    uint32_t digit = regex_byte_range(set, '0', '9');
    uint32_t exponent = regex_cat(set, one_of(set, "eE"),
                                  regex_cat(set, regex_optional(set, one_of(set, "+-")),
                                            regex_repeat(set, digit, 1, limit(rules, 3, 0))));
    return regex_cat(set, json_rules_plain(rules, 0), regex_optional(set, exponent));
}

/* The literals, numbers and strings as one terminal. */
static uint32_t scalar(const struct json_rules *rules)
{
    struct regex_set *set = rules->set;
    uint32_t words = regex_or(set, regex_literal(set, "true", 4), regex_literal(set, "false", 5));
    words = regex_or(set, words, regex_literal(set, "null", 4));
    return grammar_terminal(rules->builder,
                            regex_or(set, regex_or(set, words, json_rules_number(rules)),
                                     regex_json_string(set, 0, REGEX_FOREVER)));
}

/* The rules of any value refer to each other. */
static void make_any(struct json_rules *rules)
{
    struct grammar_builder *b = rules->builder;
    uint32_t value = grammar_rule(b);
    uint32_t key = grammar_terminal(b, json_rules_quoted(rules, regex_any_text(rules->set)));
    uint32_t colon[] = {rules->colon, value};
    struct grammar_member item = {.value = value};
    struct grammar_member member = {.name = key, .value = grammar_sequence(b, colon, 2)};
    item.name = GRAMMAR_EMPTY;
    struct grammar_list list = {.free = &item,
                                .n_free = 1,
                                .separator = rules->comma,
                                .min = 1,
                                .max = GRAMMAR_FOREVER,
                                .max_marked = GRAMMAR_FOREVER};
    uint32_t array = json_rules_brackets(rules, false, grammar_list(b, &list), true);
    list.free = &member;
    list.is_unique = true;
    uint32_t object = json_rules_brackets(rules, true, grammar_list(b, &list), true);
    uint32_t text = scalar(rules);
    grammar_produce(b, value, &text, 1);
    grammar_produce(b, value, &array, 1);
    grammar_produce(b, value, &object, 1);
    rules->any_value = value;
    rules->any_object = object;
}

uint32_t json_rules_value(struct json_rules *rules)
{
    if (!rules->any_value)
        make_any(rules);
    return rules->any_value;
}

uint32_t json_rules_object(struct json_rules *rules)
{
    if (!rules->any_value)
        make_any(rules);
    return rules->any_object;
}
