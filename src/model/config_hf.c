/* SPDX-License-Identifier: Apache-2.0 */
/* config_hf.c - Hugging Face's config.json, as transformers 4 and 5 write it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/plural.h"
#include "model/config_int.h"

static const struct config_feature features[] = {
    {"num_experts", "mixtures of experts of this kind", 1},
    {"attention_bias", "attention biases", 0},
    {"mlp_bias", "feed-forward biases", 0},
    {NULL, NULL, 0},
};

/* Text decoders of this family; what they may do differently is read from their
 * other keys.  "llama" without biases and with plain rotation is the same decoder. */
static const char *const text_types[] = {"mistral", "ministral", "ministral3",
                                         "llama",   "mixtral",   "mistral4"};

/* Models whose text decoder is described under text_config. */
static const char *const wrapper_types[] = {"mistral3", "llava", "voxtral"};

static const struct config_moe_keys mixtral_keys = {
    .n_experts = "num_local_experts",
    .n_used = "num_experts_per_tok",
};

static const struct config_moe_keys granular_keys = {
    .n_experts = "n_routed_experts",
    .n_used = "num_experts_per_tok",
    .ffn_dim = "moe_intermediate_size",
    .n_shared = "n_shared_experts",
    .n_dense = "first_k_dense_replace",
    .n_groups = "n_group",
    .n_groups_used = "topk_group",
    .routed_scale = "routed_scaling_factor",
    .renormalise = "norm_topk_prob",
};

static bool one_of(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, list[i]) == 0)
            return true;
    return false;
}
#define ONE_OF(name, list) one_of(name, list, sizeof(list) / sizeof *(list))

/* Checks the member model_type and stores it. */
static bool read_type(const struct json *object, bool wrapper, const char **type, struct err *err)
{
    struct json value;
    size_t n;
    if (!json_need(object, "model_type", &value, err) || !json_read_string(&value, type, &n, err))
        return false;
    if (wrapper ? ONE_OF(*type, wrapper_types) : ONE_OF(*type, text_types))
        return true;
    return json_fail(&value, err, ERR_UNSUPPORTED,
                     "'%s' is not a %s of the Mistral family that this version runs", *type,
                     wrapper ? "multimodal model" : "text model");
}

static bool read_sizes(struct model_config *config, const struct json *text, struct err *err)
{
    double eps = 0.0;
    bool ok = json_u32(text, "hidden_size", 1, LIMIT_DIM, &config->dim, err) &&
              json_u32(text, "num_hidden_layers", 1, LIMIT_LAYERS, &config->n_layers, err) &&
              json_u32(text, "num_attention_heads", 1, LIMIT_HEADS, &config->n_heads, err) &&
              json_u32(text, "intermediate_size", 1, LIMIT_FFN_DIM, &config->ffn_dim, err) &&
              json_u32(text, "vocab_size", 1, LIMIT_VOCAB, &config->n_vocab, err) &&
              json_u32(text, "max_position_embeddings", 1, LIMIT_CONTEXT, &config->context, err) &&
              json_opt_u32(text, "head_dim", 2, LIMIT_HEAD_DIM, &config->head_dim, err) &&
              json_f64(text, "rms_norm_eps", CONFIG_EPS_MIN, CONFIG_EPS_MAX, &eps, err);
    if (!ok)
        return false;
    config->norm_eps = (float)eps;
    config->n_kv_heads = config->n_heads;
    return json_opt_u32(text, "num_key_value_heads", 1, LIMIT_HEADS, &config->n_kv_heads, err);
}

/* Reads one item of layer_types. */
static bool read_layer_type(const struct json *item, uint32_t window, uint32_t *out,
                            struct err *err)
{
    const char *type;
    size_t n;
    if (!json_read_string(item, &type, &n, err))
        return false;
    if (strcmp(type, "full_attention") == 0) {
        *out = 0;
        return true;
    }
    if (strcmp(type, "sliding_attention") != 0)
        return json_fail(item, err, ERR_UNSUPPORTED,
                         "'%s' layers are not supported; expected full_attention or "
                         "sliding_attention",
                         type);
    if (!window)
        return json_fail(item, err, ERR_FORMAT, "sliding_attention without sliding_window");
    *out = window;
    return true;
}

static bool read_windows(struct model_config *config, const struct json *text, struct err *err)
{
    struct json types;
    uint32_t window = 0;
    if (!json_opt_u32(text, "sliding_window", 1, LIMIT_CONTEXT, &window, err))
        return false;
    bool listed = json_find(text, "layer_types", &types);
    if (listed && json_count(&types) != config->n_layers)
        return json_fail(&types, err, ERR_FORMAT, "expected a list of %u layer type%s",
                         config->n_layers, plural(config->n_layers));
    for (uint32_t i = 0; i < config->n_layers; i++) {
        config->windows[i] = window;
        if (!listed)
            continue;
        struct json item = json_item(&types, i);
        if (!read_layer_type(&item, window, &config->windows[i], err))
            return false;
    }
    return true;
}

/* Chooses the factor on cos and sin as transformers does: attention_factor, else
 * the ratio of both mscales unless one is 0, else YaRN's own. */
static bool read_magnitude(struct model_config *config, const struct json *rope, struct err *err)
{
    double mscale = 0.0, all_dim = 0.0, factor = config->yarn.factor;
    if (!json_opt_f64(rope, "mscale", 0.0, CONFIG_SCALE_MAX, &mscale, err) ||
        !json_opt_f64(rope, "mscale_all_dim", 0.0, CONFIG_SCALE_MAX, &all_dim, err))
        return false;
    double magnitude = config_magnitude(factor, 1.0);
    if (mscale > 0.0 && all_dim > 0.0)
        magnitude = config_magnitude(factor, mscale) / config_magnitude(factor, all_dim);
    if (!json_opt_f64(rope, "attention_factor", 1.0 / CONFIG_SCALE_MAX, CONFIG_SCALE_MAX,
                      &magnitude, err))
        return false;
    config->rope_magnitude = (float)magnitude;
    return true;
}

static bool read_yarn(struct model_config *config, const struct json *rope, struct err *err)
{
    struct json value;
    struct yarn *y = &config->yarn;
    bool truncate = true;
    *y = (struct yarn){.beta_fast = CONFIG_FAST_NORMAL, .beta_slow = CONFIG_SLOW_NORMAL};
    bool ok =
        json_f64(rope, "factor", 1.0, CONFIG_FACTOR_MAX, &y->factor, err) &&
        json_f64(rope, "original_max_position_embeddings", 1.0, LIMIT_CONTEXT, &y->original_context,
                 err) &&
        json_opt_f64(rope, "beta_fast", CONFIG_BETA_MIN, CONFIG_BETA_MAX, &y->beta_fast, err) &&
        json_opt_f64(rope, "beta_slow", CONFIG_BETA_MIN, CONFIG_BETA_MAX, &y->beta_slow, err) &&
        json_opt_bool(rope, "truncate", &truncate, err);
    if (!ok)
        return false;
    if (!truncate && json_find(rope, "truncate", &value))
        return json_fail(&value, err, ERR_UNSUPPORTED, "YaRN without rounding is not supported");
    config->has_yarn = true;
    return read_magnitude(config, rope, err);
}

/* Reads rope_scaling of transformers 4 or rope_parameters of 5. */
static bool read_scaling(struct model_config *config, const struct json *rope, struct err *err)
{
    const char *type = "default";
    double beta = 0.0;
    struct json value = *rope;
    if (json_find(rope, "full_attention", &value) || json_find(rope, "sliding_attention", &value))
        return json_fail(&value, err, ERR_UNSUPPORTED,
                         "rotation that differs between layers is not supported");
    if (!json_opt_string(rope, "type", &type, err) ||
        !json_opt_string(rope, "rope_type", &type, err) ||
        !json_opt_f64(rope, "llama_4_scaling_beta", 0.0, CONFIG_SCALE_MAX, &beta, err))
        return false;
    bool yarn = strcmp(type, "yarn") == 0;
    if (!yarn && strcmp(type, "default") != 0)
        return json_fail(rope, err, ERR_UNSUPPORTED, "'%s' is not supported; expected yarn", type);
    if (!yarn && json_find(rope, "factor", &value))
        return json_fail(&value, err, ERR_FORMAT, "given without rope_type \"yarn\"");
    if (beta > 0.0) {
        config->temperature_beta = beta;
        if (!json_f64(rope, "original_max_position_embeddings", 1.0, LIMIT_CONTEXT,
                      &config->temperature_original, err))
            return false;
    }
    return !yarn || read_yarn(config, rope, err);
}

/* Only heads of latent attention rotate in part. */
static bool check_partial(const struct model_config *config, const struct json *object,
                          struct err *err)
{
    const struct latent_config *l = &config->latent;
    struct json value;
    double part = 1.0;
    if (!json_opt_f64(object, "partial_rotary_factor", 0.0, 1.0, &part, err))
        return false;
    double head_dim = (double)l->nope_dim + l->rope_dim;
    if (part == 1.0 || (config->is_latent && fabs(part * head_dim - l->rope_dim) < 0.01) ||
        !json_find(object, "partial_rotary_factor", &value))
        return true;
    return json_fail(&value, err, ERR_UNSUPPORTED,
                     "heads that rotate only in part are not supported");
}

/* A mixture in either spelling, and what routers of this family never do. */
static bool read_moe(struct model_config *config, const struct json *text, struct err *err)
{
    static const struct {
        const char *key, *only;
    } words[] = {{"scoring_func", "softmax"}, {"topk_method", "greedy"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct json value;
        const char *word = words[i].only;
        if (!json_opt_string(text, words[i].key, &word, err))
            return false;
        if (strcmp(word, words[i].only) != 0 && json_find(text, words[i].key, &value))
            return json_fail(&value, err, ERR_UNSUPPORTED, "'%s' is not supported; expected %s",
                             word, words[i].only);
    }
    bool granular = config_is_on(text, "n_routed_experts");
    return config_read_moe(config, text, granular ? &granular_keys : &mixtral_keys, err);
}

/* Latent attention rotates neighbours in this layout, too. */
static bool read_latent(struct model_config *config, const struct json *text, struct err *err)
{
    struct json value;
    bool interleaved = true;
    if (!config_read_latent(config, text, err) ||
        (config->is_latent && !json_opt_bool(text, "rope_interleave", &interleaved, err)))
        return false;
    return interleaved || !json_find(text, "rope_interleave", &value) ||
           json_fail(&value, err, ERR_UNSUPPORTED,
                     "latent attention with half-split rotation is not supported");
}

static bool read_rope(struct model_config *config, const struct json *text, struct err *err)
{
    struct json rope, theta;
    bool nested = json_find(text, "rope_parameters", &rope) &&
                  (json_count(&rope) > 0 || !json_is_object(&rope));
    bool any = nested || json_find(text, "rope_scaling", &rope);
    if (any && !json_is_object(&rope))
        return json_fail(&rope, err, ERR_FORMAT, "expected an object");
    if (!check_partial(config, text, err) || (any && !check_partial(config, &rope, err)))
        return false;
    /* A list of per-layer rotations is refused before its lack of a theta is noticed. */
    if (any && !read_scaling(config, &rope, err))
        return false;
    if (!(any && json_find(&rope, "rope_theta", &theta)) && !json_find(text, "rope_theta", &theta))
        return json_fail(text, err, ERR_FORMAT,
                         "rope_theta: missing; add it as the model's card states it");
    return json_read_f64(&theta, CONFIG_THETA_MIN, CONFIG_THETA_MAX, &config->rope_theta, err);
}

static bool read_text(struct model_config *config, const struct json *text, struct err *err)
{
    return config_refuse(text, features, err) && config_check_activation(text, "hidden_act", err) &&
           read_sizes(config, text, err) && read_windows(config, text, err) &&
           read_latent(config, text, err) && read_moe(config, text, err) &&
           config_read_quant(config, text, err) &&
           json_opt_bool(text, "tie_word_embeddings", &config->tied, err) &&
           read_rope(config, text, err) && config_read_temperature(config, text, err) &&
           config_finish_json(config, text, err);
}

bool config_from_hf(struct model_config *config, const struct json_doc *config_json,
                    struct err *err)
{
    struct json root = json_root(config_json), text = root;
    const char *type;
    *config = config_plain();
    config->rope_layout = ROPE_HALF_SPLIT;
    if (!json_is_object(&root))
        return json_fail(&root, err, ERR_FORMAT, "expected an object");
    if (json_find(&root, "text_config", &text)) {
        /* What the wrapper says holds unless the text model says otherwise. */
        if (!config_refuse(&root, features, err) || !read_type(&root, true, &type, err) ||
            !json_opt_bool(&root, "tie_word_embeddings", &config->tied, err) ||
            !config_read_quant(config, &root, err))
            return false;
    }
    /* Before the type, so that a model is refused for what it does. */
    if (!config_refuse(&text, features, err) || !read_type(&text, false, &type, err))
        return false;
    snprintf(config->architecture, sizeof config->architecture, "%s", type);
    return read_text(config, &text, err);
}
