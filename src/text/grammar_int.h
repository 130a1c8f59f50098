/* SPDX-License-Identifier: Apache-2.0 */
/* grammar_int.h - a grammar as its parser uses it: states joined by symbols.
 *
 * Each rule is a small automaton.  An item is a place in one: its state, the row where the rule
 * began, the rule that is complete when the state accepts, and counters.  Most states are plain,
 * with edges from a table; the states of repetitions and lists work theirs out from counters. */
#ifndef TEXT_GRAMMAR_INT_H
#define TEXT_GRAMMAR_INT_H

#include "base/lock.h"
#include "text/grammar.h"
#include "text/id_list_int.h"
#include "text/id_table_int.h"
#include "text/regex_int.h"

enum symbol_kind {
    SYM_FAILED,
    SYM_EMPTY,
    SYM_TERMINAL,
    SYM_CONTROL,
    SYM_RULE,
    SYM_REPEAT,
    SYM_LIST
};

struct symbol {
    uint8_t kind;
    bool is_productive, is_nullable;
    uint32_t a;      /* TERMINAL: regex; CONTROL: its number; RULE: first production + 1, else 0;
                      * REPEAT: the symbol; LIST: its number */
    uint32_t lo, hi; /* REPEAT */
    uint32_t start;  /* state in which it begins; a terminal's number */
};

struct production {
    uint32_t first, n; /* symbols in list.ids */
    uint32_t next;     /* of the same rule, + 1 */
};

struct list_spec {
    struct grammar_list list;
    struct grammar_member *members; /* [n_fixed + n_free] owned */
    bool has_free[2];               /* productive free members: [is_marked] */
    uint32_t (*left)[2][2];         /* [n_fixed + 1][is_required][is_marked] fixed ones from there
                                     * on; not for GRAMMAR_ANY_ORDER */
    uint32_t last_required;         /* index + 1 */
    uint64_t required, marked;      /* of GRAMMAR_ANY_ORDER */
};

struct control {
    uint32_t *ids; /* [n] rising */
    uint32_t n;
};

struct grammar_builder {
    struct regex_set *set;
    struct symbol *symbols;
    uint32_t n_symbols, n_symbol_places;
    struct production *productions;
    uint32_t n_productions, n_production_places;
    struct id_list parts; /* symbols of all productions */
    struct list_spec *lists;
    uint32_t n_lists, n_list_places;
    struct control *controls;
    uint32_t n_controls, n_control_places;
    struct id_table terminals; /* symbols by regex */
    bool failed;
    struct err cause;
};

enum state_kind { STATE_PLAIN, STATE_REPEAT, STATE_LIST };

/* The phases of a list, in the order of its states. */
enum { LIST_START, LIST_AFTER_MEMBER, LIST_AFTER_SEPARATOR, LIST_AFTER_NAME };

struct edge {
    uint32_t symbol, target;
};

struct state {
    uint8_t kind;
    bool accepts;         /* plain ones */
    uint32_t first, n;    /* PLAIN: edges */
    uint32_t spec, phase; /* REPEAT: symbol; LIST: list and phase or LIST_AFTER_NAME + member */
};

enum { STATE_END }; /* accepts, leads nowhere */

struct terminal {
    uint32_t regex;
    bool is_unique;
    uint64_t follow[4]; /* bytes that may come behind it */
};

/* One way out of an item. */
struct item {
    uint32_t state, origin, rule, count, marked, side;
    uint64_t used;
};

struct step {
    uint32_t symbol;
    bool is_unique; /* the name of a free member whose values must differ */
    struct item to;
};

struct lexer;

struct grammar {
    struct holders holders;
    struct lock *lock; /* of set and lexer */
    struct regex_set *set;
    struct symbol *symbols;
    struct state *states;
    struct edge *edges;
    struct list_spec *lists;
    struct control *controls;
    struct terminal *terminals;
    uint32_t n_symbols, n_states, n_edges, n_lists, n_controls, n_terminals;
    uint32_t root;   /* symbol */
    bool has_unique; /* some list excludes values: the text must be kept */
    struct lexer *lexer;
};

/* Whether an item's rule may be complete. */
bool item_accepts(const struct grammar *grammar, const struct item *item);

/* Writes the ways out of an item.  Returns their number; steps must have room for
 * item_max_steps(). */
uint32_t item_max_steps(const struct grammar *grammar, const struct item *item);
uint32_t item_steps(const struct grammar *grammar, const struct item *item, struct step *steps);

/* Prepares what item_steps() needs of a list.  Errors: ERR_LIMIT. */
bool list_prepare(struct list_spec *spec, const struct symbol *symbols, struct err *err) CHECKED;

/* Whether some choice of the productive members makes a complete list. */
bool list_is_possible(const struct list_spec *spec, const struct symbol *symbols);

/* Whether a list that list_prepare() has seen may have no member. */
bool list_is_nullable(const struct list_spec *spec);

/* The states, edges and terminals of a grammar whose symbols are known to be productive or not.
 * Errors: ERR_LIMIT. */
bool grammar_make_states(struct grammar *grammar, const struct grammar_builder *builder,
                         struct err *err) CHECKED;

/* Which symbols are productive, and which may be empty.  Errors: ERR_LIMIT, ERR_ARG. */
bool grammar_analyse(struct grammar_builder *builder, struct err *err) CHECKED;

/* What may follow each terminal.  Errors: ERR_LIMIT. */
bool grammar_follow(struct grammar *grammar, const struct grammar_builder *builder,
                    struct err *err) CHECKED;

#endif
