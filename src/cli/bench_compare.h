/* SPDX-License-Identifier: Apache-2.0 */
/* bench_compare.h - a run of "bise bench" beside one that was stored with --json. */
#ifndef CLI_BENCH_COMPARE_H
#define CLI_BENCH_COMPARE_H

#include "base/err.h"
#include "cli/bench_about.h"
#include "cli/bench_rows.h"

/* A run as --json stores it. */
struct bench_stored {
    struct bench_about about;
    struct bench_rows rows; /* the limits are the first */
};

/* What a difference between two runs of a row means. */
enum bench_change {
    BENCH_NOISE,    /* their runs overlap */
    BENCH_FEW_RUNS, /* too few to tell */
    BENCH_BETTER,   /* all runs are better than all stored ones */
    BENCH_WORSE,
};

/* Compares a row now with the stored one. */
enum bench_change bench_change(const struct bench_row *now, const struct bench_row *stored);

/* Writes what the change is: "1.25x faster", "same", or "-" beside nothing.  Returns text.
 * Borrowed: text itself, [32]. */
const char *bench_change_text(char *text, const struct bench_row *now,
                              const struct bench_row *stored);

/* Reads the file at path.  Errors: as file_read() and json_parse(), and ERR_FORMAT for a file of
 * another kind. */
bool bench_compare_read(struct bench_stored *stored, const char *path, struct err *err) CHECKED;

/* Prints each row that one of both has.  path: of the stored run. */
void bench_compare_print(const struct bench_about *about, const struct bench_rows *now,
                         const struct bench_limits *limits, const struct bench_stored *stored,
                         const char *path);

#endif
