/* SPDX-License-Identifier: Apache-2.0 */
/* quant_mix.h - which number format each tensor gets when a model is made smaller.
 *
 * A type such as Q4_K_M is a mix: tensors that hurt more when they are rounded get more bits.  The
 * mixes are those that llama.cpp's files of the same name have. */
#ifndef MODEL_QUANT_MIX_H
#define MODEL_QUANT_MIX_H

#include "base/buf.h"
#include "base/err.h"
#include "tensor/dtype.h"

struct quant_mix {
    const char *name;   /* "Q4_K_M" */
    enum dtype type;    /* of most tensors */
    uint32_t file_type; /* general.file_type */
};

enum quant_role {
    QUANT_PLAIN, /* vectors and the router: always F32 */
    QUANT_EMBEDDING,
    QUANT_OUTPUT, /* also an embedding that is the output matrix */
    QUANT_ATTN_V,
    QUANT_ATTN_K,
    QUANT_ATTN_OUTPUT,
    QUANT_FFN_DOWN,
    QUANT_FFN,   /* gate and up */
    QUANT_OTHER, /* the other matrices of attention */
};

struct quant_place {
    enum quant_role role;
    uint32_t layer, n_layers;
    uint32_t n_experts;  /* of the model; 0 for none */
    uint32_t n_sharing;  /* attention heads that share a key-value head */
    bool has_importance; /* --imatrix was given */
    bool is_routed;      /* of experts that are chosen, not of all tokens */
    int64_t n_cols;
};

/* Finds a mix by name, in any case.  Borrowed: static.  Errors: ERR_ARG that lists the names. */
const struct quant_mix *quant_mix_find(const char *name, struct err *err) CHECKED;

/* Returns the format for that place; *fell_back is set when its rows are no whole blocks of the
 * one that it should have. */
enum dtype quant_mix_choose(const struct quant_mix *mix, const struct quant_place *place,
                            bool *fell_back);

#endif
