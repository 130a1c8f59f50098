/* SPDX-License-Identifier: Apache-2.0 */
/* adapter_place.c - which matrix an adapter means, by the names of its dialect. */
#include <string.h>

#include "model/adapter_int.h"

enum { MAX_DIGITS = 4 };

enum place_of {
    OF_MODEL,
    OF_LAYER,
    OF_HEADS,   /* keys and values of the heads, both cut from it */
    OF_DENSE,   /* the feed-forward block of a layer without experts */
    OF_SHARED,  /* that of a layer with experts */
    OF_EXPERT,  /* that of one expert */
    OF_EXPERTS, /* those of all, in one tensor */
};

/* names: by enum checkpoint_layout; the first # stands for a layer, the second for an expert. */
struct place {
    const char *names[3];
    enum place_of of;
    size_t offset;
};

#define MODEL(field)  offsetof(struct model_weights, field)
#define LAYER(field)  offsetof(struct layer_weights, field)
#define EXPERT(field) offsetof(struct ffn_tensors, field)

static const struct place places[] = {
    {{"tok_embeddings", "embed_tokens", "token_embd"}, OF_MODEL, MODEL(embedding)},
    {{"output", "lm_head", "output"}, OF_MODEL, MODEL(output)},
    {{"layers.#.attention.wq", "layers.#.self_attn.q_proj", "blk.#.attn_q"}, OF_LAYER, LAYER(wq)},
    {{"layers.#.attention.wk", "layers.#.self_attn.k_proj", "blk.#.attn_k"}, OF_LAYER, LAYER(wk)},
    {{"layers.#.attention.wv", "layers.#.self_attn.v_proj", "blk.#.attn_v"}, OF_LAYER, LAYER(wv)},
    {{"layers.#.attention.wo", "layers.#.self_attn.o_proj", "blk.#.attn_output"},
     OF_LAYER,
     LAYER(wo)},
    {{"layers.#.attention.wq_a", "layers.#.self_attn.q_a_proj", "blk.#.attn_q_a"},
     OF_LAYER,
     LAYER(q_a)},
    {{"layers.#.attention.wq_b", "layers.#.self_attn.q_b_proj", "blk.#.attn_q_b"},
     OF_LAYER,
     LAYER(q_b)},
    {{"layers.#.attention.wkv_a_with_mqa", "layers.#.self_attn.kv_a_proj_with_mqa",
      "blk.#.attn_kv_a_mqa"},
     OF_LAYER,
     LAYER(kv_a)},
    {{"layers.#.attention.wkv_b", "layers.#.self_attn.kv_b_proj", "blk.#.attn_kv_b"},
     OF_HEADS,
     LAYER(k_b.w)},
    {{"layers.#.feed_forward.gate", "layers.#.block_sparse_moe.gate", "blk.#.ffn_gate_inp"},
     OF_LAYER,
     LAYER(router)},
    {{"layers.#.gate", "layers.#.mlp.gate", NULL}, OF_LAYER, LAYER(router)},
    {{"layers.#.feed_forward.w1", "layers.#.mlp.gate_proj", "blk.#.ffn_gate"},
     OF_DENSE,
     LAYER(ffn.w_gate)},
    {{"layers.#.feed_forward.w3", "layers.#.mlp.up_proj", "blk.#.ffn_up"},
     OF_DENSE,
     LAYER(ffn.w_up)},
    {{"layers.#.feed_forward.w2", "layers.#.mlp.down_proj", "blk.#.ffn_down"},
     OF_DENSE,
     LAYER(ffn.w_down)},
    {{"layers.#.shared_experts.w1", "layers.#.mlp.shared_experts.gate_proj",
      "blk.#.ffn_gate_shexp"},
     OF_SHARED,
     LAYER(ffn.w_gate)},
    {{"layers.#.shared_experts.w3", "layers.#.mlp.shared_experts.up_proj", "blk.#.ffn_up_shexp"},
     OF_SHARED,
     LAYER(ffn.w_up)},
    {{"layers.#.shared_experts.w2", "layers.#.mlp.shared_experts.down_proj",
      "blk.#.ffn_down_shexp"},
     OF_SHARED,
     LAYER(ffn.w_down)},
    {{"layers.#.feed_forward.experts.#.w1", "layers.#.block_sparse_moe.experts.#.w1",
      "blk.#.ffn_gate.#"},
     OF_EXPERT,
     EXPERT(w_gate)},
    {{"layers.#.feed_forward.experts.#.w3", "layers.#.block_sparse_moe.experts.#.w3",
      "blk.#.ffn_up.#"},
     OF_EXPERT,
     EXPERT(w_up)},
    {{"layers.#.feed_forward.experts.#.w2", "layers.#.block_sparse_moe.experts.#.w2",
      "blk.#.ffn_down.#"},
     OF_EXPERT,
     EXPERT(w_down)},
    {{"layers.#.experts.#.w1", "layers.#.mlp.experts.#.gate_proj", NULL},
     OF_EXPERT,
     EXPERT(w_gate)},
    {{"layers.#.experts.#.w3", "layers.#.mlp.experts.#.up_proj", NULL}, OF_EXPERT, EXPERT(w_up)},
    {{"layers.#.experts.#.w2", "layers.#.mlp.experts.#.down_proj", NULL},
     OF_EXPERT,
     EXPERT(w_down)},
    {{NULL, NULL, "blk.#.ffn_gate_exps"}, OF_EXPERTS, EXPERT(w_gate)},
    {{NULL, NULL, "blk.#.ffn_up_exps"}, OF_EXPERTS, EXPERT(w_up)},
    {{NULL, NULL, "blk.#.ffn_down_exps"}, OF_EXPERTS, EXPERT(w_down)},
};

/* Reads a number as names hold it, without leading zeros. */
static bool read_number(const char **name, uint32_t *out)
{
    const char *at = *name;
    *out = 0;
    if (at[0] == '0' && at[1] >= '0' && at[1] <= '9')
        return false;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (at - *name == MAX_DIGITS)
            return false;
        *out = 10 * *out + (uint32_t)(*at - '0');
    }
    bool any = at != *name;
    *name = at;
    return any;
}

static bool matches(const char *pattern, const char *name, uint32_t numbers[2])
{
    int n = 0;
    for (; *pattern; pattern++) {
        if (*pattern == '#' ? !read_number(&name, &numbers[n++]) : *name++ != *pattern)
            return false;
    }
    return !*name;
}

/* Adapters are trained on the text model alone, or inside one that also sees. */
static const char *without_prefix(const char *module)
{
    static const char *const prefixes[] = {"language_model.model.", "model.language_model.",
                                           "model.", "language_model."};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(module, prefixes[i], strlen(prefixes[i])) == 0)
            return module + strlen(prefixes[i]);
    return module;
}

static const struct tensor *at(const void *object, size_t offset)
{
    return (const void *)((const char *)object + offset);
}

/* Finds the matrix of a place; the layer exists. */
static const struct tensor *matrix(const struct checkpoint *ckpt, const struct place *place,
                                   const uint32_t numbers[2])
{
    const struct layer_weights *layer = &ckpt->weights.layers[numbers[0]];
    bool has_experts = config_has_experts(&ckpt->config, numbers[0]);
    switch (place->of) {
    case OF_MODEL:
        return at(&ckpt->weights, place->offset);
    case OF_DENSE:
        return has_experts ? NULL : at(layer, place->offset);
    case OF_SHARED:
        return has_experts ? at(layer, place->offset) : NULL;
    case OF_EXPERT:
    case OF_EXPERTS:
        if (!has_experts || !layer->experts || numbers[1] >= ckpt->config.moe.n_experts)
            return NULL;
        return at(&layer->experts[numbers[1]], place->offset);
    case OF_LAYER:
    case OF_HEADS:
        break;
    }
    return at(layer, place->offset);
}

/* Adapters mean the matrix of keys and values, which a file may hold in two parts. */
static void place_heads(const struct checkpoint *ckpt, const struct layer_weights *layer,
                        struct adapter_target *out)
{
    const struct latent_config *l = &ckpt->config.latent;
    out->n = 2;
    out->stride = LAYER(v_b.w) - LAYER(k_b.w);
    out->is_split = layer->k_b.w.data != layer->v_b.w.data;
    out->n_rows = (int64_t)ckpt->config.n_heads * (l->nope_dim + l->v_dim);
    out->n_cols = l->kv_rank;
}

bool adapter_place(const struct checkpoint *ckpt, enum checkpoint_layout dialect,
                   const char *module, struct adapter_target *out)
{
    if (dialect == CHECKPOINT_HF)
        module = without_prefix(module);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const struct place *place = &places[i];
        uint32_t numbers[2] = {0};
        if (!place->names[dialect] || !matches(place->names[dialect], module, numbers))
            continue;
        if (numbers[0] >= ckpt->config.n_layers)
            return false;
        *out = (struct adapter_target){
            .base = matrix(ckpt, place, numbers), .n = 1, .is_fused = place->of == OF_EXPERTS};
        if (!out->base || !out->base->data)
            return false;
        out->n_rows = out->base->n_rows;
        out->n_cols = out->base->n_cols;
        if (out->is_fused) {
            out->n = ckpt->config.moe.n_experts;
            out->stride = sizeof(struct ffn_tensors);
        } else if (place->of == OF_HEADS) {
            place_heads(ckpt, &ckpt->weights.layers[numbers[0]], out);
        }
        return true;
    }
    return false;
}
