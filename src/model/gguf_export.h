/* SPDX-License-Identifier: Apache-2.0 */
/* gguf_export.h - a checkpoint of any container as the tensors and metadata of a GGUF file.
 *
 *     gguf_export_open -> gguf_export_choose -> gguf_export_head -> gguf_export_data -> ..._close
 *
 * Rows of q and k become interleaved, experts of a layer one tensor, the key and value parts of
 * latent attention one tensor each, and scales go into the numbers.  Rows are read, converted and
 * written some at a time: memory does not grow with the model.  Adapters are left out. */
#ifndef MODEL_GGUF_EXPORT_H
#define MODEL_GGUF_EXPORT_H

#include "base/arena.h"
#include "base/err.h"
#include "model/checkpoint.h"
#include "model/quant_mix.h"

struct gguf_head;
struct importance;
struct pool;

/* A tensor of the file: n_parts matrices of n_rows x n_cols, one for each expert or head. */
struct export_tensor {
    struct tensor_entry entry; /* name, type, shape, bytes; no data */
    enum quant_role role;
    enum dtype type;
    bool fell_back; /* type is not what the mix asks for: its rows do not fit */
    uint32_t layer;
    int64_t n_parts, n_rows, n_cols;
    const struct tensor *source;     /* of the first part, or */
    const struct head_tensor *heads; /* parts of the rows of one tensor */
    size_t stride;                   /* bytes from one part's source to the next's */
    bool turned;                     /* heads: the file has the transposes of the matrices */
    uint32_t half_split;             /* rows of a head that are to be interleaved; 0: as they are */
};

struct gguf_export {
    const struct checkpoint *ckpt;
    struct export_tensor *tensors; /* [n], in the order of the file */
    size_t n, n_places;
    struct arena names;
};

/* Lists the tensors.  ckpt must outlive the export.
 * Owned: gguf_export_close().  Errors: ERR_LIMIT. */
bool gguf_export_open(struct gguf_export *e, const struct checkpoint *ckpt,
                      struct err *err) CHECKED;
void gguf_export_close(struct gguf_export *e);

/* Chooses the format of every tensor.  Returns how many fell back to another one. */
size_t gguf_export_choose(struct gguf_export *e, const struct quant_mix *mix, bool has_importance);

/* Returns the matrix of a part.  Borrowed: of the checkpoint; NULL for heads. */
const struct tensor *gguf_export_part(const struct export_tensor *t, int64_t part);

/* Appends metadata and the table of tensors to head, and sets their bytes.  Of a GGUF file the
 * vocabulary and what general.* keys say are copied; of other containers the vocabulary is the
 * caller's business.  Errors: ERR_UNSUPPORTED for windows of different lengths, ERR_LIMIT. */
bool gguf_export_head(struct gguf_export *e, const struct quant_mix *mix, struct gguf_head *head,
                      struct err *err) CHECKED;

/* Takes the data in order.  bytes: [n].  Errors: end gguf_export_data() with their own. */
typedef bool export_write_fn(void *arg, const void *bytes, size_t n, struct err *err);

/* Converts all tensors on all threads of pool and hands their bytes to fn; which threads there are
 * changes no bit.  importance may be NULL.
 * Errors: those of fn; naming a file and its tensor, ERR_FORMAT for numbers that are not finite and
 * ERR_UNSUPPORTED for those that the format does not hold; ERR_LIMIT. */
bool gguf_export_data(const struct gguf_export *e, const struct importance *importance,
                      struct pool *pool, export_write_fn *fn, void *arg, struct err *err) CHECKED;

#endif
