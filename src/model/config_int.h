/* SPDX-License-Identifier: Apache-2.0 */
/* config_int.h - what the three readers of a configuration share. */
#ifndef MODEL_CONFIG_INT_H
#define MODEL_CONFIG_INT_H

#include <stddef.h>

#include "data/json.h"
#include "model/config.h"

/* Bounds of numbers that are not counts; counts are in base/limits.h. */
#define CONFIG_EPS_MIN     1e-12
#define CONFIG_EPS_MAX     0.1
#define CONFIG_THETA_MIN   1.0
#define CONFIG_THETA_MAX   1e12
#define CONFIG_FACTOR_MAX  1e6  /* YaRN stretches by 1 to this */
#define CONFIG_BETA_MIN    1e-6 /* rotations at the ends of YaRN's ramp */
#define CONFIG_BETA_MAX    1e6
#define CONFIG_SCALE_MAX   100.0 /* magnitudes, mscale and the query temperature's beta */
#define CONFIG_FAST_NORMAL 32.0  /* YaRN's own beta_fast and beta_slow */
#define CONFIG_SLOW_NORMAL 1.0
#define CONFIG_THETA_GGUF  1e4 /* what a GGUF file without rope.freq_base means */

/* A key that tells that the model needs something this build lacks. */
struct config_feature {
    const char *key;
    const char *what; /* "mixture-of-experts models" */
    double harmless;  /* a number that is as good as 0 */
};

/* Returns a configuration with every optional feature off. */
struct model_config config_plain(void);

/* Refuses an object in which one of the features is on: there and neither null,
 * false, 0, harmless nor empty.  features: ends with a NULL key.
 * Errors: ERR_UNSUPPORTED naming the key. */
bool config_refuse(const struct json *object, const struct config_feature *features,
                   struct err *err) CHECKED;

/* Reads llama_4_scaling of object if it is there: {original_max_position_embeddings, beta}.
 * Errors: ERR_FORMAT. */
bool config_read_temperature(struct model_config *config, const struct json *object,
                             struct err *err) CHECKED;

/* Checks the name of the activation, if key is there; only SiLU is built.
 * Errors: ERR_FORMAT, ERR_UNSUPPORTED. */
bool config_check_activation(const struct json *object, const char *key, struct err *err) CHECKED;

/* Says whether a key is there and neither null, false, 0 nor empty. */
bool config_is_on(const struct json *object, const char *key);

/* Reads the ranks of latent attention and the parts of its heads if kv_lora_rank is there;
 * both dialects of JSON spell them alike.  Errors: ERR_FORMAT. */
bool config_read_latent(struct model_config *config, const struct json *object,
                        struct err *err) CHECKED;

/* How a dialect spells a mixture of experts.  What is not there has its neutral value. */
struct config_moe_keys {
    const char *n_experts, *n_used, *ffn_dim, *n_shared, *n_dense;
    const char *n_groups, *n_groups_used, *routed_scale, *renormalise;
};

/* Reads a mixture if n_experts is there and on.  Needs ffn_dim and n_layers.
 * Errors: ERR_FORMAT naming the key. */
bool config_read_moe(struct model_config *config, const struct json *object,
                     const struct config_moe_keys *keys, struct err *err) CHECKED;

/* Returns what a mixture is before anything is known about it. */
struct moe_config config_plain_moe(const struct model_config *config);

/* Checks how the sizes of a mixture fit together, if there is one.
 * Errors: as config_settle_heads(). */
bool config_check_moe(const struct model_config *config, struct err *err) CHECKED;

/* Reads how matrices are quantised from quantization (Mistral's own) and quantization_config
 * (Hugging Face, compressed-tensors, ModelOpt) of object, if they are there.
 * Errors: ERR_FORMAT, ERR_UNSUPPORTED naming the method. */
bool config_read_quant(struct model_config *config, const struct json *object,
                       struct err *err) CHECKED;

/* Returns YaRN's magnitude 0.1 * weight * ln(factor) + 1, and 1 for weight 0. */
double config_magnitude(double factor, double weight);

/* Checks how the heads share the width, and fills head_dim if it is 0; with latent attention
 * how the parts of a head do, and fills what follows from them.
 * Errors: ERR_FORMAT; the text lacks the name of the file, which the caller knows. */
bool config_settle_heads(struct model_config *config, struct err *err) CHECKED;

/* Checks what YaRN's fields and the rope theta must have in common, if there is YaRN.
 * Errors: as config_settle_heads(). */
bool config_check_yarn(const struct model_config *config, struct err *err) CHECKED;

/* All of these checks for a JSON document.  Errors: ERR_FORMAT; they name the file. */
bool config_finish_json(struct model_config *config, const struct json *root,
                        struct err *err) CHECKED;

#endif
