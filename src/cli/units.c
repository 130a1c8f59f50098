/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/units.h"

#include <stdio.h>

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
    static const char *const names[] = {" bytes", " kB", " MB", " GB", " TB"};
    return scaled(text, n_bytes, names, 5);
}

const char *units_count(char *text, uint64_t n)
{
    static const char *const names[] = {"", " thousand", " million", " billion", " trillion"};
    return scaled(text, n, names, 5);
}

double units_rate(double amount, double seconds)
{
    return seconds > 0 ? amount / seconds : 0;
}
