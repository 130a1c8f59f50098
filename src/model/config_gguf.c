/* SPDX-License-Identifier: Apache-2.0 */
/* config_gguf.c - the metadata of a GGUF file, as llama.cpp's converters write it. */
#include <stdio.h>
#include <string.h>

#include "data/gguf.h"
#include "model/config_int.h"

/* Reads keys of the model's architecture: "llama.block_count" is "block_count" here. */
struct reader {
    const struct gguf *gguf;
    const char *arch;
    struct err *err;
};

#define KEY_BYTES 80

static const char *full_key(const struct reader *r, const char *key, char *out)
{
    snprintf(out, KEY_BYTES, "%s.%s", r->arch, key);
    return out;
}

static bool need_u32(const struct reader *r, const char *key, uint32_t max, uint32_t *out)
{
    char full[KEY_BYTES];
    return gguf_u32(r->gguf, full_key(r, key, full), 1, max, out, r->err);
}

static bool opt_u32(const struct reader *r, const char *key, uint32_t max, uint32_t *out)
{
    char full[KEY_BYTES];
    return gguf_opt_u32(r->gguf, full_key(r, key, full), 0, max, out, r->err);
}

static bool opt_f64(const struct reader *r, const char *key, double min, double max, double *out)
{
    char full[KEY_BYTES];
    return gguf_opt_f64(r->gguf, full_key(r, key, full), min, max, out, r->err);
}

static bool has(const struct reader *r, const char *key)
{
    char full[KEY_BYTES];
    return gguf_find(r->gguf, full_key(r, key, full)) != NULL;
}

static bool fail(const struct reader *r, enum err_code code, const char *key, const char *why)
{
    return err_set(r->err, code, "%s: %s.%s: %s", r->gguf->file, r->arch, key, why);
}

/* How much of a string of n bytes a message quotes. */
static int shown(size_t n)
{
    return n < 40 ? (int)n : 40;
}

static bool string_is(const char *s, size_t n, const char *name)
{
    return n == strlen(name) && memcmp(s, name, n) == 0;
}

static bool read_architecture(struct model_config *config, struct reader *r)
{
    static const char *const known[] = {"llama", "mistral3", "mistral4", "deepseek2"};
    static const struct {
        const char *name, *why;
    } others[] = {
        {"mamba2", "Mamba models are not supported by this version"},
        {"clip", "an image projector, not a text model; give the text model's file"},
    };
    const char *s;
    size_t n;
    if (!gguf_string(r->gguf, "general.architecture", &s, &n, r->err))
        return false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (string_is(s, n, known[i]))
            r->arch = known[i];
    snprintf(config->architecture, sizeof config->architecture, "%.*s (GGUF)", shown(n), s);
    if (r->arch)
        return true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (string_is(s, n, others[i].name))
            return err_set(r->err, ERR_UNSUPPORTED, "%s: general.architecture: %s: %s",
                           r->gguf->file, others[i].name, others[i].why);
    return err_set(r->err, ERR_UNSUPPORTED,
                   "%s: general.architecture: '%.*s' is not of the Mistral family; expected "
                   "llama, mistral3, mistral4 or deepseek2",
                   r->gguf->file, shown(n), s);
}

static bool check_features(const struct reader *r)
{
    static const struct {
        const char *key, *why;
        uint32_t harmless; /* the most that changes nothing */
    } features[] = {
        {"expert_gating_func", "only softmax (1) is supported", 1},
        {"interleave_moe_layer_step", "dense layers between those with experts are not supported",
         1},
    };
    const char *s;
    size_t n;
    for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
        uint32_t value = 0;
        if (!opt_u32(r, features[i].key, UINT32_MAX, &value))
            return false;
        if (value > features[i].harmless)
            return fail(r, ERR_UNSUPPORTED, features[i].key, features[i].why);
    }
    if (!gguf_find(r->gguf, "general.type"))
        return true;
    if (!gguf_string(r->gguf, "general.type", &s, &n, r->err))
        return false;
    return string_is(s, n, "model") ||
           err_set(r->err, ERR_UNSUPPORTED, "%s: general.type: '%.*s'; expected a model",
                   r->gguf->file, shown(n), s);
}

/* The window is every layer's, unless a pattern says which layers have it; a pattern that is a
 * number says how many layers it is long, but not which of them. */
static bool read_windows(struct model_config *config, const struct reader *r)
{
    static const char pattern[] = "attention.sliding_window_pattern";
    char key[KEY_BYTES];
    uint32_t window = 0, period = 0;
    const struct gguf_kv *kv = gguf_find(r->gguf, full_key(r, pattern, key));
    if (!opt_u32(r, "attention.sliding_window", LIMIT_CONTEXT, &window))
        return false;
    if (kv && kv->type != GGUF_ARRAY) {
        if (!opt_u32(r, pattern, UINT32_MAX, &period))
            return false;
        if (period)
            return fail(r, ERR_UNSUPPORTED, pattern,
                        "only an array with true or false for each layer is supported");
        kv = NULL;
    }
    if (kv && !(kv = gguf_array(r->gguf, key, GGUF_BOOL, r->err)))
        return false;
    if (kv && (kv->n_items != config->n_layers || !window))
        return fail(r, ERR_FORMAT, pattern,
                    window ? "expected one item for each layer"
                           : "attention.sliding_window is missing beside it");
    for (uint32_t i = 0; i < config->n_layers; i++)
        config->windows[i] = !kv || kv->data[i] ? window : 0;
    return true;
}

static bool read_sizes(struct model_config *config, const struct reader *r)
{
    double eps = CONFIG_EPS_MIN;
    char key[KEY_BYTES];
    bool ok = need_u32(r, "embedding_length", LIMIT_DIM, &config->dim) &&
              need_u32(r, "block_count", LIMIT_LAYERS, &config->n_layers) &&
              need_u32(r, "attention.head_count", LIMIT_HEADS, &config->n_heads) &&
              need_u32(r, "feed_forward_length", LIMIT_FFN_DIM, &config->ffn_dim) &&
              need_u32(r, "context_length", LIMIT_CONTEXT, &config->context) &&
              gguf_f64(r->gguf, full_key(r, "attention.layer_norm_rms_epsilon", key),
                       CONFIG_EPS_MIN, CONFIG_EPS_MAX, &eps, r->err) &&
              read_windows(config, r);
    if (!ok)
        return false;
    config->norm_eps = (float)eps;
    config->n_kv_heads = config->n_heads;
    if (!opt_u32(r, "attention.head_count_kv", LIMIT_HEADS, &config->n_kv_heads))
        return false;
    return config->n_kv_heads ||
           fail(r, ERR_FORMAT, "attention.head_count_kv", "expected at least 1");
}

/* The lengths without _mla are those of the cache, in files that have both. */
static bool read_latent_heads(struct model_config *config, const struct reader *r)
{
    struct latent_config *l = &config->latent;
    uint32_t head_dim = 0;
    bool ok = need_u32(r, "attention.kv_lora_rank", LIMIT_LATENT, &l->kv_rank) &&
              need_u32(r, "attention.q_lora_rank", LIMIT_LATENT, &l->q_rank) &&
              need_u32(r, "rope.dimension_count", LIMIT_HEAD_DIM, &l->rope_dim) &&
              need_u32(r,
                       has(r, "attention.key_length_mla") ? "attention.key_length_mla"
                                                          : "attention.key_length",
                       LIMIT_HEAD_DIM, &head_dim) &&
              need_u32(r,
                       has(r, "attention.value_length_mla") ? "attention.value_length_mla"
                                                            : "attention.value_length",
                       LIMIT_HEAD_DIM, &l->v_dim);
    if (!ok)
        return false;
    if (head_dim <= l->rope_dim)
        return fail(r, ERR_FORMAT, "rope.dimension_count", "not smaller than the head");
    l->nope_dim = head_dim - l->rope_dim;
    return config_settle_heads(config, r->err) || err_add(r->err, "%s", r->gguf->file);
}

/* Every part of a head has the same width here: keys, values and what rotates. */
static bool read_heads(struct model_config *config, const struct reader *r)
{
    config->is_latent = has(r, "attention.kv_lora_rank");
    if (config->is_latent)
        return read_latent_heads(config, r);
    if (!opt_u32(r, "attention.key_length", LIMIT_HEAD_DIM, &config->head_dim))
        return false;
    if (!config_settle_heads(config, r->err))
        return err_add(r->err, "%s", r->gguf->file);
    uint32_t n_values = config->head_dim, n_rotated = config->head_dim;
    if (!opt_u32(r, "attention.value_length", LIMIT_HEAD_DIM, &n_values) ||
        !opt_u32(r, "rope.dimension_count", LIMIT_HEAD_DIM, &n_rotated))
        return false;
    if (n_values != config->head_dim)
        return fail(r, ERR_UNSUPPORTED, "attention.value_length",
                    "values narrower or wider than keys are not supported");
    return n_rotated == config->head_dim ||
           fail(r, ERR_UNSUPPORTED, "rope.dimension_count",
                "heads that rotate only in part are not supported");
}

/* The embedding tells the vocabulary, because many files lack vocab_size. */
static bool read_vocab(struct model_config *config, const struct reader *r)
{
    const struct tensor_entry *e = tensor_store_find(&r->gguf->tensors, "token_embd.weight");
    if (!e)
        return err_set(r->err, ERR_FORMAT, "%s: token_embd.weight: missing", r->gguf->file);
    if (e->n_dims != 2 || e->shape[0] < 1 || e->shape[0] > LIMIT_VOCAB)
        return err_set(r->err, ERR_FORMAT, "%s: token_embd.weight: expected 1 to %d rows",
                       r->gguf->file, LIMIT_VOCAB);
    config->n_vocab = (uint32_t)e->shape[0];
    config->tied = !tensor_store_find(&r->gguf->tensors, "output.weight");
    return true;
}

/* Factors on YaRN that no published model of the family uses. */
static bool check_yarn_factors(const struct reader *r)
{
    static const char *const keys[] = {"rope.scaling.attn_factor", "rope.scaling.yarn_attn_factor",
                                       "rope.scaling.yarn_ext_factor"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        double factor = 1.0;
        if (!opt_f64(r, keys[i], -CONFIG_FACTOR_MAX, CONFIG_FACTOR_MAX, &factor))
            return false;
        if (factor != 1.0)
            return fail(r, ERR_UNSUPPORTED, keys[i], "only 1 is supported");
    }
    return true;
}

static bool read_yarn(struct model_config *config, const struct reader *r)
{
    char key[KEY_BYTES];
    struct yarn *y = &config->yarn;
    double weight = 0.0; /* mscale_all_dim of the original */
    *y = (struct yarn){.beta_fast = CONFIG_FAST_NORMAL, .beta_slow = CONFIG_SLOW_NORMAL};
    bool ok = gguf_f64(r->gguf, full_key(r, "rope.scaling.factor", key), 1.0, CONFIG_FACTOR_MAX,
                       &y->factor, r->err) &&
              gguf_f64(r->gguf, full_key(r, "rope.scaling.original_context_length", key), 1.0,
                       LIMIT_CONTEXT, &y->original_context, r->err) &&
              opt_f64(r, "rope.scaling.yarn_beta_fast", CONFIG_BETA_MIN, CONFIG_BETA_MAX,
                      &y->beta_fast) &&
              opt_f64(r, "rope.scaling.yarn_beta_slow", CONFIG_BETA_MIN, CONFIG_BETA_MAX,
                      &y->beta_slow) &&
              opt_f64(r, "rope.scaling.yarn_log_multiplier", 0.0, CONFIG_SCALE_MAX, &weight) &&
              check_yarn_factors(r);
    config->has_yarn = true;
    /* Converters write the same multiplier for latent attention whether the model scales its
     * products or not; those that were published do not. */
    if (!config->is_latent)
        config->rope_magnitude =
            (float)(config_magnitude(y->factor, 1.0) / config_magnitude(y->factor, weight));
    return ok;
}

/* Without a type llama.cpp takes these for a linear stretch. */
static bool check_linear(const struct reader *r)
{
    static const char *const keys[] = {"rope.scale_linear", "rope.scaling.factor"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        double factor = 1.0;
        if (!opt_f64(r, keys[i], 0.0, CONFIG_FACTOR_MAX, &factor))
            return false;
        if (factor != 1.0)
            return fail(r, ERR_UNSUPPORTED, keys[i],
                        "only 1 is supported, unless rope.scaling.type is yarn");
    }
    return true;
}

static bool read_scaling(struct model_config *config, const struct reader *r)
{
    char key[KEY_BYTES];
    const char *s = "none";
    size_t n = strlen(s);
    full_key(r, "rope.scaling.type", key);
    if (!gguf_find(r->gguf, key))
        return check_linear(r);
    if (!gguf_string(r->gguf, key, &s, &n, r->err))
        return false;
    if (string_is(s, n, "yarn"))
        return read_yarn(config, r);
    return string_is(s, n, "none") ||
           err_set(r->err, ERR_UNSUPPORTED,
                   "%s: %s: '%.*s' is not supported; expected none or yarn", r->gguf->file, key,
                   shown(n), s);
}

static bool read_rope(struct model_config *config, const struct reader *r)
{
    config->rope_theta = CONFIG_THETA_GGUF;
    if (!opt_f64(r, "rope.freq_base", CONFIG_THETA_MIN, CONFIG_THETA_MAX, &config->rope_theta) ||
        !read_scaling(config, r))
        return false;
    return config_check_yarn(config, r->err) || err_add(r->err, "%s", r->gguf->file);
}

static bool read_temperature(struct model_config *config, const struct reader *r)
{
    if (!opt_f64(r, "attention.temperature_scale", 0.0, CONFIG_SCALE_MAX,
                 &config->temperature_beta))
        return false;
    if (config->temperature_beta == 0.0)
        return true;
    double original = config->yarn.original_context;
    if (!opt_f64(r, "attention.temperature_length", 1.0, LIMIT_CONTEXT, &original))
        return false;
    config->temperature_original = original;
    return original >= 1.0 || fail(r, ERR_FORMAT, "attention.temperature_length",
                                   "missing beside attention.temperature_scale");
}

/* Reads whether the weights of chosen experts sum to 1, and what multiplies them.  Files of
 * architecture llama say neither: there they do, as in Mixtral. */
static bool read_routing(struct moe_config *moe, const struct reader *r)
{
    char key[KEY_BYTES];
    double scale = 0.0;
    moe->renormalise = string_is(r->arch, strlen(r->arch), "llama");
    if (!gguf_opt_bool(r->gguf, full_key(r, "expert_weights_norm", key), &moe->renormalise,
                       r->err) ||
        !opt_f64(r, "expert_weights_scale", 0.0, CONFIG_SCALE_MAX, &scale))
        return false;
    moe->routed_scale = scale > 0.0 ? (float)scale : 1.0f;
    return true;
}

static bool read_moe(struct model_config *config, const struct reader *r)
{
    struct moe_config *moe = &config->moe;
    uint32_t n = 0, groups = 0, groups_used = 0;
    if (!opt_u32(r, "expert_count", LIMIT_EXPERTS, &n))
        return false;
    if (!n)
        return true;
    config->is_moe = true;
    *moe = config_plain_moe(config);
    moe->n_experts = n;
    bool ok = need_u32(r, "expert_used_count", LIMIT_EXPERTS, &moe->n_used) &&
              opt_u32(r, "expert_feed_forward_length", LIMIT_FFN_DIM, &moe->ffn_dim) &&
              opt_u32(r, "expert_shared_count", LIMIT_EXPERTS, &moe->n_shared) &&
              opt_u32(r, "leading_dense_block_count", LIMIT_LAYERS, &moe->n_dense) &&
              opt_u32(r, "expert_group_count", LIMIT_EXPERTS, &groups) &&
              opt_u32(r, "expert_group_used_count", LIMIT_EXPERTS, &groups_used) &&
              read_routing(moe, r);
    if (!ok)
        return false;
    if (!moe->ffn_dim)
        return fail(r, ERR_FORMAT, "expert_feed_forward_length", "expected at least 1");
    moe->n_groups = groups ? groups : 1;
    moe->n_groups_used = groups_used ? groups_used : moe->n_groups;
    return config_check_moe(config, r->err) || err_add(r->err, "%s", r->gguf->file);
}

bool config_from_gguf(struct model_config *config, const struct gguf *gguf, struct err *err)
{
    struct reader r = {.gguf = gguf, .err = err};
    *config = config_plain();
    config->rope_layout = ROPE_INTERLEAVED;
    return (read_architecture(config, &r) && check_features(&r) && read_sizes(config, &r) &&
            read_vocab(config, &r) && read_heads(config, &r) && read_rope(config, &r) &&
            read_temperature(config, &r) && read_moe(config, &r)) ||
           err_remedy(err, ERR_FORMAT, "download it again");
}
