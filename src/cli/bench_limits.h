/* SPDX-License-Identifier: Apache-2.0 */
/* bench_limits.h - what a machine can do at most: reading, and computing in each instruction set.
 *
 * Other figures of "bise bench" are shares of these, measured in the same run: a machine that is
 * shared is not the same from one minute to the next. */
#ifndef CLI_BENCH_LIMITS_H
#define CLI_BENCH_LIMITS_H

#include "base/err.h"

/* How results are printed. */
enum bench_form { BENCH_TEXT, BENCH_JSON, BENCH_CSV };

struct runtime_options;

/* The limits of one way to compute. */
struct bench_limits {
    double read;              /* bytes per second from memory */
    double compute;           /* operations per second of what multiplies prompts, two for a
                                 multiply-add */
    const char *compute_name; /* "AMX bf16"; NULL: not measured */
};

/* Measures them for the threads and the instruction set of options, n_threads being set.
 * Errors: as cpu_flags_from_name(), ERR_LIMIT without memory for that. */
bool bench_limits_measure(struct bench_limits *limits, const struct runtime_options *options,
                          struct err *err) CHECKED;

/* Measures and prints all there are: "bise bench --limits".  On ERR_CANCELLED what was measured
 * until then is printed.  Errors: the same, ERR_CANCELLED, ERR_IO. */
bool bench_limits_print(const struct runtime_options *options, enum bench_form form,
                        struct err *err) CHECKED;

#endif
