/* SPDX-License-Identifier: Apache-2.0 */
/* ebnf_int.h - the expressions of a grammar in a textual notation, and how rules made of them
 * become symbols.  Rules that do not contain themselves and are not large become one terminal
 * each, which is much faster than a rule for every character. */
#ifndef TEXT_EBNF_INT_H
#define TEXT_EBNF_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

struct grammar_builder;

enum ebnf_op {
    EBNF_REGEX,  /* a language of the builder's set */
    EBNF_SYMBOL, /* a symbol of the builder, such as control tokens */
    EBNF_RULE,   /* the rule of that number */
    EBNF_CAT,    /* parts, one after the other; none is the empty text */
    EBNF_OR,     /* any of the parts */
    EBNF_REPEAT, /* the only part, lo..hi times */
};

struct ebnf_node {
    enum ebnf_op op;
    uint32_t id; /* regex, symbol, rule */
    uint32_t lo, hi;
    struct ebnf_node *first, *last; /* part */
    struct ebnf_node *next;
};

struct ebnf_rule {
    struct span name;
    struct ebnf_node *body; /* NULL: mentioned, not defined */
    const char *at;         /* where it was mentioned first */
    uint32_t symbol, regex;
    uint32_t size; /* parts, with those of other rules, up to a limit */
    enum { EBNF_NEW, EBNF_OPEN, EBNF_REGULAR, EBNF_FREE } state;
};

/* All zero is empty. */
struct ebnf {
    struct grammar_builder *builder;
    struct arena arena;
    struct ebnf_rule *rules; /* [n_rules] */
    size_t n_rules, n_places;
    uint32_t *table; /* [n_table] rules by name, plus 1 */
    size_t n_table;
};

/* Frees all of it. */
void ebnf_free(struct ebnf *ebnf);

/* Makes a node; appends a part to a node.  Errors: ERR_LIMIT.
 * Borrowed: until ebnf_free(). */
struct ebnf_node *ebnf_node(struct ebnf *ebnf, enum ebnf_op op, uint32_t id,
                            struct err *err) CHECKED;
void ebnf_append(struct ebnf_node *node, struct ebnf_node *part);

/* Finds or enters the rule of a name: *id.  Errors: ERR_LIMIT. */
bool ebnf_rule(struct ebnf *ebnf, struct span name, const char *at, uint32_t *id,
               struct err *err) CHECKED;

/* Fills the builder with what the rule root needs: *symbol.  Every rule has a body.
 * Errors: ERR_LIMIT, ERR_ARG. */
bool ebnf_build(struct ebnf *ebnf, uint32_t root, uint32_t *symbol, struct err *err) CHECKED;

#endif
