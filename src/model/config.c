/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - the rules that hold for a configuration in whatever dialect it came. */
#include "model/config.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/plural.h"
#include "model/config_int.h"

struct model_config config_plain(void)
{
    return (struct model_config){
        .rope_magnitude = 1.0f, .temperature_original = 1.0, .attn_scale_mult = 1.0f};
}

static bool is_on(const struct json *value, double harmless)
{
    struct err ignored;
    bool on = true;
    double number = 1.0;
    if (json_is_bool(value))
        return !json_read_bool(value, &on, &ignored) || on;
    if (json_is_number(value))
        return !json_read_f64(value, -DBL_MAX, DBL_MAX, &number, &ignored) ||
               (number != 0.0 && number != harmless);
    return json_is_string(value) || json_count(value) > 0;
}

bool config_is_on(const struct json *object, const char *key)
{
    struct json value;
    return json_find(object, key, &value) && is_on(&value, 0.0);
}

bool config_refuse(const struct json *object, const struct config_feature *features,
                   struct err *err)
{
    struct json value;
    for (const struct config_feature *f = features; f->key; f++)
        if (json_find(object, f->key, &value) && is_on(&value, f->harmless))
            return json_fail(&value, err, ERR_UNSUPPORTED,
                             "%s are not supported by this version; choose another model", f->what);
    return true;
}

bool config_read_temperature(struct model_config *config, const struct json *object,
                             struct err *err)
{
    struct json scaling;
    if (!json_find(object, "llama_4_scaling", &scaling))
        return true;
    return json_f64(&scaling, "beta", 0.0, CONFIG_SCALE_MAX, &config->temperature_beta, err) &&
           json_f64(&scaling, "original_max_position_embeddings", 1.0, LIMIT_CONTEXT,
                    &config->temperature_original, err);
}

bool config_check_activation(const struct json *object, const char *key, struct err *err)
{
    struct json value;
    const char *name = "silu";
    if (!json_opt_string(object, key, &name, err))
        return false;
    if (strcmp(name, "silu") == 0 || !json_find(object, key, &value))
        return true;
    return json_fail(&value, err, ERR_UNSUPPORTED,
                     "activation '%s' is not supported; expected silu", name);
}

double config_magnitude(double factor, double weight)
{
    return 0.1 * weight * log(factor) + 1.0;
}

bool config_read_latent(struct model_config *config, const struct json *object, struct err *err)
{
    struct latent_config *l = &config->latent;
    struct json value;
    config->is_latent = config_is_on(object, "kv_lora_rank");
    if (!config->is_latent && config_is_on(object, "qk_nope_head_dim") &&
        json_find(object, "qk_nope_head_dim", &value))
        return json_fail(&value, err, ERR_FORMAT, "given without kv_lora_rank");
    return !config->is_latent ||
           (json_u32(object, "kv_lora_rank", 1, LIMIT_LATENT, &l->kv_rank, err) &&
            json_u32(object, "q_lora_rank", 1, LIMIT_LATENT, &l->q_rank, err) &&
            json_u32(object, "qk_nope_head_dim", 1, LIMIT_HEAD_DIM, &l->nope_dim, err) &&
            json_u32(object, "qk_rope_head_dim", 2, LIMIT_HEAD_DIM, &l->rope_dim, err) &&
            json_u32(object, "v_head_dim", 1, LIMIT_HEAD_DIM, &l->v_dim, err));
}

/* The keys and values of all heads come from one latent row; files state the number of their
 * heads before or behind that step. */
static bool settle_latent(struct model_config *config, struct err *err)
{
    const struct latent_config *l = &config->latent;
    uint32_t head_dim = l->nope_dim + l->rope_dim;
    if (config->head_dim && config->head_dim != head_dim && config->head_dim != l->rope_dim)
        return err_set(err, ERR_FORMAT, "head_dim is %u, but its parts have %u and %u element%s",
                       config->head_dim, l->nope_dim, l->rope_dim, plural(l->rope_dim));
    if (config->n_kv_heads != 1 && config->n_kv_heads != config->n_heads)
        return err_set(err, ERR_FORMAT, "%u key-value heads for %u head%s of latent attention",
                       config->n_kv_heads, config->n_heads, plural(config->n_heads));
    if (l->rope_dim % 2)
        return err_set(err, ERR_FORMAT,
                       "%u of the elements of a head rotate; expected an even number", l->rope_dim);
    for (uint32_t i = 0; i < config->n_layers; i++)
        if (config->windows[i])
            return err_set(err, ERR_UNSUPPORTED,
                           "latent attention with a sliding window is not supported");
    config->head_dim = head_dim;
    config->n_kv_heads = config->n_heads;
    config->rope_layout = ROPE_INTERLEAVED;
    return true;
}

bool config_settle_heads(struct model_config *config, struct err *err)
{
    if (config->is_latent && !settle_latent(config, err))
        return false;
    if (config->n_heads % config->n_kv_heads)
        return err_set(err, ERR_FORMAT, "%u attention head%s cannot share %u key-value heads",
                       config->n_heads, plural(config->n_heads), config->n_kv_heads);
    if (!config->head_dim && config->dim % config->n_heads)
        return err_set(err, ERR_FORMAT, "width %u is not a multiple of %u attention heads",
                       config->dim, config->n_heads);
    if (!config->head_dim)
        config->head_dim = config->dim / config->n_heads;
    /* Of a head of latent attention only a part rotates, which was checked. */
    bool halves = config->is_latent || config->head_dim % 2 == 0;
    return (halves && config->head_dim <= LIMIT_HEAD_DIM) ||
           err_set(err, ERR_FORMAT, "head width %u; expected an even number from 2 to %u",
                   config->head_dim, LIMIT_HEAD_DIM);
}

bool config_check_yarn(const struct model_config *config, struct err *err)
{
    const struct yarn *yarn = &config->yarn;
    if (!config->has_yarn)
        return true;
    if (yarn->beta_fast < yarn->beta_slow)
        return err_set(err, ERR_FORMAT, "YaRN's ramp from %g to %g rotations runs backwards",
                       yarn->beta_fast, yarn->beta_slow);
    if (config->rope_theta <= 1.0)
        return err_set(err, ERR_FORMAT, "YaRN needs a rope theta above 1, not %g",
                       config->rope_theta);
    return true;
}

bool config_finish_json(struct model_config *config, const struct json *root, struct err *err)
{
    struct err why;
    return (config_settle_heads(config, &why) && config_check_yarn(config, &why) &&
            config_check_moe(config, &why)) ||
           json_fail(root, err, why.code, "%s", why.text);
}
