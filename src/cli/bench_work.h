/* SPDX-License-Identifier: Apache-2.0 */
/* bench_work.h - what a model has to read and to compute for its tokens, at least. */
#ifndef CLI_BENCH_WORK_H
#define CLI_BENCH_WORK_H

#include "model/checkpoint.h"

/* Returns the bytes that one step reads which generates a token for each of n_seqs sequences of
 * depth tokens: every weight but the embedding, of which a token reads one row (unless it is the
 * output matrix as well); of experts those that so many tokens choose when each choice is as
 * likely as any other; keys and values of kv_type. */
double bench_step_bytes(const struct checkpoint *ckpt, enum dtype kv_type, double depth,
                        int n_seqs);

/* Returns the operations, two for a multiply-add, of n tokens behind depth others: products with
 * the matrices of the layers that a token meets, and attention; with_output: products with the
 * output matrix as well, which of a prompt only the last token needs. */
double bench_flops(const struct checkpoint *ckpt, uint32_t depth, uint32_t n, bool with_output);

#endif
