/* SPDX-License-Identifier: Apache-2.0 */
/* span.h - bytes that lie elsewhere: a text with its length, any byte in it. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>

struct span {
    const char *s; /* [n], borrowed; NULL where there is no text, not even an empty one */
    size_t n;
};

/* The span of a string literal. */
#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})

/* Compare with a NUL-terminated text, or with each other. */
bool span_is(struct span a, const char *text);
bool span_same(struct span a, struct span b);

/* Says whether needle, a NUL-terminated text, occurs in a. */
bool span_has(struct span a, const char *needle);

#endif
