/* SPDX-License-Identifier: Apache-2.0 */
/* weights_bind.c - where each tensor of a checkpoint belongs, by its exact name. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/weights_int.h"

/* Sizes in which shapes are written. */
enum size {
    SIZE_ONE,
    SIZE_DIM,
    SIZE_HEADS,
    SIZE_KV_HEADS,
    SIZE_VALUES, /* of all heads of latent attention */
    SIZE_Q_RANK,
    SIZE_KV_RANK,
    SIZE_CACHE, /* what latent attention stores of a token */
    SIZE_FFN,
    SIZE_SHARED,
    SIZE_VOCAB,
};

/* A place in a struct; rows SIZE_ONE is a vector.  names: by enum checkpoint_layout,
 * without the prefix of model or layer and without ".weight". */
struct place {
    const char *names[3];
    size_t offset;
    enum size rows, cols;
};

#define AT(field) offsetof(struct layer_weights, field)

static const struct place norm_places[] = {
    {{"attention_norm", "input_layernorm", "attn_norm"}, AT(attn_norm), SIZE_ONE, SIZE_DIM},
    {{"ffn_norm", "post_attention_layernorm", "ffn_norm"}, AT(ffn_norm), SIZE_ONE, SIZE_DIM},
    {{NULL}, 0, SIZE_ONE, SIZE_ONE},
};

static const struct place attention_places[] = {
    {{"attention.wq", "self_attn.q_proj", "attn_q"}, AT(wq), SIZE_HEADS, SIZE_DIM},
    {{"attention.wk", "self_attn.k_proj", "attn_k"}, AT(wk), SIZE_KV_HEADS, SIZE_DIM},
    {{"attention.wv", "self_attn.v_proj", "attn_v"}, AT(wv), SIZE_KV_HEADS, SIZE_DIM},
    {{"attention.wo", "self_attn.o_proj", "attn_output"}, AT(wo), SIZE_DIM, SIZE_HEADS},
    {{NULL}, 0, SIZE_ONE, SIZE_ONE},
};

static const struct place latent_places[] = {
    {{"attention.wq_a", "self_attn.q_a_proj", "attn_q_a"}, AT(q_a), SIZE_Q_RANK, SIZE_DIM},
    {{"attention.q_a_norm", "self_attn.q_a_layernorm", "attn_q_a_norm"},
     AT(q_a_norm),
     SIZE_ONE,
     SIZE_Q_RANK},
    {{"attention.wq_b", "self_attn.q_b_proj", "attn_q_b"}, AT(q_b), SIZE_HEADS, SIZE_Q_RANK},
    {{"attention.wkv_a_with_mqa", "self_attn.kv_a_proj_with_mqa", "attn_kv_a_mqa"},
     AT(kv_a),
     SIZE_CACHE,
     SIZE_DIM},
    {{"attention.kv_a_norm", "self_attn.kv_a_layernorm", "attn_kv_a_norm"},
     AT(kv_a_norm),
     SIZE_ONE,
     SIZE_KV_RANK},
    {{"attention.wo", "self_attn.o_proj", "attn_output"}, AT(wo), SIZE_DIM, SIZE_VALUES},
    {{NULL}, 0, SIZE_ONE, SIZE_ONE},
};

static const struct place dense_places[] = {
    {{"feed_forward.w1", "mlp.gate_proj", "ffn_gate"}, AT(ffn.w_gate), SIZE_FFN, SIZE_DIM},
    {{"feed_forward.w3", "mlp.up_proj", "ffn_up"}, AT(ffn.w_up), SIZE_FFN, SIZE_DIM},
    {{"feed_forward.w2", "mlp.down_proj", "ffn_down"}, AT(ffn.w_down), SIZE_DIM, SIZE_FFN},
    {{NULL}, 0, SIZE_ONE, SIZE_ONE},
};

static const struct place shared_places[] = {
    {{"shared_experts.w1", "mlp.shared_experts.gate_proj", "ffn_gate_shexp"},
     AT(ffn.w_gate),
     SIZE_SHARED,
     SIZE_DIM},
    {{"shared_experts.w3", "mlp.shared_experts.up_proj", "ffn_up_shexp"},
     AT(ffn.w_up),
     SIZE_SHARED,
     SIZE_DIM},
    {{"shared_experts.w2", "mlp.shared_experts.down_proj", "ffn_down_shexp"},
     AT(ffn.w_down),
     SIZE_DIM,
     SIZE_SHARED},
    {{NULL}, 0, SIZE_ONE, SIZE_ONE},
};

static const struct place embedding_place = {
    {"tok_embeddings", "embed_tokens", "token_embd"}, 0, SIZE_VOCAB, SIZE_DIM};
static const struct place norm_place = {{"norm", "norm", "output_norm"}, 0, SIZE_ONE, SIZE_DIM};
static const struct place output_place = {{"output", "lm_head", "output"}, 0, SIZE_VOCAB, SIZE_DIM};

/* Keys and values of latent attention, in one matrix or, in GGUF files, one for each. */
static const char *const kv_b_names[] = {"attention.wkv_b", "self_attn.kv_b_proj", "attn_kv_b"};

static bool starts_with(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && memcmp(name + n - m, end, m) == 0;
}

enum tensor_use weights_use(const struct checkpoint *ckpt, const char *name)
{
    static const struct {
        enum checkpoint_layout layout;
        const char *prefix;
    } towers[] = {
        {CHECKPOINT_NATIVE, "vision_encoder."},
        {CHECKPOINT_NATIVE, "vision_language_adapter."},
        {CHECKPOINT_NATIVE, "patch_merger."},
        {CHECKPOINT_NATIVE, "pre_mm_projector_norm."},
        {CHECKPOINT_NATIVE, "mm_whisper_embeddings."},
        {CHECKPOINT_NATIVE, "mm_audio_embeddings."},
        {CHECKPOINT_NATIVE, "audio_"},
        {CHECKPOINT_HF, "vision_tower."},
        {CHECKPOINT_HF, "vision_model."},
        {CHECKPOINT_HF, "audio_tower."},
        {CHECKPOINT_HF, "multi_modal_projector."},
        {CHECKPOINT_HF, "model.vision_tower."},
        {CHECKPOINT_HF, "model.vision_model."},
        {CHECKPOINT_HF, "model.audio_tower."},
        {CHECKPOINT_HF, "model.multi_modal_projector."},
        {CHECKPOINT_GGUF, "v."},
        {CHECKPOINT_GGUF, "a."},
        {CHECKPOINT_GGUF, "mm."},
    };
    for (size_t i = 0; i < sizeof towers / sizeof *towers; i++)
        if (towers[i].layout == ckpt->layout && starts_with(name, towers[i].prefix))
            return TENSOR_TOWER;
    /* Old files store the rotary frequencies, tied ones may repeat the embedding. */
    bool head = ckpt->layout == CHECKPOINT_HF
                    ? strcmp(name, "lm_head.weight") == 0 ||
                          strcmp(name, "language_model.lm_head.weight") == 0
                    : ckpt->layout == CHECKPOINT_NATIVE && strcmp(name, "output.weight") == 0;
    if ((head && ckpt->config.tied) ||
        (ckpt->layout == CHECKPOINT_HF && ends_with(name, ".rotary_emb.inv_freq")))
        return TENSOR_UNUSED;
    return TENSOR_DECODER;
}

const struct tensor *weights_of_layer(const struct layer_weights *layer, size_t i)
{
    static const size_t places[] = {
        AT(attn_norm), AT(ffn_norm), AT(wq),         AT(wk),       AT(wv),         AT(wo),
        AT(q_a),       AT(q_b),      AT(kv_a),       AT(q_a_norm), AT(kv_a_norm),  AT(k_b.w),
        AT(v_b.w),     AT(router),   AT(ffn.w_gate), AT(ffn.w_up), AT(ffn.w_down),
    };
    return i < sizeof places / sizeof *places ? (const void *)((const char *)layer + places[i])
                                              : NULL;
}

static int64_t size_of(const struct model_config *c, enum size which)
{
    switch (which) {
    case SIZE_DIM:
        return c->dim;
    case SIZE_HEADS:
        return (int64_t)c->n_heads * c->head_dim;
    case SIZE_KV_HEADS:
        return (int64_t)c->n_kv_heads * c->head_dim;
    case SIZE_VALUES:
        return (int64_t)c->n_heads * c->latent.v_dim;
    case SIZE_Q_RANK:
        return c->latent.q_rank;
    case SIZE_KV_RANK:
        return c->latent.kv_rank;
    case SIZE_CACHE:
        return (int64_t)c->latent.kv_rank + c->latent.rope_dim;
    case SIZE_FFN:
        return c->ffn_dim;
    case SIZE_SHARED:
        return (int64_t)c->moe.n_shared * c->moe.ffn_dim;
    case SIZE_VOCAB:
        return c->n_vocab;
    case SIZE_ONE:
        break;
    }
    return 1;
}

static bool bind(const struct binder *b, const struct place *place, const char *prefix,
                 struct tensor *out)
{
    const struct model_config *config = &b->ckpt->config;
    char stem[LIMIT_NAME_BYTES + 1];
    snprintf(stem, sizeof stem, "%s%s", prefix, place->names[b->ckpt->layout]);
    *out = (struct tensor){.n_rows = size_of(config, place->rows),
                           .n_cols = size_of(config, place->cols)};
    return weights_take(b, stem, out, b->err);
}

/* Binds places up to the one without names. */
static bool bind_places(const struct binder *b, const struct place *place, const char *prefix,
                        struct layer_weights *weights)
{
    for (; place->names[0]; place++) {
        struct tensor tensor;
        if (!bind(b, place, prefix, &tensor))
            return false;
        memcpy((char *)weights + place->offset, &tensor, sizeof tensor);
    }
    return true;
}

/* Splits the matrix of both: for each head the rows of its keys, then those of its values. */
static bool bind_joint_kv(const struct binder *b, const char *stem, struct layer_weights *weights)
{
    const struct latent_config *l = &b->ckpt->config.latent;
    int64_t stride = (int64_t)l->nope_dim + l->v_dim;
    struct tensor w = {.n_rows = b->ckpt->config.n_heads * stride, .n_cols = l->kv_rank};
    if (!weights_take(b, stem, &w, b->err))
        return false;
    weights->k_b = (struct head_tensor){.w = w, .first = 0, .stride = stride};
    weights->v_b = (struct head_tensor){.w = w, .first = l->nope_dim, .stride = stride};
    return true;
}

/* One matrix per head, below each other. */
static bool bind_heads(const struct binder *b, const char *stem, int64_t n_rows, int64_t n_cols,
                       struct head_tensor *out)
{
    struct stack s = {
        .n_outer = b->ckpt->config.n_heads, .n_inner = 1, .n_rows = n_rows, .n_cols = n_cols};
    if (!weights_find(b, stem, &s, b->err))
        return false;
    if (s.blocks.data || (s.scale && s.scale->n_dims > 0 && s.scale->shape[0] > 1))
        return err_set(b->err, ERR_UNSUPPORTED, "%s: %s: scales of single heads are not supported",
                       s.entry->file, s.entry->name);
    out->w = weights_at(b, &s, 0);
    out->w.n_rows = s.n_outer * n_rows;
    out->stride = n_rows;
    return true;
}

static bool bind_latent_kv(const struct binder *b, const char *prefix,
                           struct layer_weights *weights)
{
    const struct latent_config *l = &b->ckpt->config.latent;
    char stem[LIMIT_NAME_BYTES + 1], keys[LIMIT_NAME_BYTES + 1];
    snprintf(stem, sizeof stem, "%s%s", prefix, kv_b_names[b->ckpt->layout]);
    snprintf(keys, sizeof keys, "%sattn_k_b", prefix);
    if (b->ckpt->layout != CHECKPOINT_GGUF || !weights_has(b, keys))
        return bind_joint_kv(b, stem, weights);
    snprintf(stem, sizeof stem, "%sattn_v_b", prefix);
    weights->k_b.transposed = true; /* as generation folds it into queries */
    return bind_heads(b, keys, l->kv_rank, l->nope_dim, &weights->k_b) &&
           bind_heads(b, stem, l->v_dim, l->kv_rank, &weights->v_b);
}

static bool bind_ffn(const struct binder *b, uint32_t layer, const char *prefix,
                     struct layer_weights *weights)
{
    const struct model_config *c = &b->ckpt->config;
    if (!config_has_experts(c, layer))
        return bind_places(b, dense_places, prefix, weights);
    weights->experts = b->ckpt->experts + (size_t)(layer - c->moe.n_dense) * c->moe.n_experts;
    return weights_bind_experts(b, prefix, weights, b->err) &&
           (!c->moe.n_shared || bind_places(b, shared_places, prefix, weights));
}

static bool bind_layer(const struct binder *b, uint32_t layer)
{
    static const char *const stems[] = {"layers", "layers", "blk"};
    bool is_latent = b->ckpt->config.is_latent;
    struct layer_weights *weights = &b->ckpt->weights.layers[layer];
    char prefix[64];
    snprintf(prefix, sizeof prefix, "%s%s.%u.", b->prefix, stems[b->ckpt->layout], layer);
    return bind_places(b, norm_places, prefix, weights) &&
           bind_places(b, is_latent ? latent_places : attention_places, prefix, weights) &&
           (!is_latent || bind_latent_kv(b, prefix, weights)) &&
           bind_ffn(b, layer, prefix, weights);
}

/* Leaves out the experts that a token does not choose. */
static uint64_t count_active(const struct checkpoint *ckpt)
{
    const struct model_config *c = &ckpt->config;
    if (!c->is_moe)
        return ckpt->n_params;
    return ckpt->n_params - (uint64_t)(c->n_layers - c->moe.n_dense) *
                                (c->moe.n_experts - c->moe.n_used) * 3 * c->moe.ffn_dim * c->dim;
}

static bool bind_all(const struct binder *b)
{
    struct model_weights *weights = &b->ckpt->weights;
    if (!bind(b, &embedding_place, b->prefix, &weights->embedding) ||
        !bind(b, &norm_place, b->prefix, &weights->norm))
        return false;
    if (b->ckpt->config.tied)
        weights->output = weights->embedding;
    else if (!bind(b, &output_place, b->head_prefix, &weights->output))
        return false;
    for (uint32_t i = 0; i < b->ckpt->config.n_layers; i++)
        if (!bind_layer(b, i))
            return false;
    b->ckpt->n_active_params = count_active(b->ckpt);
    return true;
}

/* The experts of all layers in one piece. */
static bool make_places(struct checkpoint *ckpt, struct err *err)
{
    const struct model_config *c = &ckpt->config;
    ckpt->weights.layers = mem_new(c->n_layers, sizeof *ckpt->weights.layers, err);
    if (!ckpt->weights.layers || !c->is_moe)
        return ckpt->weights.layers != NULL;
    ckpt->experts = mem_new((size_t)(c->n_layers - c->moe.n_dense) * c->moe.n_experts,
                            sizeof *ckpt->experts, err);
    return ckpt->experts != NULL;
}

/* What a tensor without a place is probably for. */
static const char *guess(const char *name)
{
    static const struct {
        const char *part, *what;
    } known[] = {
        {"exp_probs_b", "biases of the router are not supported by this version"},
        {".bias", "biases are not supported by this version"},
        {"lora_", "adapters inside a checkpoint are not supported; merge it first"},
        {"rope_freqs", "stored rotary frequencies are not supported by this version"},
        {"attn_qkv", "fused attention matrices are not supported; convert the model again"},
        {"experts", "an expert or a scale that the configuration does not speak of"},
        {"exps", "experts that the configuration does not speak of"},
        {"_scale", "a scale that the configuration does not speak of"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr(name, known[i].part))
            return known[i].what;
    return "unknown tensor; the model does not match its configuration";
}

/* A tensor without a place means that the model does something that we do not. */
static bool refuse_rest(const struct binder *b)
{
    struct checkpoint *ckpt = b->ckpt;
    for (size_t i = 0; i < ckpt->tensors->n; i++) {
        const struct tensor_entry *e = &ckpt->tensors->entries[i];
        if (b->bound[i])
            continue;
        enum tensor_use use = weights_use(ckpt, e->name);
        if (use == TENSOR_DECODER)
            return err_set(b->err, ERR_UNSUPPORTED, "%s: %s: %s", e->file, e->name, guess(e->name));
        ckpt->n_skipped += use == TENSOR_TOWER;
    }
    return true;
}

/* Hugging Face's prefixes: text only; with a tower, by transformers 4 and by 5. */
static void find_prefix(struct binder *b)
{
    static const char *const prefixes[] = {"model.", "language_model.model.",
                                           "model.language_model."};
    static const char *const heads[] = {"", "language_model.", ""};
    char name[LIMIT_NAME_BYTES];
    b->prefix = b->head_prefix = "";
    if (b->ckpt->layout != CHECKPOINT_HF)
        return;
    b->prefix = prefixes[0];
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        snprintf(name, sizeof name, "%sembed_tokens.weight", prefixes[i]);
        if (!tensor_store_find(b->ckpt->tensors, name))
            continue;
        b->prefix = prefixes[i];
        b->head_prefix = heads[i];
        return;
    }
}

bool weights_bind(struct checkpoint *ckpt, struct err *err)
{
    static const char *const files[] = {"consolidated.safetensors", "model.safetensors", NULL};
    char path[PATH_MAX];
    struct binder b = {.ckpt = ckpt, .err = err, .file = ckpt->gguf.file};
    if (files[ckpt->layout]) {
        snprintf(path, sizeof path, "%s/%s", ckpt->path, files[ckpt->layout]);
        b.file = path;
    }
    find_prefix(&b);
    b.bound = mem_new(ckpt->tensors->n, sizeof *b.bound, err);
    if (!b.bound)
        return false;
    bool ok = make_places(ckpt, err) && bind_all(&b) && refuse_rest(&b);
    free(b.bound);
    return ok || err_remedy(err, ERR_FORMAT, "download it again");
}
