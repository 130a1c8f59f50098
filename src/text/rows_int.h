/* SPDX-License-Identifier: Apache-2.0 */
/* rows_int.h - the parser: rows of items, each a state of the whole parse.
 *
 * Earley's method, except that a row does not know its place in the text: it is what it holds,
 * and rows that hold the same are one.  The row where an item began is named in the item, so a
 * row has its whole past in it and the rows of a text with repetition are few.
 *
 * A symbol that is the last of its rule is predicted in place of that rule: what it completes is
 * what the rule would complete.  So right recursion adds no rows, and a list of any length ends
 * in one step.
 * Thread: who holds the lock of the grammar. */
#ifndef TEXT_ROWS_INT_H
#define TEXT_ROWS_INT_H

#include "text/lexer_int.h"

enum { ROW_NONE, ROW_FIRST };

struct row {
    uint32_t first, n; /* items */
    uint32_t n_kernel; /* of these came from the row before */
    uint32_t start;    /* state of the lexer in which the next terminal begins, or LEX_DEAD */
    bool is_complete;  /* the text may end here */
    bool has_control;  /* a control token may come next */
    bool is_tainted;   /* a value begins that must differ from one which is not known yet */
};

/* The values that a list has used: those of prev and one more. */
struct used_values {
    uint32_t prev, n;
    uint32_t regex;     /* their union */
    bool is_incomplete; /* one is not known: see ROW_UNKNOWN_VALUE */
};

struct rows {
    struct grammar *grammar;
    struct row *rows;
    uint32_t n_rows, n_row_places;
    struct item *items;
    uint32_t n_items, n_item_places;
    struct id_table row_table;  /* by kernel */
    struct id_table next_table; /* moves by row and set of terminals */
    struct row_move *moves;
    uint32_t n_moves, n_move_places;
    struct used_values *used;
    uint32_t n_used, n_used_places;
    uint32_t fuel; /* items that may be made in one step of the matcher */

    /* A row in the making. */
    struct item *work;
    uint32_t n_work, n_work_places;
    struct id_list completed; /* pairs of origin and rule */
    struct step *steps;
    uint32_t n_steps, n_step_places;
    struct lex_pair *pairs;
    uint32_t n_pairs, n_pair_places;
    bool is_complete;
};

struct row_move {
    uint32_t row, accept, to;
};

/* What has ended: terminals after a row. */
struct row_end {
    uint32_t row, accept;
    const char *text; /* [n] of the terminal, NULL when it is not known */
    size_t n;
};

/* Makes the first row of a grammar.  Errors: ERR_LIMIT. */
bool rows_init(struct rows *rows, struct grammar *grammar, struct err *err) CHECKED;
bool rows_copy(struct rows *rows, const struct rows *from, struct err *err) CHECKED;
void rows_free(struct rows *rows);

/* Stores the row after ends: [n], ROW_NONE when the parser refuses all of them.
 * Errors: ERR_LIMIT. */
bool rows_move(struct rows *rows, const struct row_end *ends, uint32_t n, uint32_t *to,
               struct err *err) CHECKED;

/* Stores the row after the control token id, which may come after any of from: [n].
 * Errors: ERR_LIMIT. */
bool rows_control(struct rows *rows, const uint32_t *from, uint32_t n, uint32_t id, uint32_t *to,
                  struct err *err) CHECKED;

/* Sets the bits of the control tokens that may come after a row.  mask: [n_words].
 * Errors: ERR_LIMIT. */
bool rows_control_mask(struct rows *rows, uint32_t row, uint32_t *mask, uint32_t n_words,
                       struct err *err) CHECKED;

static inline const struct row *row_at(const struct rows *rows, uint32_t id)
{
    return &rows->rows[id];
}

#endif
