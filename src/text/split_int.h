/* SPDX-License-Identifier: Apache-2.0 */
/* split_int.h - cuts text into the words that tekken encodes one by one.
 *
 * Does by hand what this pattern does, leftmost and first alternative first:
 *     [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+
 *   | [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*
 *   | \p{N} | ?[^\s\p{L}\p{N}]+[\r\n/]* | \s*[\r\n]+ | \s+(?!\S) | \s+
 * No character is looked at more than a few times, whatever the text. */
#ifndef TEXT_SPLIT_INT_H
#define TEXT_SPLIT_INT_H

#include <stddef.h>

#define SPLIT_PATTERN                                                                              \
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|"   \
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|"   \
    "\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

struct split {
    const char *text;    /* [n] */
    const char *classes; /* [n + 1], of the character each byte belongs to; 0 at the end */
    size_t n;
};

/* Fills classes: [n + 1] for text: [n], which is valid UTF-8. */
void split_classify(const char *text, size_t n, char *classes);

/* Returns where the word ends that starts at i < n: more than i. */
size_t split_next(const struct split *split, size_t i);

#endif
