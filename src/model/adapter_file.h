/* SPDX-License-Identifier: Apache-2.0 */
/* adapter_file.h - the low-rank matrices of an adapter (arXiv:2106.09685) as they are stored,
 * without the model that they change.
 *
 * Three dialects, each named after the layout of checkpoints whose names it uses:
 *     CHECKPOINT_HF      PEFT: a folder with adapter_config.json and adapter_model.safetensors
 *     CHECKPOINT_NATIVE  mistral-finetune: lora.safetensors, and params.json beside it
 *     CHECKPOINT_GGUF    a .gguf file whose general.type is "adapter"
 * What changes a model in any other way is refused by name. */
#ifndef MODEL_ADAPTER_FILE_H
#define MODEL_ADAPTER_FILE_H

#include "model/checkpoint.h"

/* W' = W + scale * b a, for one matrix, or for all experts of a layer with one dimension more
 * outside.  a: [rank][n_in], b: [n_out][rank]; of an embedding, which is read column by column,
 * a: [rank][n_vocab], or [n_vocab][rank] in GGUF, b: [dim][rank]. */
struct adapter_pair {
    const char *module; /* name of the matrix in the dialect, without ".weight" */
    const struct tensor_entry *a, *b;
    int64_t rank;
    double scale;
    bool is_embedding;
};

struct adapter_file {
    enum checkpoint_layout dialect;
    struct adapter_pair *pairs; /* [n_pairs], by name */
    size_t n_pairs;
    const struct tensor_store *tensors; /* of gguf, or safetensors */
    struct tensor_store safetensors;
    struct gguf gguf;
    struct arena names;
};

/* Opens the adapter at path and checks that every tensor belongs to a pair of one rank, in a
 * float format, with finite numbers.
 * Owned: adapter_file_close(), also after a failure.
 * Errors: ERR_ARG for what is no adapter, ERR_NOT_FOUND, ERR_FORMAT, ERR_UNSUPPORTED, ERR_LIMIT,
 * ERR_IO; one line that names file, item and remedy. */
bool adapter_file_open(struct adapter_file *file, const char *path, struct err *err) CHECKED;
void adapter_file_close(struct adapter_file *file);

#endif
