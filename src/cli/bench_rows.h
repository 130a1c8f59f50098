/* SPDX-License-Identifier: Apache-2.0 */
/* bench_rows.h - the figures of a run of "bise bench", printed as they come or at the end. */
#ifndef CLI_BENCH_ROWS_H
#define CLI_BENCH_ROWS_H

#include "base/err.h"
#include "cli/bench_limits.h"
#include "cli/summary.h"

#define BENCH_MAX_ROWS 64

/* What a figure counts. */
struct bench_unit {
    const char *key;         /* "s", as it is stored */
    const char *name;        /* "ms", as people read it */
    double scale;            /* from key to name */
    const char *more, *less; /* what a larger figure is called, and a smaller one */
    bool more_is_better;
    bool is_repeated; /* a row has several runs */
};

struct bench_row {
    char name[40]; /* "prefill 512" */
    const struct bench_unit *unit;
    struct summary value;     /* in that unit */
    struct bench_share share; /* of what limits it */
};

struct bench_rows {
    enum bench_form form;
    struct bench_row rows[BENCH_MAX_ROWS];
    int n;
};

/* Finds a unit: "s", "B", "tokens/s", "B/s", "FLOP/s".  Borrowed: static; NULL for another. */
const struct bench_unit *bench_unit(const char *key);

/* Adds a row, if it has anything, and prints it where that is done at once.  Returns ok, which
 * says how its measuring ended.  Errors: ERR_IO, when that was well. */
bool bench_rows_add(struct bench_rows *rows, const struct bench_row *row, bool ok,
                    struct err *err) CHECKED;

/* Returns a row of one figure.  name: at most 39 bytes count. */
struct bench_row bench_row_of(const char *name, const char *unit, double value);

/* Print all as the JSON member "rows" with a comma in front, and as lines of CSV with a head. */
void bench_rows_json(const struct bench_rows *rows);
void bench_rows_csv(const struct bench_rows *rows);

#endif
