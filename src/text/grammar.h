/* SPDX-License-Identifier: Apache-2.0 */
/* grammar.h - a context-free grammar whose terminals are regular languages and control tokens.
 *
 * A front end (JSON Schema, GBNF, tools ...) builds it symbol by symbol and finishes it once;
 * the result is immutable for its users and constrains any number of sequences (matcher.h).
 *
 * The language is exact: a text belongs to it when SOME way of cutting it into terminals fits.
 * There is no longest match, so a terminal may end and go on ("1" and "12"), and several
 * terminals in a row may be joined by regex_cat() without changing the language.  Joining is
 * worth it: one terminal for "\"name\"", colon and white space is faster than four.
 *
 * Left and right recursion, empty productions and ambiguity are legal.  Construction never
 * stops to ask, as in regex.h: a failed symbol is GRAMMAR_FAILED, and grammar_finish() tells
 * the first cause.
 *
 *     struct grammar_builder *b = grammar_builder_open(err);
 *     struct regex_set *set = grammar_regexes(b);
 *     uint32_t value = grammar_rule(b);
 *     uint32_t number = grammar_terminal(b, regex_repeat(set, digit, 1, 19));
 *     uint32_t list[] = {grammar_text(b, "[", 1), value, grammar_text(b, "]", 1)};
 *     grammar_produce(b, value, &number, 1);
 *     grammar_produce(b, value, list, 3);
 *     struct grammar *grammar = grammar_finish(b, value, err);  (b is gone in any case)
 */
#ifndef TEXT_GRAMMAR_H
#define TEXT_GRAMMAR_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct grammar;
struct grammar_builder;
struct regex_set;

enum {
    GRAMMAR_FAILED, /* grammar_finish() will say why */
    GRAMMAR_EMPTY,  /* the symbol of the empty text */
};

#define GRAMMAR_FOREVER UINT32_MAX

/* Makes an empty builder.  Owned: grammar_finish() or grammar_builder_close().
 * Errors: ERR_LIMIT. */
struct grammar_builder *grammar_builder_open(struct err *err) CHECKED;
void grammar_builder_close(struct grammar_builder *builder);

/* The set in which the terminals of this grammar are built.  A failure in it fails the grammar.
 * Borrowed: until the builder is finished or closed. */
struct regex_set *grammar_regexes(struct grammar_builder *builder);

/* Says whether all went well so far, to stop early.  Errors: the first failure. */
bool grammar_builder_ok(const struct grammar_builder *builder, struct err *err) CHECKED;

/* A terminal: a language of grammar_regexes(), or exactly s[n].  A language with the empty
 * text makes an optional symbol; REGEX_NOTHING one that is pruned with all that needs it. */
uint32_t grammar_terminal(struct grammar_builder *builder, uint32_t regex);
uint32_t grammar_text(struct grammar_builder *builder, const char *s, size_t n);

/* One token out of a set, by its id and never by its spelling: [n] ids in any order.  Text
 * tokens may be in it, and then count as this symbol as well as by their bytes. */
uint32_t grammar_control(struct grammar_builder *builder, const int32_t *ids, size_t n);

/* A new rule without productions; adds a production, symbols: [n], n = 0 for the empty one. */
uint32_t grammar_rule(struct grammar_builder *builder);
void grammar_produce(struct grammar_builder *builder, uint32_t rule, const uint32_t *symbols,
                     size_t n);

/* Anonymous rules: one after the other, any one (n = 0: none, pruned), lo..hi times.
 * symbols: [n].  Repetition is a counter: its cost does not depend on the bounds. */
uint32_t grammar_sequence(struct grammar_builder *builder, const uint32_t *symbols, size_t n);
uint32_t grammar_choice(struct grammar_builder *builder, const uint32_t *symbols, size_t n);
uint32_t grammar_repeat(struct grammar_builder *builder, uint32_t symbol, uint32_t lo, uint32_t hi);

/* Order in which the fixed members of a list come; its free members come after them, or
 * anywhere with GRAMMAR_ANY_ORDER. */
enum grammar_order {
    GRAMMAR_IN_ORDER,  /* as listed, those not required may be left out */
    GRAMMAR_PREFIX,    /* as listed, none left out before one that is there; the list may stop
                        * anywhere once enough are there ("prefixItems") */
    GRAMMAR_ANY_ORDER, /* each at most once; at most GRAMMAR_ANY_ORDER_MAX of them */
};

#define GRAMMAR_ANY_ORDER_MAX 64

/* A member is a name followed by a value; either may be GRAMMAR_EMPTY ("\"a\":" and value of
 * an object, only the value of an array). */
struct grammar_member {
    uint32_t name, value;
    bool is_required; /* fixed members only */
    bool is_marked;   /* counts for min_marked and max_marked */
};

/* A list of members with a separator between them: objects, arrays, sets.
 * The brackets around it are the caller's.  Set separator and max. */
struct grammar_list {
    enum grammar_order order;
    const struct grammar_member *fixed; /* [n_fixed] at most once each */
    uint32_t n_fixed;
    const struct grammar_member *free; /* [n_free] any number of times, in any order */
    uint32_t n_free;
    uint32_t separator;              /* GRAMMAR_EMPTY for none */
    uint32_t min, max;               /* members in all; max may be GRAMMAR_FOREVER */
    uint32_t min_marked, max_marked; /* marked ones ("contains"); max may be GRAMMAR_FOREVER;
                                      * 0, 0 with no marked member is fine */
    bool is_unique; /* no text of a free member's name is written twice in this list.  Names must
                     * then be terminals with one spelling for each value and without the empty
                     * text; what the fixed members are called must be left out by the caller,
                     * and min must be within reach: names enough for it. */
};

/* A rule for such a list; what spec points to is copied. */
uint32_t grammar_list(struct grammar_builder *builder, const struct grammar_list *spec);

/* Finishes: unproductive symbols are pruned, the rest is compiled.  The builder is freed, also
 * on failure.  The grammar has one reference.  Owned: grammar_unref().
 * Errors: the first failure of construction; ERR_ARG when no text at all is possible or a rule
 * can be empty where it must not; ERR_LIMIT. */
struct grammar *grammar_finish(struct grammar_builder *builder, uint32_t root,
                               struct err *err) CHECKED;

/* Adds or drops one reference; the last drop frees.  Thread: any.  Borrowed: ref returns its
 * argument. */
struct grammar *grammar_ref(struct grammar *grammar);
void grammar_unref(struct grammar *grammar);

/* What it occupies now; it grows with the automata that use builds.  Thread: any. */
size_t grammar_bytes(struct grammar *grammar);

#endif
