/* SPDX-License-Identifier: Apache-2.0 */
/* lexer_int.h - the terminals of a grammar as one automaton that is built while it is used.
 *
 * A state is a set of terminals, each with what is left of its language.  All that depends on
 * states alone is kept here for all sequences: which tokens stay inside the terminals that
 * are alive (a "walk"), and where tokens cross the end of one.
 *
 * The functions that may build something fail with ERR_LIMIT and are then to be reported; the
 * lexer stays usable.  Thread: who holds the lock of the grammar. */
#ifndef TEXT_LEXER_INT_H
#define TEXT_LEXER_INT_H

#include "text/grammar_int.h"
#include "text/token_trie_int.h"

enum {
    LEX_UNBUILT, /* in a table of transitions */
    LEX_DEAD,
    LEX_FIRST, /* state */
};

/* In a table of transitions: a terminal may end in that state while another byte follows. */
#define LEX_CROSS 0x80000000u

struct lex_pair {
    uint32_t terminal, regex;
};

struct lex_state {
    uint32_t first, n;  /* pairs, by terminal */
    uint32_t accept;    /* set of the terminals that may end here, 0 for none */
    uint32_t clamped;   /* the state that a mask cannot tell from this one, 0 = not known yet */
    bool has_unique;    /* some terminal in accept must differ from others */
    uint64_t follow[4]; /* bytes that may come behind one of them */
};

/* Terminals, rising. */
struct lex_set {
    uint32_t first, n; /* in members.ids */
};

/* Nodes of a trie below which tokens go on; number 0 is the root of the whole. */
struct node_set {
    uint32_t *nodes; /* [n] in part */
    uint32_t n, part;
};

struct lex_cross {
    uint32_t accept; /* set of terminals */
    uint32_t nodes;  /* number of a node_set */
};

/* What the tokens below a node_set do from a state. */
struct lex_walk {
    uint32_t state, nodes;
    uint32_t n_inside;         /* tokens that stay inside */
    uint32_t *mask;            /* [n_words], NULL when they are few */
    uint32_t *ids;             /* [n_inside], NULL when they are many */
    struct lex_cross *crosses; /* [n_crosses] */
    uint32_t n_crosses;
};

/* A byte that stands for its class, and the state of UTF-8 to which it leads. */
struct lex_plain {
    uint8_t byte, utf8;
};

struct lexer {
    struct grammar *grammar;
    uint8_t class_of[256], byte_of[256];
    uint32_t n_classes;
    struct lex_state *states;
    uint32_t *next; /* [n_states][n_classes] */
    uint32_t n_states, n_state_places;
    struct lex_pair *pairs;
    uint32_t n_pairs, n_pair_places;
    struct lex_set *sets;
    uint32_t n_sets, n_set_places;
    struct id_list members;
    struct id_table state_table, set_table;
    struct lex_pair *scratch; /* pairs of a state in the making */
    uint32_t n_scratch, n_scratch_places;

    struct lex_plain plain[8][256]; /* bytes of plain characters by state of UTF-8 */
    uint16_t n_plain[8];

    const struct token_trie *trie; /* of the walks, NULL before the first */
    struct lex_walk *walks;
    uint32_t n_walks, n_walk_places;
    struct id_table walk_table;
    struct node_set *node_sets;
    uint32_t n_node_sets, n_node_set_places;
    struct id_table node_set_table;
    size_t walk_bytes;
    uint32_t *mask;   /* [n_words] of a walk in the making, else 0 */
    uint32_t *tokens; /* [n_words] of a walk in the making, while they are few */
};

/* Makes the lexer of a grammar that has its terminals.  Owned: lexer_close().
 * Errors: ERR_LIMIT. */
struct lexer *lexer_open(struct grammar *grammar, struct err *err) CHECKED;
void lexer_close(struct lexer *lexer);
size_t lexer_bytes(const struct lexer *lexer);

/* Stores the number of a set of terminals: [n] rising.  Errors: ERR_LIMIT. */
bool lexer_set(struct lexer *lexer, const uint32_t *terminals, uint32_t n, uint32_t *id,
               struct err *err) CHECKED;

/* Stores the state of pairs: [n] in any order, or LEX_DEAD when nothing can match.
 * Errors: ERR_LIMIT. */
bool lexer_state(struct lexer *lexer, const struct lex_pair *pairs, uint32_t n, uint32_t *state,
                 struct err *err) CHECKED;

/* Builds the transition of a state for a byte and returns it with LEX_CROSS, or LEX_UNBUILT on
 * failure.  Errors: ERR_LIMIT. */
uint32_t lexer_build(struct lexer *lexer, uint32_t state, uint8_t any_byte, struct err *err);

/* The same, from the table where it is there. */
static inline uint32_t lexer_next(struct lexer *lexer, uint32_t state, uint8_t byte,
                                  struct err *err)
{
    uint32_t to = lexer->next[(size_t)state * lexer->n_classes + lexer->class_of[byte]];
    return to != LEX_UNBUILT ? to : lexer_build(lexer, state, byte, err);
}

/* Stores the state that stands for this one in masks.  clamped: [1].  Errors: ERR_LIMIT. */
bool lexer_clamp(struct lexer *lexer, uint32_t state, uint32_t *clamped, struct err *err) CHECKED;

/* Stores the number of the walk of a state over a set of nodes.  id: [1].  Errors: ERR_LIMIT. */
bool lexer_walk(struct lexer *lexer, uint32_t state, uint32_t nodes, uint32_t *id,
                struct err *err) CHECKED;

/* Forgets the walks, and with them their numbers, if they have become too many. */
void lexer_trim_walks(struct lexer *lexer);

/* Sets the trie of all walks.  Errors: ERR_ARG when there is another, ERR_LIMIT. */
bool lexer_use_trie(struct lexer *lexer, const struct token_trie *trie, struct err *err) CHECKED;

/* Frees what lexer_use_trie() and walks have made. */
void lexer_drop_walks(struct lexer *lexer);

/* Which slice of the trie a state contains: the largest, or -1.  Errors: ERR_LIMIT. */
bool lexer_slice(struct lexer *lexer, uint32_t state, int *slice, struct err *err) CHECKED;

static inline bool lex_follows(const struct lex_state *state, uint8_t byte)
{
    return state->follow[byte >> 6] >> (byte & 63) & 1;
}

#endif
