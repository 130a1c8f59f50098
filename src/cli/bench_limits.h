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
    const char *compute_unit; /* "FLOP/s", or "OP/s" */
};

/* How near something comes to what limits it. */
struct bench_share {
    double part;       /* 1.00 is perfect; 0: nothing limits it */
    const char *limit; /* "memory", "disk", "AMX bf16" */
};

/* Returns the limit that is the nearest.  bytes_per_s: what is read from memory, flops_per_s: what
 * is computed; disk_part: the share of the disk's speed at which it gave what it had to, or 0. */
struct bench_share bench_share(const struct bench_limits *limits, double bytes_per_s,
                               double flops_per_s, double disk_part);

/* Measures them for the threads and the instruction set of options, n_threads being set; blocks:
 * for a model whose weights are blocks of small integers. Errors: as cpu_flags_from_name(),
 * ERR_LIMIT without memory for that. */
bool bench_limits_measure(struct bench_limits *limits, const struct runtime_options *options,
                          bool blocks, struct err *err) CHECKED;

/* Measures and prints all there are: "bise bench --limits".  On ERR_CANCELLED what was measured
 * until then is printed.  Errors: the same, ERR_CANCELLED, ERR_IO. */
bool bench_limits_print(const struct runtime_options *options, enum bench_form form,
                        struct err *err) CHECKED;

#endif
