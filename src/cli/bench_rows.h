/* SPDX-License-Identifier: Apache-2.0 */
/* bench_rows.h - the figures of a run of "bise bench", printed as they come or at the end. */
#ifndef CLI_BENCH_ROWS_H
#define CLI_BENCH_ROWS_H

#include "base/err.h"
#include "cli/bench_limits.h"
#include "cli/summary.h"

#define BENCH_MAX_ROWS 64

struct bench_row {
    char name[40];        /* "prefill 512" */
    const char *unit;     /* "s", "B", "tokens/s" */
    struct summary value; /* in that unit */
    double ratio;         /* the share of a limit that this is; 0: there is none */
    const char *limit;    /* what limits it: "memory", "disk", "AMX bf16" */
};

struct bench_rows {
    enum bench_form form;
    struct bench_row rows[BENCH_MAX_ROWS];
    int n;
};

/* Adds a row, if it has anything, and prints it where that is done at once.  Returns ok, which
 * says how its measuring ended.  Errors: ERR_IO, when that was well. */
bool bench_rows_add(struct bench_rows *rows, const struct bench_row *row, bool ok,
                    struct err *err) CHECKED;

/* Print all as the JSON member "rows" with a comma in front, and as lines of CSV with a head. */
void bench_rows_json(const struct bench_rows *rows);
void bench_rows_csv(const struct bench_rows *rows);

#endif
