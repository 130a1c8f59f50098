/* SPDX-License-Identifier: Apache-2.0 */
/* config_params.c - Mistral's native params.json. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "model/config_int.h"

#define NATIVE_CONTEXT 128000 /* what vLLM takes when the file is silent */

static const struct config_feature features[] = {
    {"ada_rms_norm_t_cond", "models with time-conditioned norms", 0},
    {"rope_scaling", "rope scalings besides yarn", 0},
    {NULL, NULL, 0},
};

static const struct config_feature moe_features[] = {
    {"route_every_n", "dense layers between those with experts", 1},
    {"use_load_balancing_bias", "biases of the router", 0},
    {NULL, NULL, 0},
};

static const struct config_moe_keys moe_keys = {
    .n_experts = "num_experts",
    .n_used = "num_experts_per_tok",
    .ffn_dim = "expert_hidden_dim",
    .n_shared = "num_shared_experts",
    .n_dense = "first_k_dense_replace",
    .n_groups = "num_expert_groups",
    .n_groups_used = "num_expert_groups_per_tok",
    .routed_scale = "routed_scale",
};

/* Keys that hold objects.  One that is not listed is a feature of a model newer than
 * this program; numbers and words that are not known never changed a result. */
static const char *const known_objects[] = {
    "yarn",         "llama_4_scaling",     "lora", "vision_encoder", "multimodal", "moe",
    "quantization", "quantization_config", NULL,
};

static bool check_objects(const struct json *root, struct err *err)
{
    struct json member;
    for (void *it = json_first(root, &member); it; it = json_next(root, it, &member)) {
        const char *const *known = known_objects;
        while (*known && strcmp(*known, member.key) != 0)
            known++;
        if (json_is_object(&member) && json_count(&member) && !*known)
            return json_fail(&member, err, ERR_UNSUPPORTED,
                             "a feature that this version does not know; use a newer one");
    }
    return true;
}

static bool check_features(const struct json *root, struct err *err)
{
    struct json value;
    const char *type = "transformer";
    if (!config_refuse(root, features, err) || !json_opt_string(root, "model_type", &type, err))
        return false;
    if (strcmp(type, "transformer") != 0 && json_find(root, "model_type", &value))
        return json_fail(&value, err, ERR_UNSUPPORTED,
                         "'%s' models are not supported; expected transformer", type);
    return config_check_activation(root, "activation", err) && check_objects(root, err);
}

static bool read_sizes(struct model_config *config, const struct json *root, struct err *err)
{
    struct json theta;
    double eps = 0.0;
    config->context = 0;
    bool ok =
        json_u32(root, "dim", 1, LIMIT_DIM, &config->dim, err) &&
        json_u32(root, "n_layers", 1, LIMIT_LAYERS, &config->n_layers, err) &&
        json_u32(root, "n_heads", 1, LIMIT_HEADS, &config->n_heads, err) &&
        json_u32(root, "hidden_dim", 1, LIMIT_FFN_DIM, &config->ffn_dim, err) &&
        json_u32(root, "vocab_size", 1, LIMIT_VOCAB, &config->n_vocab, err) &&
        json_opt_u32(root, "head_dim", 2, LIMIT_HEAD_DIM, &config->head_dim, err) &&
        json_f64(root, "norm_eps", CONFIG_EPS_MIN, CONFIG_EPS_MAX, &eps, err) &&
        json_opt_bool(root, "tied_embeddings", &config->tied, err) &&
        json_opt_u32(root, "max_position_embeddings", 1, LIMIT_CONTEXT, &config->context, err) &&
        json_opt_u32(root, "max_seq_len", 1, LIMIT_CONTEXT, &config->context, err);
    if (!ok)
        return false;
    config->context_assumed = !config->context;
    if (config->context_assumed)
        config->context = NATIVE_CONTEXT;
    config->norm_eps = (float)eps;
    config->n_kv_heads = config->n_heads;
    /* Programs disagree on the value of files without it, so none is assumed. */
    if (!json_find(root, "rope_theta", &theta))
        return json_fail(root, err, ERR_FORMAT,
                         "rope_theta: missing; add it (10000 for Mistral 7B v0.1)");
    return json_opt_u32(root, "n_kv_heads", 1, LIMIT_HEADS, &config->n_kv_heads, err) &&
           json_read_f64(&theta, CONFIG_THETA_MIN, CONFIG_THETA_MAX, &config->rope_theta, err);
}

/* Reads one window: a number, or a number in a string, as the 7B releases have it. */
static bool read_window(const struct json *value, uint32_t *window, struct err *err)
{
    const char *s;
    size_t n;
    int64_t number;
    if (json_is_string(value)) {
        if (!json_read_string(value, &s, &n, err))
            return false;
        bool digits = n > 0 && n < 10 && strspn(s, "0123456789") == n;
        number = digits ? strtol(s, NULL, 10) : 0;
        if (number < 1 || number > LIMIT_CONTEXT)
            return json_fail(value, err, ERR_FORMAT, "expected a whole number from 1 to %d",
                             LIMIT_CONTEXT);
    } else if (!json_read_int(value, 1, LIMIT_CONTEXT, &number, err)) {
        return false;
    }
    *window = (uint32_t)number;
    return true;
}

static bool read_windows(struct model_config *config, const struct json *root, struct err *err)
{
    struct json value, other;
    if (!json_find(root, "sliding_window", &value)) {
        if (!json_find(root, "_sliding_window", &value))
            return true;
    } else if (json_find(root, "_sliding_window", &other)) {
        return json_fail(&other, err, ERR_FORMAT, "given beside sliding_window; remove one");
    }
    bool list = json_is_array(&value);
    size_t period = list ? json_count(&value) : 1;
    if (!period || config->n_layers % period)
        return json_fail(&value, err, ERR_FORMAT, "%zu window%s cannot repeat over %u layer%s",
                         period, plural(period), config->n_layers, plural(config->n_layers));
    for (uint32_t i = 0; i < config->n_layers; i++) {
        struct json item = list ? json_item(&value, i % period) : value;
        if (!json_is_null(&item) && !read_window(&item, &config->windows[i], err))
            return false;
    }
    return true;
}

static bool read_yarn(struct model_config *config, const struct json *root, struct err *err)
{
    struct json yarn;
    struct yarn *y = &config->yarn;
    bool apply_scale = true;
    if (!json_find(root, "yarn", &yarn))
        return true;
    bool ok = json_f64(&yarn, "factor", 1.0, CONFIG_FACTOR_MAX, &y->factor, err) &&
              json_f64(&yarn, "original_max_position_embeddings", 1.0, LIMIT_CONTEXT,
                       &y->original_context, err) &&
              json_f64(&yarn, "beta", CONFIG_BETA_MIN, CONFIG_BETA_MAX, &y->beta_fast, err) &&
              json_f64(&yarn, "alpha", CONFIG_BETA_MIN, CONFIG_BETA_MAX, &y->beta_slow, err) &&
              json_opt_bool(&yarn, "apply_scale", &apply_scale, err);
    if (!ok)
        return false;
    config->has_yarn = true;
    /* Latent attention scales the whole product of query and key, parts that do not rotate
     * included. */
    double magnitude = apply_scale ? config_magnitude(y->factor, 1.0) : 1.0;
    if (config->is_latent)
        config->attn_scale_mult = (float)(magnitude * magnitude);
    else
        config->rope_magnitude = (float)magnitude;
    return true;
}

static bool read_moe(struct model_config *config, const struct json *root, struct err *err)
{
    struct json moe, value;
    const char *strategy = "WEIGHTS";
    if (!json_find(root, "moe", &moe))
        return true;
    if (!json_is_object(&moe))
        return json_fail(&moe, err, ERR_FORMAT, "expected an object");
    if (!config_refuse(&moe, moe_features, err) ||
        !json_opt_string(&moe, "renorm_strategy", &strategy, err))
        return false;
    if (strcmp(strategy, "WEIGHTS") != 0 && json_find(&moe, "renorm_strategy", &value))
        return json_fail(&value, err, ERR_UNSUPPORTED, "'%s' is not supported; expected WEIGHTS",
                         strategy);
    if (json_count(&moe) && !json_find(&moe, "num_experts", &value))
        return json_fail(&moe, err, ERR_FORMAT, "num_experts: missing");
    return config_read_moe(config, &moe, &moe_keys, err);
}

bool config_from_params(struct model_config *config, const struct json_doc *params, struct err *err)
{
    struct json root = json_root(params);
    *config = config_plain();
    config->rope_layout = ROPE_INTERLEAVED;
    snprintf(config->architecture, sizeof config->architecture, "mistral (native)");
    if (!json_is_object(&root))
        return json_fail(&root, err, ERR_FORMAT, "expected an object");
    return check_features(&root, err) && read_sizes(config, &root, err) &&
           config_read_latent(config, &root, err) && read_windows(config, &root, err) &&
           read_yarn(config, &root, err) && config_read_temperature(config, &root, err) &&
           read_moe(config, &root, err) && config_read_quant(config, &root, err) &&
           config_finish_json(config, &root, err);
}
