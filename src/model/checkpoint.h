/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.h - a model's files, opened: which layout, its configuration, its tensors.
 *
 * Nothing is computed and no backend is needed, so `bise show` works on a model
 * that does not fit the machine. */
#ifndef MODEL_CHECKPOINT_H
#define MODEL_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "data/gguf.h"
#include "data/tensor_store.h"
#include "model/config.h"
#include "tensor/tensor.h"

enum checkpoint_layout { CHECKPOINT_NATIVE, CHECKPOINT_HF, CHECKPOINT_GGUF };

/* Where the matrices and vectors of one layer lie; data in host memory. */
struct layer_weights {
    struct tensor attn_norm, ffn_norm; /* [1][dim] */
    struct tensor wq;                  /* [n_heads * head_dim][dim] */
    struct tensor wk, wv;              /* [n_kv_heads * head_dim][dim] */
    struct tensor wo;                  /* [dim][n_heads * head_dim] */
    struct tensor w_gate, w_up;        /* [ffn_dim][dim] */
    struct tensor w_down;              /* [dim][ffn_dim] */
};

struct model_weights {
    struct tensor embedding;      /* [n_vocab][dim] */
    struct tensor output;         /* [n_vocab][dim]; the embedding when tied */
    struct tensor norm;           /* [1][dim] */
    struct layer_weights *layers; /* [n_layers] */
};

struct checkpoint {
    char *path;
    enum checkpoint_layout layout;
    struct model_config config;
    struct tensor_store *tensors; /* of gguf, or safetensors */
    struct tensor_store safetensors;
    struct gguf gguf;             /* file is NULL unless layout is CHECKPOINT_GGUF */
    struct model_weights weights; /* every tensor found, shape and format checked */
    uint64_t n_params;            /* of the text decoder */
    uint64_t n_weight_bytes;      /* the same, as stored */
    uint32_t n_skipped;           /* tensors of vision or audio towers, left out */
};

/* Opens a folder (params.json with consolidated*.safetensors, preferred; or
 * config.json with model*.safetensors; or a single .gguf) or a .gguf file, binds
 * every tensor to its place and refuses one that has none.
 * Owned: checkpoint_close().
 * Errors: ERR_ARG for a file that is no model and for a folder of several,
 * ERR_NOT_FOUND, ERR_FORMAT, ERR_UNSUPPORTED, ERR_LIMIT, ERR_IO; one line that names
 * file, item and remedy. */
struct checkpoint *checkpoint_open(const char *path, struct err *err) CHECKED;
void checkpoint_close(struct checkpoint *ckpt);

/* Looks for NaN and infinities in every weight of the text decoder: reads the
 * whole model.  Errors: ERR_FORMAT naming file and tensor. */
bool checkpoint_check_numbers(const struct checkpoint *ckpt, struct err *err) CHECKED;

#endif
