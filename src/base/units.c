/* SPDX-License-Identifier: Apache-2.0 */
#include "base/units.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Names steps of 1000, from the first. */
static const char *scaled(char *text, uint64_t n, const char *const *names, int n_names)
{
    double value = (double)n;
    int step = 0;
    /* From 999.5 on, three digits would show 1000. */
    for (; step + 1 < n_names && value >= 999.5; step++)
        value /= 1000;
    int digits = step == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    snprintf(text, UNITS_TEXT, "%.*f%s", digits, value, names[step]);
    return text;
}

const char *units_bytes(char *text, uint64_t n_bytes)
{
    const char *const names[] = {n_bytes == 1 ? " byte" : " bytes", " kB", " MB", " GB", " TB"};
    return scaled(text, n_bytes, names, 5);
}

const char *units_count(char *text, uint64_t n)
{
    static const char *const names[] = {"", " thousand", " million", " billion", " trillion"};
    return scaled(text, n, names, 5);
}

/* Stores how many bytes a unit has. */
static bool read_unit(const char *text, uint64_t *n_bytes)
{
    static const char letters[] = "bkmgt";
    const char *letter = strchr(letters, *text | 0x20);
    *n_bytes = 1;
    if (!*text)
        return true;
    bool binary = strcasecmp(text + 1, "ib") == 0;
    bool known =
        letter && (*letter == 'b' ? !text[1] : binary || !text[1] || !strcasecmp(text + 1, "b"));
    for (; known && letter > letters; letter--)
        *n_bytes *= binary ? 1024 : 1000;
    return known;
}

/* Reads digits as a whole number; returns how many, or -1 when it has no room. */
static int read_digits(const char *text, uint64_t *number)
{
    int n = 0;
    for (*number = 0; text[n] >= '0' && text[n] <= '9'; n++) {
        uint64_t digit = (uint64_t)(text[n] - '0');
        if (*number > (UINT64_MAX - digit) / 10)
            return -1;
        *number = 10 * *number + digit;
    }
    return n;
}

bool units_read_bytes(const char *text, uint64_t *n_bytes)
{
    uint64_t whole, part = 0, unit, divisor = 1;
    int n = read_digits(text, &whole), n_part = 0;
    if (n <= 0)
        return false;
    text += n;
    if (*text == '.') {
        n_part = read_digits(text + 1, &part);
        if (n_part < 1 || n_part > 6)
            return false;
        text += 1 + n_part;
    }
    for (int i = 0; i < n_part; i++)
        divisor *= 10;
    if (!read_unit(text, &unit) || (n_part && unit == 1) || whole > UINT64_MAX / unit)
        return false;
    part = part * unit / divisor; /* at most 10^6 * 2^40 */
    *n_bytes = whole * unit;
    if (part > UINT64_MAX - *n_bytes)
        return false;
    *n_bytes += part;
    return true;
}

double units_rate(double amount, double seconds)
{
    return seconds > 0 ? amount / seconds : 0;
}
