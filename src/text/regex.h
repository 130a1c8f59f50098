/* SPDX-License-Identifier: Apache-2.0 */
/* regex.h - regular languages over bytes, built by algebra, decided by derivatives.
 *
 * A language is a node of a regex_set, named by a number; equal constructions give equal
 * numbers.  Intersection and complement are as good as union, and a repetition keeps its
 * bounds as numbers, so {0,1000000} is one node.
 *
 * Construction never stops to ask: what cannot be built (no memory, a limit) is
 * REGEX_FAILED, which every constructor passes on, and regex_set_ok() tells the first cause.
 *
 *     struct regex_set *set = regex_set_open(err);
 *     uint32_t day = regex_repeat(set, regex_byte_range(set, '0', '9'), 1, 2);
 *     uint32_t dot = regex_cat(set, day, regex_literal(set, ".", 1));
 *     if (!regex_set_ok(set, err)) ...
 *
 * "Text" is well-formed UTF-8.  What regex_parse(), regex_code_range(), regex_literal() of text
 * and their combinations accept is text, except below regex_not(): use regex_text_not().
 * Thread: one at a time. */
#ifndef TEXT_REGEX_H
#define TEXT_REGEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct regex_set;
struct span;

enum {
    REGEX_FAILED,  /* see regex_set_ok() */
    REGEX_NOTHING, /* the empty language */
    REGEX_EPSILON, /* the empty text alone */
};

#define REGEX_FOREVER UINT32_MAX /* no upper bound of a repetition */

/* Makes an empty set.  Owned: regex_set_close().  Errors: ERR_LIMIT. */
struct regex_set *regex_set_open(struct err *err) CHECKED;
void regex_set_close(struct regex_set *set);

/* Says whether every construction so far succeeded.
 * Errors: the first failure: ERR_LIMIT, ERR_ARG. */
bool regex_set_ok(const struct regex_set *set, struct err *err) CHECKED;

/* One byte; one of a range; one whose bit is set.  members: [4] bit b & 63 of word b >> 6. */
uint32_t regex_byte(struct regex_set *set, uint8_t byte);
uint32_t regex_byte_range(struct regex_set *set, uint8_t lo, uint8_t hi);
uint32_t regex_byte_class(struct regex_set *set, const uint64_t members[4]);

/* Exactly the bytes s[n]; any one of n_texts texts (equal beginnings are shared). */
uint32_t regex_literal(struct regex_set *set, const char *s, size_t n);
uint32_t regex_literals(struct regex_set *set, const struct span *texts, size_t n_texts);

/* Digits, with points anywhere among them, whose number divides by divisor (not 0). */
uint32_t regex_multiple(struct regex_set *set, uint32_t divisor);

/* One code point lo..hi as UTF-8, without surrogates; any code point; any text; any text of
 * lo..hi code points. */
uint32_t regex_code_range(struct regex_set *set, uint32_t lo, uint32_t hi);
uint32_t regex_any_char(struct regex_set *set);
uint32_t regex_any_text(struct regex_set *set);
uint32_t regex_text_length(struct regex_set *set, uint32_t lo, uint32_t hi);

/* Concatenation, union, intersection, complement among all byte strings, complement among
 * texts, and lo..hi times (hi may be REGEX_FOREVER; lo > hi is REGEX_NOTHING). */
uint32_t regex_cat(struct regex_set *set, uint32_t a, uint32_t b);
uint32_t regex_or(struct regex_set *set, uint32_t a, uint32_t b);
uint32_t regex_and(struct regex_set *set, uint32_t a, uint32_t b);
uint32_t regex_not(struct regex_set *set, uint32_t a);
uint32_t regex_text_not(struct regex_set *set, uint32_t a);
uint32_t regex_repeat(struct regex_set *set, uint32_t a, uint32_t lo, uint32_t hi);
uint32_t regex_optional(struct regex_set *set, uint32_t a);

/* The same for many at once.  items: [n]; n = 0 gives the neutral element. */
uint32_t regex_cat_all(struct regex_set *set, const uint32_t *items, size_t n);
uint32_t regex_or_all(struct regex_set *set, const uint32_t *items, size_t n);

enum regex_mode {
    REGEX_WHOLE,  /* the pattern describes the whole text */
    REGEX_SEARCH, /* some part of the text, as "pattern" of JSON Schema */
};

/* The language of a pattern in the ECMA-262 dialect (flag u) without what is not regular.
 * Returns REGEX_FAILED with *err on failure; the set stays usable after ERR_ARG,
 * ERR_UNSUPPORTED and ERR_LIMIT of the pattern itself.  pattern: [n] bytes.
 * Errors: ERR_ARG malformed, ERR_UNSUPPORTED look-around, back-references and the like, ERR_LIMIT;
 * messages name the byte of the pattern: "at 5: look-behind is not supported". */
uint32_t regex_parse(struct regex_set *set, const char *pattern, size_t n, enum regex_mode mode,
                     struct err *err) CHECKED;

/* How a language of texts is spelled inside a JSON string, quotes not included: each character
 * in one way, escaped only where JSON demands it ("\n", "\u001f").  Lengths stay lengths. */
uint32_t regex_json_spelling(struct regex_set *set, uint32_t text);

/* One character of a free JSON string: plain (not U+007F), a short escape (not "\/"), or \uHHHH
 * with surrogates in pairs; and a whole string of lo..hi such characters with its quotes. */
uint32_t regex_json_char(struct regex_set *set);
uint32_t regex_json_string(struct regex_set *set, uint32_t lo, uint32_t hi);

/* Facts that need a search through derivatives; each stores its answer.
 * Errors: ERR_LIMIT when it takes too many steps, or what regex_set_ok() says. */
bool regex_is_empty(struct regex_set *set, uint32_t a, bool *yes, struct err *err) CHECKED;
bool regex_is_disjoint(struct regex_set *set, uint32_t a, uint32_t b, bool *yes,
                       struct err *err) CHECKED;
bool regex_is_equal(struct regex_set *set, uint32_t a, uint32_t b, bool *yes,
                    struct err *err) CHECKED;

/* Whether every text of part is one of whole.  Errors: as above. */
bool regex_is_within(struct regex_set *set, uint32_t part, uint32_t whole, bool *yes,
                     struct err *err) CHECKED;

/* Whether s[n] is in the language.  Errors: as above. */
bool regex_matches(struct regex_set *set, uint32_t a, const char *s, size_t n, bool *yes,
                   struct err *err) CHECKED;

/* Whether the empty text is in the language.  Cheap. */
bool regex_is_nullable(const struct regex_set *set, uint32_t a);

#endif
