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

/* Where the matrices and vectors of one layer lie; data in host memory.  What the
 * configuration does not ask for has data NULL. */
struct layer_weights {
    struct tensor attn_norm, ffn_norm; /* [1][dim] */
    struct tensor wq;                  /* [n_heads * head_dim][dim] */
    struct tensor wk, wv;              /* [n_kv_heads * head_dim][dim] */
    struct tensor wo;                  /* [dim][n_heads * head_dim, of values with latents] */
    /* Latent attention, instead of wq, wk, wv. */
    struct tensor q_a;           /* [q_rank][dim] */
    struct tensor q_b;           /* [n_heads * head_dim][q_rank] */
    struct tensor kv_a;          /* [kv_rank + rope_dim][dim] */
    struct tensor q_a_norm;      /* [1][q_rank] */
    struct tensor kv_a_norm;     /* [1][kv_rank] */
    struct head_tensor k_b, v_b; /* per head [nope_dim][kv_rank] and [v_dim][kv_rank] */
    struct ffn_tensors ffn;      /* of a dense layer, or of the shared experts */
    struct tensor router;        /* [n_experts][dim] */
    struct ffn_tensors *experts; /* [n_experts] of a layer with experts, else NULL */
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
    struct ffn_tensors *experts;  /* what the layers' experts point into */
    uint64_t n_params;            /* of the text decoder */
    uint64_t n_active_params;     /* of them, those that one token meets */
    uint64_t n_weight_bytes;      /* the same, as stored */
    uint32_t n_skipped;           /* tensors of vision or audio towers, left out */
    bool rounds_inputs;           /* says of a matrix how its inputs are rounded */
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

/* Says whether all that was read from the files so far was theirs: asked before anything computed
 * from the weights leaves.  A checkpoint of which a read failed stays so until it is opened again:
 * part of it is zeros, and what was computed before may not be of the file that lies there now.
 * Errors: ERR_IO naming file and offset, in place of whatever err holds: see file_map_check(). */
bool checkpoint_check(const struct checkpoint *ckpt, struct err *err) CHECKED;

/* Looks for NaN and infinities in every weight of the text decoder: reads the
 * whole model.  Errors: ERR_FORMAT naming file and tensor; as checkpoint_check(). */
bool checkpoint_check_numbers(const struct checkpoint *ckpt, struct err *err) CHECKED;

#endif
