/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_work.h"

#include <math.h>

#include "model/expert_cache.h"
#include "model/model.h"

double bench_step_bytes(const struct checkpoint *ckpt, enum dtype kv_type, double depth, int n_seqs)
{
    const struct model_config *c = &ckpt->config;
    const struct tensor *embedding = &ckpt->weights.embedding;
    double bytes = (double)ckpt->n_weight_bytes;
    double layer_token =
        (double)config_page_bytes(c, kv_type) / ((double)c->n_layers * BACKEND_PAGE_TOKENS);
    if (!c->tied)
        bytes -= (double)(embedding->n_rows - n_seqs) * (double)tensor_row_bytes(embedding);
    if (c->is_moe)
        bytes -= (double)expert_cache_sizes(ckpt).n_bytes *
                 pow(1.0 - (double)c->moe.n_used / c->moe.n_experts, n_seqs);
    for (uint32_t i = 0; i < c->n_layers; i++)
        bytes +=
            n_seqs * layer_token * (c->windows[i] && c->windows[i] < depth ? c->windows[i] : depth);
    return bytes;
}

/* Keys that n queries behind depth tokens see in all. */
static double keys_seen(uint32_t window, uint32_t depth, uint32_t n)
{
    double seen = 0;
    for (uint32_t pos = depth; pos < depth + n; pos++)
        seen += window && window < pos + 1 ? window : pos + 1;
    return seen;
}

double bench_flops(const struct checkpoint *ckpt, uint32_t depth, uint32_t n, bool with_output)
{
    const struct model_config *c = &ckpt->config;
    double ends = (double)c->n_vocab * c->dim, per_key = 4.0 * c->head_dim;
    double params = (double)ckpt->n_active_params - ends * (c->tied ? 1 : 2);
    if (with_output)
        params += ends;
    if (c->is_latent)
        per_key = 2.0 * (c->latent.nope_dim + c->latent.rope_dim + c->latent.v_dim);
    double flops = 2 * params * n;
    for (uint32_t i = 0; i < c->n_layers; i++)
        flops += per_key * c->n_heads * keys_seen(c->windows[i], depth, n);
    return flops;
}
