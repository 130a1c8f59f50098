/* SPDX-License-Identifier: Apache-2.0 */
/* model_int.h - what an open model holds; for model.c and forward.c. */
#ifndef MODEL_MODEL_INT_H
#define MODEL_MODEL_INT_H

#include "model/model.h"

/* One decoder layer; everything lies on the device. */
struct layer {
    struct tensor wq, wk, wv, wo;
    struct ffn_tensors ffn;
    const float *attn_gain, *ffn_gain; /* [dim] */
    size_t kv_offset;                  /* bytes from the start of a KV page */
    int window;                        /* keys that a query sees; 0 = all */
};

/* Activations of one step, T = MODEL_MAX_TOKENS.  All point into one block. */
struct scratch {
    float *h;         /* [T][dim] residual stream; survives until the next step */
    float *x;         /* [T][dim] normed input of a block, then its output */
    float *q, *attn;  /* [T][n_heads][head_dim] */
    float *k, *v;     /* [T][n_kv_heads][head_dim] */
    float *gate, *up; /* [T][ffn_dim] */
    float *rope;      /* [T][head_dim/2][2] */
    float *logits;    /* [MODEL_LOGIT_ROWS][n_vocab] */
    void *block;
    size_t n_bytes;
};

struct model {
    const struct model_config *config;
    struct backend *backend;
    const struct adapter *adapters;
    struct layer *layers; /* [n_layers] */
    struct tensor embedding, output;
    const float *out_gain; /* device [dim] */
    float *gains;          /* device [2 * n_layers + 1][dim], what the gains above point into */
    struct scratch scratch;
    double freq[LIMIT_HEAD_DIM / 2]; /* [head_dim/2] radians per position */
    float scales[MODEL_MAX_TOKENS];  /* softmax scale of each token of the step */
    int n_tok;                       /* of the last step */
};

#endif
