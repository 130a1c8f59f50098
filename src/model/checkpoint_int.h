/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint_int.h - what the sources of checkpoint.h share. */
#ifndef MODEL_CHECKPOINT_INT_H
#define MODEL_CHECKPOINT_INT_H

#include "model/checkpoint.h"

/* Gives every tensor of the decoder its place in ckpt->weights, and counts
 * parameters and bytes.  Needs layout, config and tensors.
 * Errors: ERR_FORMAT for a tensor that is missing, has another shape or no place;
 * ERR_UNSUPPORTED for its format; ERR_LIMIT. */
bool weights_bind(struct checkpoint *ckpt, struct err *err) CHECKED;

/* What a tensor is for. */
enum tensor_use {
    TENSOR_DECODER, /* or unknown: binding refuses what has no place */
    TENSOR_TOWER,   /* of the vision or audio part */
    TENSOR_UNUSED,  /* computed here instead, or a copy of another tensor */
};
enum tensor_use weights_use(const struct checkpoint *ckpt, const char *name);

/* Says whether a tensor is one of those beside a matrix of the decoder that say what its numbers
 * stand for. */
bool weights_is_scale(const struct checkpoint *ckpt, const char *name);

/* Returns tensor i of a layer, NULL behind the last.  Experts are left out; what the configuration
 * does not ask for has data NULL.  Borrowed: from the layer. */
const struct tensor *weights_of_layer(const struct layer_weights *layer, size_t i);

/* Says whether every element of e, which has that format, is finite. */
bool weights_finite(const struct tensor_entry *e, enum dtype dtype);

#endif
