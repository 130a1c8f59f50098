/* SPDX-License-Identifier: Apache-2.0 */
/* bench_profile.h - one run of a row of "bise bench" taken apart: "--profile". */
#ifndef CLI_BENCH_PROFILE_H
#define CLI_BENCH_PROFILE_H

#include "base/err.h"
#include "cli/bench_limits.h"
#include "tensor/profile.h"

struct bench_matrices;
struct checkpoint;

/* Learns which product each matrix of a checkpoint belongs to.
 * Owned: bench_matrices_close().  Errors: ERR_LIMIT. */
struct bench_matrices *bench_matrices_open(const struct checkpoint *ckpt, struct err *err) CHECKED;
void bench_matrices_close(struct bench_matrices *matrices);

/* Says that; arg: struct bench_matrices.  As profile_classify_fn. */
enum profile_op bench_matrices_classify(void *arg, const struct tensor *w);

/* Prints a profile as a table with shares of limits, or as a JSON object.  Errors: ERR_IO. */
bool bench_profile_text(const struct profile *profile, const char *name,
                        const struct bench_limits *limits, struct err *err) CHECKED;
void bench_profile_json(const struct profile *profile, const char *name);

#endif
