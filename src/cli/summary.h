/* SPDX-License-Identifier: Apache-2.0 */
/* summary.h - one thing measured several times, and how "bise bench" prints it. */
#ifndef CLI_SUMMARY_H
#define CLI_SUMMARY_H

#include "base/err.h"

#define SUMMARY_MAX_RUNS 1000

struct summary {
    int n_runs; /* 0: not measured */
    double median, min, max;
};

struct summary_limits {
    int n_repeats, max_s; /* of each row; the first to be reached ends it */
};

/* Says whether Ctrl-C has not come yet.  Errors: ERR_CANCELLED. */
bool summary_go_on(struct err *err) CHECKED;

/* Measures once.  Errors: any. */
typedef bool summary_fn(void *arg, double *value, struct err *err);

/* Calls fn once to warm up, and then as often as wanted, or as time allows but once.  On failure
 * *out has the runs that came before it.  Errors: of fn, ERR_CANCELLED. */
bool summary_measure(struct summary *out, const char *name, const struct summary_limits *limits,
                     summary_fn *fn, void *arg, struct err *err) CHECKED;

/* Sorts samples: [n], n > 0, and says what they are. */
struct summary summary_of(double *samples, int n);

/* Returns how many decimals a figure is printed with. */
int summary_decimals(double figure);

/* Print the head of a table and a row of it with what stands behind it, if it has anything. Returns
 * ok, which says how its measuring ended.  Errors: ERR_IO, when that was well. */
void summary_print_head(const char *behind);
bool summary_print_row(const struct summary *s, bool ok, const char *label, double scale,
                       const char *unit, const char *behind, struct err *err) CHECKED;

/* Prints a JSON member with a comma in front, if it has anything. */
void summary_print_json(const struct summary *s, const char *key);

#endif
