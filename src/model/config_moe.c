/* SPDX-License-Identifier: Apache-2.0 */
/* config_moe.c - mixtures of experts, as far as the dialects agree. */
#include "base/plural.h"
#include "model/config_int.h"

struct moe_config config_plain_moe(const struct model_config *config)
{
    return (struct moe_config){.ffn_dim = config->ffn_dim,
                               .n_groups = 1,
                               .n_groups_used = 1,
                               .renormalise = true,
                               .routed_scale = 1.0f};
}

static bool opt_u32(const struct json *object, const char *key, uint32_t min, uint32_t max,
                    uint32_t *out, struct err *err)
{
    return !key || json_opt_u32(object, key, min, max, out, err);
}

bool config_read_moe(struct model_config *config, const struct json *object,
                     const struct config_moe_keys *keys, struct err *err)
{
    struct moe_config *moe = &config->moe;
    double scale = 1.0;
    if (!config_is_on(object, keys->n_experts))
        return true;
    *moe = config_plain_moe(config);
    config->is_moe = true;
    bool ok =
        json_u32(object, keys->n_experts, 1, LIMIT_EXPERTS, &moe->n_experts, err) &&
        json_u32(object, keys->n_used, 1, LIMIT_EXPERTS, &moe->n_used, err) &&
        opt_u32(object, keys->ffn_dim, 1, LIMIT_FFN_DIM, &moe->ffn_dim, err) &&
        opt_u32(object, keys->n_shared, 0, LIMIT_EXPERTS, &moe->n_shared, err) &&
        opt_u32(object, keys->n_dense, 0, LIMIT_LAYERS, &moe->n_dense, err) &&
        opt_u32(object, keys->n_groups, 1, LIMIT_EXPERTS, &moe->n_groups, err) &&
        opt_u32(object, keys->n_groups_used, 1, LIMIT_EXPERTS, &moe->n_groups_used, err) &&
        (!keys->renormalise || json_opt_bool(object, keys->renormalise, &moe->renormalise, err)) &&
        (!keys->routed_scale || json_opt_f64(object, keys->routed_scale, 1.0 / CONFIG_SCALE_MAX,
                                             CONFIG_SCALE_MAX, &scale, err));
    moe->routed_scale = (float)scale;
    return ok;
}

/* A group counts by its two best experts. */
static bool check_groups(const struct moe_config *moe, struct err *err)
{
    uint32_t n = moe->n_experts / moe->n_groups;
    if (moe->n_experts % moe->n_groups || (moe->n_groups > 1 && n < 2))
        return err_set(err, ERR_FORMAT, "%u expert%s cannot form %u groups", moe->n_experts,
                       plural(moe->n_experts), moe->n_groups);
    if (moe->n_groups_used > moe->n_groups)
        return err_set(err, ERR_FORMAT, "each token uses %u groups of experts, the model has %u",
                       moe->n_groups_used, moe->n_groups);
    return moe->n_used <= n * moe->n_groups_used ||
           err_set(err, ERR_FORMAT, "%u experts cannot be chosen from %u group%s of %u",
                   moe->n_used, moe->n_groups_used, plural(moe->n_groups_used), n);
}

bool config_check_moe(const struct model_config *config, struct err *err)
{
    const struct moe_config *moe = &config->moe;
    if (!config->is_moe)
        return true;
    if (moe->n_used > moe->n_experts)
        return err_set(err, ERR_FORMAT, "each token uses %u experts, the model has %u", moe->n_used,
                       moe->n_experts);
    if (moe->n_dense >= config->n_layers)
        return err_set(err, ERR_FORMAT, "%u dense layer%s of %u cannot leave one to the experts",
                       moe->n_dense, plural(moe->n_dense), config->n_layers);
    if ((uint64_t)moe->n_shared * moe->ffn_dim > LIMIT_FFN_DIM)
        return err_set(err, ERR_FORMAT, "%u shared experts of width %u are too wide; at most %d",
                       moe->n_shared, moe->ffn_dim, LIMIT_FFN_DIM);
    return check_groups(moe, err);
}
