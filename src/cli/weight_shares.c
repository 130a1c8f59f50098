/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/weight_shares.h"

const char *weight_class_name(enum weight_class which)
{
    static const char *const names[WEIGHT_CLASSES] = {
        [WEIGHT_EMBEDDINGS] = "embeddings",     [WEIGHT_ATTENTION] = "attention",
        [WEIGHT_FEED_FORWARD] = "feed-forward", [WEIGHT_ROUTER] = "router",
        [WEIGHT_EXPERTS] = "experts",           [WEIGHT_NORMS] = "norms",
    };
    return names[which];
}

/* A checkpoint stores elements of NVFP4 and their scales apart, so the elements have a name of
 * their own. */
const char *weight_format_name(enum dtype type)
{
    return dtype_info(type == DTYPE_E2M1 ? DTYPE_NVFP4 : type)->name;
}

static uint64_t scales_bytes(const struct tensor *t)
{
    const struct tensor_scales *s = &t->scales;
    if (!s->data)
        return 0;
    int64_t n_rows = (t->n_rows + s->n_rows - 1) / s->n_rows;
    return dtype_bytes(s->dtype, n_rows * s->stride);
}

/* What the configuration does not ask for has no data. */
static uint64_t count(struct weight_shares *shares, enum weight_class which, const struct tensor *t)
{
    if (!t->data)
        return 0;
    struct weight_share *share = &shares->of[which][t->dtype];
    uint64_t n_bytes = tensor_bytes(t) + scales_bytes(t);
    share->n_params += (uint64_t)t->n_rows * (uint64_t)t->n_cols;
    share->n_bytes += n_bytes;
    return n_bytes;
}

/* Counts what every token reads; list: ends with NULL. */
static void count_all(struct weight_shares *shares, enum weight_class which,
                      const struct tensor *const *list)
{
    for (; *list; list++)
        shares->n_step_bytes += count(shares, which, *list);
}

static void count_layer(struct weight_shares *shares, const struct model_config *c,
                        const struct layer_weights *w)
{
    /* Keys and values of latent attention may lie in one matrix. */
    const struct tensor *v_b = w->v_b.w.data == w->k_b.w.data ? NULL : &w->v_b.w;
    const struct tensor *const attention[] = {&w->wq,  &w->wk,   &w->wv,    &w->wo, &w->q_a,
                                              &w->q_b, &w->kv_a, &w->k_b.w, v_b,    NULL};
    const struct tensor *const norms[] = {&w->attn_norm, &w->ffn_norm, &w->q_a_norm, &w->kv_a_norm,
                                          NULL};
    const struct tensor *const ffn[] = {&w->ffn.w_gate, &w->ffn.w_up, &w->ffn.w_down, NULL};
    count_all(shares, WEIGHT_ATTENTION, attention);
    count_all(shares, WEIGHT_NORMS, norms);
    count_all(shares, WEIGHT_FEED_FORWARD, ffn);
    shares->n_step_bytes += count(shares, WEIGHT_ROUTER, &w->router);
    uint64_t n_bytes = 0;
    for (uint32_t i = 0; w->experts && i < c->moe.n_experts; i++)
        n_bytes += count(shares, WEIGHT_EXPERTS, &w->experts[i].w_gate) +
                   count(shares, WEIGHT_EXPERTS, &w->experts[i].w_up) +
                   count(shares, WEIGHT_EXPERTS, &w->experts[i].w_down);
    if (n_bytes)
        shares->n_step_bytes += n_bytes / c->moe.n_experts * c->moe.n_used;
}

struct weight_shares weight_shares_count(const struct checkpoint *ckpt)
{
    const struct model_config *c = &ckpt->config;
    const struct model_weights *w = &ckpt->weights;
    struct weight_shares shares = {0};
    uint64_t embedding = count(&shares, WEIGHT_EMBEDDINGS, &w->embedding);
    shares.n_step_bytes = embedding / c->n_vocab + count(&shares, WEIGHT_NORMS, &w->norm) +
                          (c->tied ? embedding : count(&shares, WEIGHT_EMBEDDINGS, &w->output));
    for (uint32_t i = 0; i < c->n_layers; i++)
        count_layer(&shares, c, &w->layers[i]);
    return shares;
}
