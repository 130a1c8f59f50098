/* SPDX-License-Identifier: Apache-2.0 */
/* model.h - a checkpoint on a backend, and its forward pass.
 *
 *     batch of token ids -> hidden states -> logits
 *
 * The model owns its scratch memory, sized when it opens for MODEL_MAX_TOKENS
 * tokens: nothing is allocated inside a step.
 * Thread: one thread at a time. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/checkpoint.h"
#include "tensor/backend.h"

#define MODEL_MAX_TOKENS 512 /* tokens of one step */

struct expert_cache;
struct adapter;
struct model;

/* One step of one or several sequences.  What it computes for a token depends on the token's own
 * sequence and the phase only. */
struct model_step {
    const int32_t *ids;          /* those of all spans, each 0..n_vocab-1 */
    const struct kv_span *spans; /* of 1..MODEL_MAX_TOKENS tokens in all, with pages for them */
    int n_spans;
    enum phase phase;
    void *kv_data; /* device, pages of model_page_bytes() */
};

/* adapters: what to add to the matrices of ckpt, adopted by backend, or NULL.  All three must
 * outlive the model.
 * Owned: model_close().  Errors: ERR_LIMIT; ERR_UNSUPPORTED when heads are no whole blocks of the
 * backend's kv_type. */
struct model *model_open(const struct checkpoint *ckpt, const struct adapter *adapters,
                         struct backend *backend, struct err *err) CHECKED;
void model_close(struct model *model);

/* Lets the model take its experts from cache, of the same checkpoint, on a backend that computes
 * in host memory; NULL: from the mapped files again.  What it computes stays the same.
 * Borrowed: cache, until the model closes. */
void model_set_expert_cache(struct model *model, struct expert_cache *cache);

/* Returns what the checkpoint is.  Borrowed: until the checkpoint closes. */
const struct model_config *model_config(const struct model *model);

/* Says whether the weights of layers are blocks of small integers, whose products round their
 * inputs where that is faster. */
bool model_has_blocks(const struct model *model);

/* Returns where the model computes, for memory that its steps use.
 * Borrowed: outlives the model. */
struct backend *model_backend(const struct model *model);

/* Returns the bytes of a KV page: BACKEND_PAGE_TOKENS tokens in every layer. */
size_t model_page_bytes(const struct model *model);

/* For planning, without a model: whether keys and values can be of that type, the bytes of a page,
 * and those of the scratch memory that model_open() takes.
 * Errors: ERR_UNSUPPORTED when the rows of keys are no whole blocks. */
bool config_check_kv(const struct model_config *config, enum dtype kv_type,
                     struct err *err) CHECKED;
size_t config_page_bytes(const struct model_config *config, enum dtype kv_type);
size_t config_scratch_bytes(const struct model_config *config);

/* Runs the layers and stores the keys and values; allocates nothing.
 * Errors: ERR_IO when experts could not be read from disk; the sequences may go on from where they
 * were.  ERR_IO when mapped weights could not be read: then every later step fails, too, until the
 * checkpoint is opened again.  See checkpoint_check(). */
bool model_step(struct model *model, const struct model_step *step, struct err *err) CHECKED;

/* Computes the logits of n rows of the last step, from row first.
 * logits: host [n][n_vocab] f32; n <= MODEL_LOGIT_ROWS.
 * Errors: ERR_IO as model_step() for mapped weights. */
#define MODEL_LOGIT_ROWS 16
bool model_logits(struct model *model, int first, int n, enum phase phase, float *logits,
                  struct err *err) CHECKED;

/* The same of any rows of the last step, in any order.  rows: [n]; logits: host [n][n_vocab] f32.
 * Errors: as model_logits(). */
bool model_logits_of(struct model *model, const int *rows, int n, enum phase phase, float *logits,
                     struct err *err) CHECKED;

/* Copies n rows, from row first, of what the output matrix of the last step would multiply:
 * hidden states after the last norm.  hidden: host [n][dim] f32; n <= MODEL_LOGIT_ROWS. */
void model_hidden(struct model *model, int first, int n, float *hidden);

#endif
