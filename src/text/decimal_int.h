/* SPDX-License-Identifier: Apache-2.0 */
/* decimal_int.h - numbers as their decimal digits, for bounds that a double cannot hold. */
#ifndef TEXT_DECIMAL_INT_H
#define TEXT_DECIMAL_INT_H

#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"

/* The value is digits, read as a whole number, times ten to the exponent. */
struct decimal {
    bool is_negative;
    struct span digits; /* neither begins nor ends with '0'; none for zero */
    int64_t exponent;
};

/* Reads a JSON number.  digits lie in arena.
 * Errors: ERR_ARG when text is none or would have too many digits, ERR_LIMIT. */
bool decimal_read(struct arena *arena, struct span text, struct decimal *out,
                  struct err *err) CHECKED;

/* Compare as numbers: below, at or above 0; whole; equal to a small whole number. */
int decimal_compare(const struct decimal *a, const struct decimal *b);
bool decimal_is_whole(const struct decimal *d);

/* The digits before the point, "0" at least, and those behind it, both without the sign.
 * They lie in arena.  Errors: ERR_LIMIT. */
bool decimal_split(struct arena *arena, const struct decimal *d, struct span *whole,
                   struct span *fraction, struct err *err) CHECKED;

/* Reads a whole number from 0 into *out; those above max become max.  Returns false when it is
 * none. */
bool decimal_count(const struct decimal *d, uint32_t max, uint32_t *out);

#endif
