/* SPDX-License-Identifier: Apache-2.0 */
/* adapter_merge.h - writes a checkpoint anew, with the changes of adapters in its matrices.
 *
 * The new folder has the layout, names, formats and other files of the old one, so whatever reads
 * that reads this.  Quantised matrices, changed or not, become floats: their scales are left out,
 * and the configuration speaks of them no more.  It appears when it is complete. */
#ifndef MODEL_ADAPTER_MERGE_H
#define MODEL_ADAPTER_MERGE_H

#include "model/adapter.h"

#define ADAPTER_SHARD_BYTES 5000000000ull /* of tensors in one file, as published models have */

struct merge_options {
    bool convert;       /* all to dtype; else each keeps its own, and quantised ones get BF16 */
    enum dtype dtype;   /* DTYPE_F32, DTYPE_F16 or DTYPE_BF16 */
    size_t shard_bytes; /* 0: ADAPTER_SHARD_BYTES */

    /* Called before each tensor; false ends.  Errors: any.  NULL: not called. */
    bool (*go_on)(void *arg, size_t n_done, size_t n, struct err *err);
    void *arg;
};

/* What was written. */
struct merge_result {
    size_t n_tensors;
    uint64_t n_bytes;    /* of them */
    bool decoded;        /* quantised matrices became floats: */
    enum dtype from, to; /* a format of theirs, and that of the floats */
};

/* Writes the folder out, which must not be there, nor inside the model's.  W' = W + scale * b a
 * is computed in float32 and rounded once.  result may be NULL.
 * Errors: ERR_ARG for out; ERR_UNSUPPORTED for GGUF, for a matrix that is both embedding and
 * output, and for quantised ones of other parts; ERR_FORMAT for a result that the format cannot
 * hold; ERR_IO, also when the disk is too small; ERR_LIMIT.  Nothing then stays. */
bool adapter_merge(const struct checkpoint *ckpt, const struct adapter *adapters, const char *out,
                   const struct merge_options *options, struct merge_result *result,
                   struct err *err) CHECKED;

#endif
