/* SPDX-License-Identifier: Apache-2.0 */
/* bench_compare.h - a run of "bise bench" beside one that was stored with --json. */
#ifndef CLI_BENCH_COMPARE_H
#define CLI_BENCH_COMPARE_H

#include "base/err.h"
#include "cli/bench_rows.h"

/* What a difference between two runs of a row means. */
enum bench_change {
    BENCH_NOISE,  /* their runs overlap, or are too few to tell */
    BENCH_BETTER, /* all runs are better than all stored ones */
    BENCH_WORSE,
};

/* Compares a row now with the stored one. */
enum bench_change bench_change(const struct bench_row *now, const struct bench_row *stored);

/* Reads the rows of the file at path; units are those of rows.  Errors: as json_open(), and
 * ERR_FORMAT for a file of another kind. */
bool bench_compare_read(struct bench_rows *stored, const char *path, struct err *err) CHECKED;

/* Prints each row that both have, and which are missing in the stored run. */
void bench_compare_print(const struct bench_rows *now, const struct bench_rows *stored,
                         const char *path);

#endif
