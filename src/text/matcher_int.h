/* SPDX-License-Identifier: Apache-2.0 */
/* matcher_int.h - the state of a sequence between two bytes.
 *
 * It is a set of entries: a row, and how far the lexer has come in a terminal that began
 * there.  Where a terminal may end, the row behind it is made only when the next byte could
 * begin something there: inside a number or a text that is nearly never. */
#ifndef TEXT_MATCHER_INT_H
#define TEXT_MATCHER_INT_H

#include "text/matcher.h"
#include "text/rows_int.h"

struct entry {
    uint32_t row, lex;
    uint32_t start; /* n_bytes where the terminal began; it has no byte yet where that is now */
};

struct entries {
    struct entry *all; /* [n] */
    uint32_t n, n_places;
};

struct mark {
    uint32_t first, n; /* entries */
    uint32_t n_bytes;
    bool has_ended;
};

struct matcher {
    struct grammar *grammar;
    const struct token_trie *trie;
    struct rows rows;
    struct entries kept; /* of all marks, in order */
    struct mark *marks;  /* [n_marks] one for each accepted token and one for the start */
    uint32_t n_marks, n_mark_places;
    struct id_list end_ids;
    struct buf text;           /* all bytes, only where values must differ */
    struct entries now, next;  /* while bytes are matched */
    struct id_list fresh_rows; /* rows in which something begins here */
    uint32_t *mask;            /* [n_words] scratch */
};

static inline const struct mark *matcher_top(const struct matcher *m)
{
    return &m->marks[m->n_marks - 1];
}

/* Loads the current entries into m->now.  Errors: ERR_LIMIT. */
bool matcher_load(struct matcher *m, struct err *err) CHECKED;

/* Moves m->now over a byte at place n_bytes.  *alive says whether anything is left.
 * Errors: ERR_LIMIT. */
bool matcher_step(struct matcher *m, uint8_t byte, uint32_t n_bytes, bool *alive,
                  struct err *err) CHECKED;

/* The row behind all terminals of m->now that may end at n_bytes, ROW_NONE when there is none.
 * byte: only those that it may follow; -1 for any.  row: [1].  Errors: ERR_LIMIT. */
bool matcher_pending(struct matcher *m, int byte, uint32_t n_bytes, uint32_t *row,
                     struct err *err) CHECKED;

/* Loads m->now and the rows that begin here into m->fresh_rows.  Errors: ERR_LIMIT. */
bool matcher_fresh(struct matcher *m, struct err *err) CHECKED;

/* Takes and gives the lock of the grammar around a step, with new fuel. */
void matcher_enter(struct matcher *m);
void matcher_leave(struct matcher *m);

#endif
