/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - one description of every decoder of the family.
 *
 * Read from params.json (Mistral native), config.json (Hugging Face) or GGUF
 * metadata.  The forward pass is chosen by these features, never by a model's
 * name.  A feature that this build cannot run is refused by name when the
 * configuration is read. */
#ifndef MODEL_CONFIG_H
#define MODEL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "tensor/backend.h"

struct gguf;
struct json_doc;

struct yarn { /* arXiv:2309.00071 */
    double factor;
    double original_context;
    double beta_fast, beta_slow;
};

/* Latent attention (arXiv:2405.04434): ranks of the compressed queries and of the cache, and the
 * parts of a head.  The cache holds kv_rank + rope_dim values per token and layer. */
struct latent_config {
    uint32_t q_rank, kv_rank;
    uint32_t nope_dim, rope_dim; /* of queries and keys; their sum is head_dim */
    uint32_t v_dim;
};

/* A mixture of experts (arXiv:2401.04088): softmax over all experts, the n_used largest. */
struct moe_config {
    uint32_t n_experts, n_used;
    uint32_t ffn_dim;       /* of one expert */
    uint32_t n_shared;      /* experts that see every token, stored as one of n_shared * ffn_dim */
    uint32_t n_dense;       /* leading layers without experts, of model_config.ffn_dim */
    uint32_t n_groups;      /* of experts, each equally large; 1 without groups */
    uint32_t n_groups_used; /* the groups with the largest sums of their two best experts */
    bool renormalise;       /* the weights of the chosen experts sum to 1 */
    float routed_scale;     /* multiplies the weights */
};

/* How quantised matrices of safetensors are stored, as far as the tensors do not tell. */
struct quant_config {
    uint32_t block_rows, block_cols; /* elements that share a scale; 0: one scale per tensor */
    enum input_rounding rounding;    /* of the inputs of quantised matrices */
    uint32_t input_group;            /* of INPUT_E4M3_DYNAMIC; 0: a whole token */
};

struct model_config {
    char architecture[64]; /* "mistral (native)", "ministral3", "llama (GGUF)": for people only */
    uint32_t dim, n_layers, n_heads, n_kv_heads, head_dim, ffn_dim, n_vocab;
    bool is_latent; /* latent attention; then n_kv_heads is n_heads and the windows are 0 */
    struct latent_config latent;
    bool is_moe;
    struct moe_config moe;
    struct quant_config quant;
    float attn_scale_mult; /* multiplies the softmax scale 1/sqrt(head_dim); normally 1 */
    uint32_t context;      /* longest sequence that the checkpoint promises */
    bool context_assumed;  /* the file says nothing about it */
    float norm_eps;
    bool tied; /* the output matrix is the embedding */

    double rope_theta;
    enum rope_layout rope_layout;
    bool has_yarn;
    struct yarn yarn;
    float rope_magnitude; /* multiplies cos and sin; 1 without magnitude scaling */

    /* Query temperature 1 + beta * ln(1 + floor(pos / original)); beta 0 = off. */
    double temperature_beta, temperature_original;

    uint32_t windows[LIMIT_LAYERS]; /* [n_layers] keys that a query sees; 0 = all */
};

/* Returns how many elements of a head rotate. */
static inline uint32_t config_rope_dim(const struct model_config *config)
{
    return config->is_latent ? config->latent.rope_dim : config->head_dim;
}

/* Says whether layer i has a mixture of experts. */
static inline bool config_has_experts(const struct model_config *config, uint32_t i)
{
    return config->is_moe && i >= config->moe.n_dense;
}

/* Read a configuration and check every range and relation.
 * Errors: ERR_FORMAT for a wrong value, ERR_UNSUPPORTED for a feature that is
 * valid but not built; both name file, key and remedy. */
bool config_from_params(struct model_config *config, const struct json_doc *params,
                        struct err *err) CHECKED;
bool config_from_hf(struct model_config *config, const struct json_doc *config_json,
                    struct err *err) CHECKED;
bool config_from_gguf(struct model_config *config, const struct gguf *gguf,
                      struct err *err) CHECKED;

#endif
