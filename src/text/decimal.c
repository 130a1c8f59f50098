/* SPDX-License-Identifier: Apache-2.0 */
#include "text/decimal_int.h"

#include <string.h>

#include "base/limits.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads an exponent, "e+5".  Large ones stay large without overflow. */
static bool read_exponent(struct span *rest, int64_t *out)
{
    *out = 0;
    if (!rest->n)
        return true;
    if (rest->s[0] != 'e' && rest->s[0] != 'E')
        return false;
    size_t i = 1;
    bool negative = i < rest->n && rest->s[i] == '-';
    i += i < rest->n && (rest->s[i] == '-' || rest->s[i] == '+');
    if (i == rest->n)
        return false;
    for (; i < rest->n && is_digit(rest->s[i]); i++)
        if (*out < 1000000)
            *out = 10 * *out + (rest->s[i] - '0');
    *out = negative ? -*out : *out;
    return i == rest->n;
}

bool decimal_read(struct arena *arena, struct span text, struct decimal *out, struct err *err)
{
    struct span rest = text;
    *out = (struct decimal){0};
    if (rest.n && rest.s[0] == '-') {
        out->is_negative = true;
        rest.s++;
        rest.n--;
    }
    char *digits = arena_new(arena, rest.n + 1, 1, err);
    if (!digits)
        return false;
    size_t n = 0, n_fraction = 0;
    bool point = false;
    for (; rest.n && (is_digit(rest.s[0]) || (rest.s[0] == '.' && !point)); rest.s++, rest.n--) {
        if (rest.s[0] == '.') {
            point = true;
            continue;
        }
        n_fraction += point;
        if (n || rest.s[0] != '0')
            digits[n++] = rest.s[0];
    }
    if (!read_exponent(&rest, &out->exponent))
        return err_set(err, ERR_ARG, "expected a number");
    out->exponent -= (int64_t)n_fraction;
    while (n && digits[n - 1] == '0') {
        n--;
        out->exponent++;
    }
    if (!n)
        *out = (struct decimal){0};
    out->digits = (struct span){digits, n};
    if (n > LIMIT_SCHEMA_DIGITS || out->exponent > LIMIT_SCHEMA_DIGITS ||
        out->exponent < -LIMIT_SCHEMA_DIGITS)
        return err_set(err, ERR_ARG, "more than %d digits", LIMIT_SCHEMA_DIGITS);
    return true;
}

static int compare_size(const struct decimal *a, const struct decimal *b)
{
    int64_t top_a = (int64_t)a->digits.n + a->exponent, top_b = (int64_t)b->digits.n + b->exponent;
    if (!a->digits.n || !b->digits.n)
        return (a->digits.n > 0) - (b->digits.n > 0);
    if (top_a != top_b)
        return top_a > top_b ? 1 : -1;
    size_t n = a->digits.n < b->digits.n ? a->digits.n : b->digits.n;
    int order = memcmp(a->digits.s, b->digits.s, n);
    return order ? (order > 0 ? 1 : -1) : (a->digits.n > b->digits.n) - (a->digits.n < b->digits.n);
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
    if (a->is_negative != b->is_negative)
        return a->is_negative ? -1 : 1;
    return a->is_negative ? compare_size(b, a) : compare_size(a, b);
}

bool decimal_is_whole(const struct decimal *d)
{
    return d->exponent >= 0;
}

bool decimal_split(struct arena *arena, const struct decimal *d, struct span *whole,
                   struct span *fraction, struct err *err)
{
    int64_t n_whole = (int64_t)d->digits.n + d->exponent;
    size_t n_fraction = d->exponent < 0 ? (size_t)-d->exponent : 0;
    size_t n_before = n_whole > 0 ? (size_t)n_whole : 0;
    char *text = arena_new(arena, n_before + n_fraction + 2, 1, err);
    if (!text)
        return false;
    memset(text, '0', n_before + n_fraction + 1);
    /* The digits end where the fraction does, or before the zeros of a whole number. */
    size_t lead = n_before ? 0 : 1;
    size_t end = lead + n_before + n_fraction - (d->exponent > 0 ? (size_t)d->exponent : 0);
    if (d->digits.n)
        memcpy(text + end - d->digits.n, d->digits.s, d->digits.n);
    *whole = (struct span){text, lead + n_before};
    *fraction = (struct span){text + lead + n_before, n_fraction};
    return true;
}

bool decimal_count(const struct decimal *d, uint32_t max, uint32_t *out)
{
    if (d->is_negative || !decimal_is_whole(d))
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < d->digits.n + (size_t)d->exponent && value <= max; i++)
        value = 10 * value + (i < d->digits.n ? (uint64_t)(d->digits.s[i] - '0') : 0);
    *out = value > max ? max : (uint32_t)value;
    return true;
}
