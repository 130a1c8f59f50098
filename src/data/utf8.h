/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.h - strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef DATA_UTF8_H
#define DATA_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_MAX         4          /* bytes of the longest character */
#define UTF8_REPLACEMENT 0xFFFDu    /* U+FFFD */
#define UTF8_BAD         UINT32_MAX /* not a code point */

enum utf8_state { UTF8_OK, UTF8_CUT, UTF8_INVALID };

/* Decodes the character at the start of s[n], n > 0.
 * UTF8_OK: *code and its *len.  UTF8_CUT: all n bytes begin a character that
 * needs more; *len = n.  UTF8_INVALID: *len is the length of the maximal
 * ill-formed subsequence (Unicode 15, section 3.9), at least 1.
 * In the last two cases *code is UTF8_BAD.  s: [n] bytes. */
enum utf8_state utf8_decode(const char *s, size_t n, uint32_t *code, size_t *len);

/* Writes code (a valid code point) to out: [UTF8_MAX].  Returns the length. */
size_t utf8_encode(uint32_t code, char *out);

/* Says whether all of s[n] is well formed.  s: [n] bytes. */
bool utf8_valid(const char *s, size_t n);

/* The same, and without control characters, ASCII or C1: fit for a message or a
 * terminal.  s: [n] bytes. */
bool utf8_printable(const char *s, size_t n);

#endif
