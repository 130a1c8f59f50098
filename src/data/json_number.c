/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/json_number_int.h"

enum { MAX_DIGITS = 17, MAX_TEXT = 32 };

static const char *skip_digits(const char *s, const char *end)
{
    while (s < end && *s >= '0' && *s <= '9')
        s++;
    return s;
}

/* Returns where digits that begin at s end, or stop when there are none. */
static const char *some_digits(const char *s, const char *end, const char *stop)
{
    const char *after = skip_digits(s, end);
    return after > s ? after : stop;
}

const char *json_number_end(const char *s, const char *end, bool *is_whole)
{
    if (s < end && *s == '-')
        s++;
    const char *at = s < end && *s == '0' ? s + 1 : skip_digits(s, end);
    if (at == s)
        return NULL;
    const char *whole = at;
    if (at < end && *at == '.')
        at = some_digits(at + 1, end, at);
    if (at < end && (*at == 'e' || *at == 'E')) {
        const char *digits = at + 1;
        if (digits < end && (*digits == '+' || *digits == '-'))
            digits++;
        at = some_digits(digits, end, at);
    }
    *is_whole = at == whole;
    return at;
}

/* Writes value with the fewest digits that give it back: digits[0..n) and the power of ten
 * of the first.  Returns n. */
static int shortest_digits(double value, char *digits, int *power)
{
    char text[MAX_TEXT];
    /* A text of DBL_DIG digits is the shortest with zeros behind it, unless the double has fewer
     * bits than others. */
    for (int n = value < DBL_MIN ? 1 : DBL_DIG;; n++) {
        snprintf(text, sizeof text, "%.*e", n - 1, value);
        if (n < MAX_DIGITS && strtod(text, NULL) != value)
            continue;
        digits[0] = text[0];
        memcpy(digits + 1, text + 2, (size_t)n - 1);
        while (n > 1 && digits[n - 1] == '0')
            n--;
        *power = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
        return n;
    }
}

/* Writes value >= 0 as repr() does.  out: [MAX_TEXT]. */
static void write_double(double value, char *out)
{
    char digits[MAX_DIGITS + 1];
    int power, n = shortest_digits(value, digits, &power);
    if (power < -4 || power > 15)
        snprintf(out, MAX_TEXT, "%c%s%.*se%c%02d", digits[0], n > 1 ? "." : "", n - 1, digits + 1,
                 power < 0 ? '-' : '+', abs(power));
    else if (power < 0)
        snprintf(out, MAX_TEXT, "0.%.*s%.*s", -power - 1, "000", n, digits);
    else if (n <= power + 1)
        snprintf(out, MAX_TEXT, "%.*s%.*s.0", n, digits, power + 1 - n, "000000000000000");
    else
        snprintf(out, MAX_TEXT, "%.*s.%.*s", power + 1, digits, n - power - 1, digits + power + 1);
}

/* strtod() and printf() go by the locale, which belongs to the program around this library. */
static locale_t use_c_locale(void)
{
    return uselocale(newlocale(LC_NUMERIC_MASK, "C", NULL));
}

bool json_number_write(struct arena *arena, bool is_whole, struct span *number, struct err *err)
{
    if (is_whole) {
        if (number->n == 2 && memcmp(number->s, "-0", 2) == 0)
            *number = SPAN("0");
        return true;
    }
    char *copy = arena_string(arena, number->s, number->n, err), text[MAX_TEXT + 1] = "-";
    if (!copy)
        return false;
    locale_t old = use_c_locale();
    double value = strtod(copy, NULL);
    if (isinf(value))
        memcpy(text + 1, "Infinity", sizeof "Infinity");
    else
        write_double(fabs(value), text + 1);
    uselocale(old);
    const char *s = signbit(value) ? text : text + 1;
    number->n = strlen(s);
    number->s = arena_string(arena, s, number->n, err);
    return number->s != NULL;
}
