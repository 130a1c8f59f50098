/* SPDX-License-Identifier: Apache-2.0 */
/* bench_batch.h - several sequences that are written in the same steps. */
#ifndef CLI_BENCH_BATCH_H
#define CLI_BENCH_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct bench_batch;
struct model;

/* Makes room for n_seqs sequences of n_tok tokens, 1 <= n_seqs <= MODEL_MAX_TOKENS.
 * Owned: bench_batch_close().  Errors: ERR_LIMIT. */
struct bench_batch *bench_batch_open(struct model *model, uint32_t n_seqs, uint32_t n_tok,
                                     struct err *err) CHECKED;
void bench_batch_close(struct bench_batch *batch);

/* Writes n_tok tokens of each sequence, from its start on.
 * Errors: as model_step() and sampler_next(), ERR_CANCELLED. */
bool bench_batch_run(struct bench_batch *batch, struct err *err) CHECKED;

/* Returns the bytes reserved for keys and values. */
size_t bench_batch_kv_bytes(const struct bench_batch *batch);

#endif
