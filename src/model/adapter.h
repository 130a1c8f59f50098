/* SPDX-License-Identifier: Apache-2.0 */
/* adapter.h - low-rank adapters bound to the matrices of a checkpoint, which stays as it is.
 *
 * Adapters are opened one on another; their changes add up.
 *
 *     struct adapter *top = NULL, *next;
 *     while (... (next = adapter_open(ckpt, path, scale, top, err)))
 *         top = next;
 *     ...
 *     w.lora = adapter_find(top, &ckpt->weights.layers[0].wq);
 *
 * What is added to an embedding, [n_vocab][dim], is that of its transpose: a: [rank][n_vocab],
 * b: [dim][rank].
 *
 * Thread: any; an open adapter does not change after adapter_adopt(). */
#ifndef MODEL_ADAPTER_H
#define MODEL_ADAPTER_H

#include "model/checkpoint.h"
#include "tensor/backend.h"

struct adapter;

/* Opens the adapter at path and finds the matrix of ckpt for each of its pairs.  scale
 * multiplies its own; 0 leaves the model alone.  below: the adapters that are there already, or
 * NULL; on failure they stay open.  ckpt must outlive the adapter.
 * Owned: adapter_close(), which closes those below, too.
 * Errors: as adapter_file_open(), and ERR_FORMAT for an adapter of another model. */
struct adapter *adapter_open(const struct checkpoint *ckpt, const char *path, double scale,
                             struct adapter *below, struct err *err) CHECKED;
void adapter_close(struct adapter *adapter);

/* Hands all matrices to the backend that shall multiply with them.
 * Errors: ERR_LIMIT. */
bool adapter_adopt(struct adapter *adapter, struct backend *backend, struct err *err) CHECKED;

/* Says whether all that was read from the files of the adapters so far was theirs; adapter may be
 * NULL.  Errors: as checkpoint_check(). */
bool adapter_check(const struct adapter *adapter, struct err *err) CHECKED;

/* Returns what the adapters add to products with base, which is a matrix in the weights of the
 * checkpoint, or NULL: nothing.  adapter may be NULL.
 * Borrowed: until adapter_close(). */
const struct lora *adapter_find(const struct adapter *adapter, const struct tensor *base);

#endif
