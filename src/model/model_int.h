/* SPDX-License-Identifier: Apache-2.0 */
/* model_int.h - what an open model holds; for model.c and forward.c. */
#ifndef MODEL_MODEL_INT_H
#define MODEL_MODEL_INT_H

#include "model/model.h"
#include "model/router.h"

/* One decoder layer; everything lies on the device. */
struct layer {
    struct layer_weights w;            /* the norms among them are not used */
    const float *attn_gain, *ffn_gain; /* [dim] */
    const float *q_a_gain, *kv_a_gain; /* [q_rank], [kv_rank] with latent attention */
    size_t kv_offset;                  /* bytes from the start of a KV page */
    int window;                        /* keys that a query sees; 0 = all */
};

/* Activations of one step, T = MODEL_MAX_TOKENS.  All point into one block, where those of
 * attention (q to q_a) and those behind it (gate and up) share their memory. */
struct scratch {
    float *h;         /* [T][dim] residual stream; survives until the next step */
    float *x;         /* [T][dim] normed input of a block, then its output */
    float *q, *attn;  /* [T][n_heads][head_dim], attn of values */
    float *k, *v;     /* [T][n_kv_heads][head_dim]; k is the latent and v not there with latents */
    float *q_a;       /* [T][q_rank] */
    float *gate, *up; /* [T][ffn_dim of a dense layer or of the shared experts] */
    float *scores;    /* [T][n_experts] of the router */
    float *work;      /* of latent_attention() or experts() */
    float *rope;      /* [T][rope_dim/2][2] */
    float *logits;    /* [MODEL_LOGIT_ROWS][n_vocab] */
    void *block;
    size_t n_bytes;
};

struct model {
    const struct checkpoint *ckpt;
    const struct model_config *config;
    struct backend *backend;
    const struct adapter *adapters;
    struct layer *layers;        /* [n_layers] */
    struct ffn_tensors *experts; /* what w.experts of the layers point into */
    struct tensor embedding, output;
    const float *out_gain; /* device [dim] */
    float *gains;          /* device, what the gains above point into */
    struct scratch scratch;
    struct routing routing;          /* of a mixture */
    struct expert_cache *cache;      /* where experts come from, NULL: w.experts */
    double freq[LIMIT_HEAD_DIM / 2]; /* [rope_dim/2] radians per position */
    float scales[MODEL_MAX_TOKENS];  /* softmax scale of each token of the step */
    int positions[MODEL_MAX_TOKENS]; /* where each stands */
    int n_tok;                       /* of the last step */
};

/* Says whether all weights that were read so far were those of the files.
 * Errors: as checkpoint_check(). */
bool model_check(const struct model *model, struct err *err) CHECKED;

#endif
