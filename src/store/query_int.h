/* SPDX-License-Identifier: Apache-2.0 */
/* query_int.h - one statement, the same for every engine.
 *
 *     struct query q;
 *     query_init(&q, store, "SELECT name, roles FROM keys WHERE id = $1 AND roles > $2");
 *     query_text(&q, id);
 *     query_int(&q, 0);
 *     while (query_next(&q, err))
 *         use(query_get_text(&q, 0), query_get_int(&q, 1));
 *     return query_end(&q);
 *
 * Statements are literals of the program: nothing from outside is ever part of one.  They are
 * written in what SQLite and PostgreSQL have in common: BIGINT and TEXT, no NULL, arguments $1, $2,
 * ..., each of which first occurs in that order, LIKE with ESCAPE '!', which tells upper from lower
 * case.  An argument in the same place is always of the same kind.
 * Thread: who has the store. */
#ifndef STORE_QUERY_INT_H
#define STORE_QUERY_INT_H

#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"

struct store;
struct statement;

enum { QUERY_ARGS = 24 };
enum query_step { STEP_ROW, STEP_END, STEP_FAILED };

struct query_arg {
    struct span text; /* s NULL: it is a number */
    int64_t number;
    char digits[24]; /* of the number, for an engine that wants text */
};

struct query {
    struct store *store;
    struct statement *statement;
    struct query_arg args[QUERY_ARGS];
    int n_args;
    void *rows; /* of the engine */
    int row;    /* of rows that are there at once */
    int64_t n_changed;
    bool has_started, has_failed;
};

/* Begins a query.  sql: a literal. */
void query_init(struct query *query, struct store *store, const char *sql);

/* Give the next argument; text is borrowed until query_end(), and NULL is "". */
void query_int(struct query *query, int64_t number);
void query_span(struct query *query, struct span text);
void query_text(struct query *query, const char *text);

/* Moves to the first or next row.  Returns false at the end and after a failure, which query_end()
 * tells apart.  Errors: ERR_BUSY, ERR_IO, ERR_LIMIT; ERR_ARG for a text that is not UTF-8 or has
 * U+0000 in it. */
bool query_next(struct query *query, struct err *err) CHECKED;

/* Columns of the row, counted from 0.  Borrowed: until the next row. */
int64_t query_get_int(const struct query *query, int column);
struct span query_get_span(const struct query *query, int column);

/* The same as a copy.  Borrowed: of the arena; NULL without memory.  Errors: ERR_LIMIT. */
const char *query_get_text(const struct query *query, int column, struct arena *arena,
                           struct err *err) CHECKED;

/* Ends the query.  Returns whether nothing failed. */
bool query_end(struct query *query);

/* Runs a query that yields no rows, and ends it; *n_changed, which may be NULL, rows were changed.
 * Errors: as query_next(). */
bool query_run(struct query *query, int64_t *n_changed, struct err *err) CHECKED;

#endif
