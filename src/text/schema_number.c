/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in plain notation, compared digit by digit.  A bound is a language of its own and
 * meets the others by intersection, so no bound is ever rounded. */
#include <string.h>

#include "base/limits.h"
#include "text/regex.h"
#include "text/schema_int.h"

static uint32_t digits(struct regex_set *set, uint32_t lo, uint32_t hi)
{
    return regex_repeat(set, regex_byte_range(set, '0', '9'), lo, hi);
}

/* One digit of a range, which may be empty. */
static uint32_t digit_range(struct regex_set *set, char lo, char hi)
{
    return lo > hi ? REGEX_NOTHING : regex_byte_range(set, (uint8_t)lo, (uint8_t)hi);
}

static uint32_t cat3(struct regex_set *set, uint32_t a, uint32_t b, uint32_t c)
{
    return regex_cat(set, a, regex_cat(set, b, c));
}

/* A point and digits, or nothing. */
static uint32_t any_fraction(struct regex_set *set)
{
    return regex_optional(set, regex_cat(set, regex_byte(set, '.'), digits(set, 1, REGEX_FOREVER)));
}

/* Whole numbers of as many digits as w, all above or all below it. */
static uint32_t same_length(struct regex_set *set, struct span w, bool above)
{
    uint32_t rest = REGEX_NOTHING;
    for (size_t i = w.n; i--;) {
        char d = w.s[i], least = i || w.n == 1 ? '0' : '1';
        uint32_t other =
            above ? digit_range(set, (char)(d + 1), '9') : digit_range(set, least, (char)(d - 1));
        uint32_t tail = digits(set, (uint32_t)(w.n - i - 1), (uint32_t)(w.n - i - 1));
        rest = regex_or(set, regex_cat(set, other, tail),
                        regex_cat(set, regex_byte(set, (uint8_t)d), rest));
    }
    return rest;
}

/* Fractions, with their point, of at least f.  f does not end with '0'. */
static uint32_t fraction_above(struct regex_set *set, struct span f, bool exclusive)
{
    uint32_t any = digits(set, 0, REGEX_FOREVER);
    uint32_t more = cat3(set, any, regex_byte_range(set, '1', '9'), any);
    uint32_t rest = exclusive ? more : any;
    for (size_t i = f.n; i--;)
        rest = regex_or(set, regex_cat(set, digit_range(set, (char)(f.s[i] + 1), '9'), any),
                        regex_cat(set, regex_byte(set, (uint8_t)f.s[i]), rest));
    rest = regex_and(set, rest, digits(set, 1, REGEX_FOREVER));
    rest = regex_cat(set, regex_byte(set, '.'), rest);
    return f.n || exclusive ? rest : regex_optional(set, rest);
}

/* Fractions, with their point, of at most f. */
static uint32_t fraction_below(struct regex_set *set, struct span f, bool exclusive)
{
    uint32_t any = digits(set, 0, REGEX_FOREVER);
    uint32_t zeros = regex_repeat(set, regex_byte(set, '0'), 0, REGEX_FOREVER);
    uint32_t rest = exclusive ? REGEX_NOTHING : zeros;
    for (size_t i = f.n; i--;) {
        /* A text that ends before f does is below it. */
        rest = regex_or(set, regex_cat(set, digit_range(set, '0', (char)(f.s[i] - 1)), any),
                        regex_cat(set, regex_byte(set, (uint8_t)f.s[i]), rest));
        rest = regex_optional(set, rest);
    }
    rest = regex_and(set, rest, digits(set, 1, REGEX_FOREVER));
    rest = regex_cat(set, regex_byte(set, '.'), rest);
    return f.n || !exclusive ? regex_optional(set, rest) : rest;
}

/* Numbers without a sign that are at least, or at most, the one of those digits. */
static uint32_t size_bound(struct regex_set *set, struct span w, struct span f, bool is_upper,
                           bool exclusive)
{
    uint32_t n = (uint32_t)w.n, other = same_length(set, w, !is_upper);
    bool is_zero = w.n == 1 && w.s[0] == '0';
    uint32_t lead = regex_byte_range(set, '1', '9');
    if (!is_upper)
        other =
            regex_or(set, other, regex_cat(set, lead, digits(set, is_zero ? 0 : n, REGEX_FOREVER)));
    else if (n > 1)
        other = regex_or(
            set, other,
            regex_or(set, regex_byte(set, '0'), regex_cat(set, lead, digits(set, 0, n - 2))));
    uint32_t equal =
        regex_cat(set, regex_literal(set, w.s, w.n),
                  is_upper ? fraction_below(set, f, exclusive) : fraction_above(set, f, exclusive));
    return regex_or(set, regex_cat(set, other, any_fraction(set)), equal);
}

/* Numbers on one side of a bound.  Zero has no sign here. */
static uint32_t bound(struct regex_set *set, const struct decimal *d, struct span w, struct span f,
                      bool is_upper, bool exclusive)
{
    uint32_t minus = regex_byte(set, '-');
    uint32_t some = regex_cat(set, digits(set, 1, REGEX_FOREVER), any_fraction(set));
    /* The bound cuts through one side of zero; the other is in or out as a whole. */
    if (d->is_negative)
        return is_upper ? regex_cat(set, minus, size_bound(set, w, f, false, exclusive))
                        : regex_or(set, some,
                                   regex_cat(set, minus, size_bound(set, w, f, true, exclusive)));
    uint32_t side = size_bound(set, w, f, is_upper, exclusive);
    return is_upper ? regex_or(set, side, regex_cat(set, minus, some)) : side;
}

static bool read_number(struct schema_compiler *c, const struct json_node *node, struct decimal *d,
                        struct span *whole, struct span *fraction, struct err *err)
{
    struct err cause = {0};
    if (!decimal_read(&c->arena, node->text, d, &cause))
        return schema_fail_because(&c->doc, node, &cause, err);
    return decimal_split(&c->arena, d, whole, fraction, err);
}

/* The number at node as it is written, or with zero fractions of any length. */
static bool value_language(struct schema_compiler *c, const struct json_node *node, bool loose,
                           uint32_t *out, struct err *err)
{
    struct decimal d = {0};
    struct span w = {0}, f = {0};
    if (!read_number(c, node, &d, &w, &f, err))
        return false;
    uint32_t zeros = regex_repeat(c->set, regex_byte(c->set, '0'), 0, REGEX_FOREVER);
    *out = regex_literal(c->set, w.s, w.n);
    if (f.n)
        *out = cat3(c->set, *out, regex_byte(c->set, '.'), regex_literal(c->set, f.s, f.n));
    if (loose && f.n)
        *out = regex_cat(c->set, *out, zeros);
    if (loose && !f.n)
        *out = regex_cat(c->set, *out,
                         regex_optional(c->set, cat3(c->set, regex_byte(c->set, '.'),
                                                     regex_byte(c->set, '0'), zeros)));
    if (d.is_negative)
        *out = regex_cat(c->set, regex_byte(c->set, '-'), *out);
    return true;
}

static bool values_language(struct schema_compiler *c, const struct schema_fact *fact,
                            uint32_t *out, struct err *err)
{
    bool is_list = fact->node->kind == NODE_ARRAY;
    uint32_t all = REGEX_NOTHING, one;
    for (const struct json_node *v = is_list ? fact->node->first : fact->node; v;
         v = is_list ? v->next : NULL) {
        if (v->kind != NODE_NUMBER)
            continue;
        if (!value_language(c, v, fact->fails, &one, err))
            return false;
        all = regex_or(c->set, all, one);
    }
    *out = fact->fails ? regex_not(c->set, all) : all;
    return true;
}

/* With fewer places than the divisor has, digits stand for that many tens more. */
static uint64_t divisor_at(uint64_t divisor, size_t n_tens)
{
    uint64_t a = divisor, b = 1;
    for (size_t i = 0; i < n_tens; i++)
        b *= 10;
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return divisor / a;
}

/* Texts whose digits, read without the point, divide by what is left of the divisor at their
 * number of places. */
static bool multiple_language(struct schema_compiler *c, const struct schema_fact *fact,
                              uint32_t *out, struct err *err)
{
    struct decimal d = {0};
    struct span w = {0}, f = {0};
    uint64_t divisor = 0;
    if (!read_number(c, fact->node, &d, &w, &f, err))
        return false;
    for (size_t i = 0; i < d.digits.n && divisor <= LIMIT_SCHEMA_MULTIPLE * 100000ull; i++)
        divisor = 10 * divisor + (uint64_t)(d.digits.s[i] - '0');
    for (int64_t e = d.exponent; e > 0 && divisor <= LIMIT_SCHEMA_MULTIPLE; e--)
        divisor *= 10;
    if (f.n > 9 || d.digits.n > 9)
        return schema_fail(&c->doc, fact->node, err, "more than 9 digits");
    uint32_t whole = digits(c->set, 1, REGEX_FOREVER);
    uint32_t zeros = regex_repeat(c->set, regex_byte(c->set, '0'), 0, REGEX_FOREVER);
    *out = REGEX_NOTHING;
    for (uint32_t places = 0; places <= f.n; places++) {
        uint64_t left = divisor_at(divisor, f.n - places);
        if (left > LIMIT_SCHEMA_MULTIPLE)
            return schema_fail(&c->doc, fact->node, err, "more than %u without its powers of ten",
                               LIMIT_SCHEMA_MULTIPLE);
        uint32_t shape = whole, tail = REGEX_EPSILON;
        if (places)
            shape = cat3(c->set, whole, regex_byte(c->set, '.'), digits(c->set, places, places));
        /* More zeros at the end change nothing. */
        if (places == f.n)
            tail = places
                       ? zeros
                       : regex_optional(c->set, regex_cat(c->set, regex_byte(c->set, '.'), zeros));
        shape = regex_and(c->set, shape, regex_multiple(c->set, (uint32_t)left));
        *out = regex_or(c->set, *out, regex_cat(c->set, shape, tail));
    }
    *out = regex_cat(c->set, regex_optional(c->set, regex_byte(c->set, '-')), *out);
    if (fact->fails)
        *out = regex_not(c->set, *out);
    return true;
}

static bool fact_language(struct schema_compiler *c, const struct schema_fact *fact, uint32_t *out,
                          uint32_t *n_digits, struct err *err)
{
    struct decimal d = {0};
    struct span w = {0}, f = {0};
    switch (fact->kind) {
    case FACT_VALUES:
        if (!fact->fails)
            *n_digits = REGEX_FOREVER;
        return values_language(c, fact, out, err);
    case FACT_MULTIPLE:
        return multiple_language(c, fact, out, err);
    default:
        if (!read_number(c, fact->node, &d, &w, &f, err))
            return false;
        uint32_t needs = (uint32_t)(w.n > f.n ? w.n : f.n) + 1;
        if (needs > *n_digits)
            *n_digits = needs;
        *out = bound(c->set, &d, w, f, fact->is_upper, fact->is_exclusive);
        return true;
    }
}

/* "format" of numbers. */
static uint32_t format_range(struct regex_set *set, struct span name)
{
    static const struct {
        const char *name, *low, *high;
    } formats[] = {{"int32", "2147483648", "2147483647"},
                   {"int64", "9223372036854775808", "9223372036854775807"}};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (!span_is(name, formats[i].name))
            continue;
        struct decimal low = {.is_negative = true}, high = {0};
        struct span none = {0};
        struct span w_low = {formats[i].low, strlen(formats[i].low)};
        struct span w_high = {formats[i].high, strlen(formats[i].high)};
        return regex_and(set, bound(set, &low, w_low, none, false, false),
                         bound(set, &high, w_high, none, true, false));
    }
    return REGEX_FAILED;
}

/* Numbers of a type in plain notation. */
static uint32_t base_language(const struct schema_compiler *c, unsigned types, bool is_plain,
                              uint32_t n_digits)
{
    struct regex_set *set = c->set;
    if (types == TYPE_WHOLE)
        return json_rules_whole(&c->rules, n_digits);
    if (!is_plain && types == TYPE_NUMBER)
        return json_rules_number(&c->rules);
    uint32_t plain = json_rules_plain(&c->rules, n_digits);
    if (types == TYPE_NUMBER)
        return plain;
    uint32_t any = regex_any_text(set);
    return regex_and(set, plain,
                     cat3(set, any, regex_byte(set, '.'),
                          cat3(set, digits(set, 0, REGEX_FOREVER), regex_byte_range(set, '1', '9'),
                               digits(set, 0, REGEX_FOREVER))));
}

bool schema_number_fold(struct schema_compiler *c, struct schema_fact *const *facts, size_t n,
                        unsigned types, struct schema_shape *shape, struct err *err)
{
    uint32_t language = REGEX_FAILED, one, n_digits = 0;
    for (size_t i = 0; i < n; i++) {
        const struct schema_fact *fact = facts[i];
        one = REGEX_FAILED;
        if (fact->kind == FACT_BOUND || fact->kind == FACT_MULTIPLE || fact->kind == FACT_VALUES) {
            if (!fact_language(c, fact, &one, &n_digits, err))
                return false;
        } else if (fact->kind == FACT_FORMAT && types == TYPE_WHOLE) {
            one = format_range(c->set, fact->node->text);
            if (fact->fails)
                one = one == REGEX_FAILED ? REGEX_NOTHING : regex_not(c->set, one);
        } else if (fact->kind == FACT_FORMAT && fact->fails) {
            one = REGEX_NOTHING; /* formats say nothing about other numbers */
        }
        if (one == REGEX_FAILED)
            continue;
        language = language == REGEX_FAILED ? one : regex_and(c->set, language, one);
    }
    uint32_t base = base_language(c, types, language != REGEX_FAILED, n_digits);
    shape->kind = SHAPE_LANGUAGE;
    shape->has_one_spelling = types == TYPE_WHOLE;
    shape->language = language == REGEX_FAILED ? base : regex_and(c->set, base, language);
    return true;
}
