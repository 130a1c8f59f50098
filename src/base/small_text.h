/* SPDX-License-Identifier: Apache-2.0 */
/* small_text.h - the short texts in which the system describes itself, under /proc and /sys.
 *
 * They come from outside: what is missing, too long or malformed is "not known", never an
 * error.  Nothing is allocated.
 * Thread: any. */
#ifndef BASE_SMALL_TEXT_H
#define BASE_SMALL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SMALL_TEXT_BYTES 65536 /* the longest, its NUL included */

/* Reads the whole file whose path format makes into text: [size].  Returns false, and an empty
 * text, when that does not succeed or the text is too long. */
bool small_text_read(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Returns what stands behind key at the start of a line, or NULL.  Borrowed: from text. */
const char *small_text_line(const char *text, const char *key);

/* Reads digits at *text, and moves it behind them, into *value.  Returns false, and leaves both
 * alone, when there are none or they are too many for 63 bits. */
bool small_text_number(const char **text, long long *value);

#define SMALL_TEXT_NONE UINT64_MAX

/* Returns the number behind key and white space at the start of a line of the file DIR/NAME, or
 * SMALL_TEXT_NONE when there is no such file, line or number. */
uint64_t small_text_amount(const char *dir, const char *name, const char *key);

#endif
