/* SPDX-License-Identifier: Apache-2.0 */
/* units.h - amounts as people read them. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UNITS_TEXT = 24 }; /* bytes that a text needs */

/* Writes an amount with three digits and returns text: "812 bytes", "4.11 GB" (10^9).
 * Borrowed: text itself, [UNITS_TEXT]. */
const char *units_bytes(char *text, uint64_t n_bytes);

/* The same for a count: "260 k", "7.25 billion".  Borrowed: text itself, [UNITS_TEXT]. */
const char *units_count(char *text, uint64_t n);

/* Reads an amount of bytes: a number, with up to six decimals before a unit, and K, M, G or T in
 * steps of 1000, also as KB, or KiB, MiB, GiB or TiB in steps of 1024, upper or lower case.
 * Returns false for anything else and for what does not fit into *n_bytes. */
bool units_read_bytes(const char *text, uint64_t *n_bytes);

/* Returns a rate, 0 for no time. */
double units_rate(double amount, double seconds);

#endif
