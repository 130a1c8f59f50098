/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - one description of every decoder of the family.
 *
 * Read from params.json (Mistral native), config.json (Hugging Face) or GGUF
 * metadata.  The forward pass is chosen by these features, never by a model's
 * name.  A feature that this build cannot run is refused by name when the
 * configuration is read. */
#ifndef MODEL_CONFIG_H
#define MODEL_CONFIG_H

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

struct model_config {
    char architecture[64]; /* "mistral (native)", "ministral3", "llama (GGUF)": for people only */
    uint32_t dim, n_layers, n_heads, n_kv_heads, head_dim, ffn_dim, n_vocab;
    uint32_t context;     /* longest sequence that the checkpoint promises */
    bool context_assumed; /* the file says nothing about it */
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
