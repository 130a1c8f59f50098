/* SPDX-License-Identifier: Apache-2.0 */
/* weights_bind.c - where each tensor of a checkpoint belongs, by its exact name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/checkpoint_int.h"

/* Sizes in which shapes are written. */
enum size { SIZE_ONE, SIZE_DIM, SIZE_HEADS, SIZE_KV_HEADS, SIZE_FFN, SIZE_VOCAB };

/* A place in a struct; rows SIZE_ONE is a vector.  names: by enum checkpoint_layout,
 * without the prefix of model or layer and without ".weight". */
struct place {
    const char *names[3];
    size_t offset;
    enum size rows, cols;
};

#define AT(field) offsetof(struct layer_weights, field)

static const struct place layer_places[] = {
    {{"attention_norm", "input_layernorm", "attn_norm"}, AT(attn_norm), SIZE_ONE, SIZE_DIM},
    {{"attention.wq", "self_attn.q_proj", "attn_q"}, AT(wq), SIZE_HEADS, SIZE_DIM},
    {{"attention.wk", "self_attn.k_proj", "attn_k"}, AT(wk), SIZE_KV_HEADS, SIZE_DIM},
    {{"attention.wv", "self_attn.v_proj", "attn_v"}, AT(wv), SIZE_KV_HEADS, SIZE_DIM},
    {{"attention.wo", "self_attn.o_proj", "attn_output"}, AT(wo), SIZE_DIM, SIZE_HEADS},
    {{"ffn_norm", "post_attention_layernorm", "ffn_norm"}, AT(ffn_norm), SIZE_ONE, SIZE_DIM},
    {{"feed_forward.w1", "mlp.gate_proj", "ffn_gate"}, AT(ffn.w_gate), SIZE_FFN, SIZE_DIM},
    {{"feed_forward.w3", "mlp.up_proj", "ffn_up"}, AT(ffn.w_up), SIZE_FFN, SIZE_DIM},
    {{"feed_forward.w2", "mlp.down_proj", "ffn_down"}, AT(ffn.w_down), SIZE_DIM, SIZE_FFN},
};
#define N_LAYER_PLACES (sizeof layer_places / sizeof *layer_places)

static const struct place embedding_place = {
    {"tok_embeddings", "embed_tokens", "token_embd"}, 0, SIZE_VOCAB, SIZE_DIM};
static const struct place norm_place = {{"norm", "norm", "output_norm"}, 0, SIZE_ONE, SIZE_DIM};
static const struct place output_place = {{"output", "lm_head", "output"}, 0, SIZE_VOCAB, SIZE_DIM};

struct binder {
    struct checkpoint *ckpt;
    const char *file;        /* for messages about what is in no file */
    const char *prefix;      /* of the model, "model." */
    const char *head_prefix; /* of the output matrix */
    bool *bound;             /* [ckpt->tensors->n] */
    struct err *err;
};

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

static int64_t size_of(const struct model_config *config, enum size which)
{
    switch (which) {
    case SIZE_DIM:
        return config->dim;
    case SIZE_HEADS:
        return (int64_t)config->n_heads * config->head_dim;
    case SIZE_KV_HEADS:
        return (int64_t)config->n_kv_heads * config->head_dim;
    case SIZE_FFN:
        return config->ffn_dim;
    case SIZE_VOCAB:
        return config->n_vocab;
    case SIZE_ONE:
        break;
    }
    return 1;
}

static bool check_shape(const struct binder *b, const struct tensor_entry *e,
                        const struct tensor *want)
{
    char shape[80] = "";
    if (want->n_rows == 1 && e->n_dims == 1 && e->shape[0] == want->n_cols)
        return true;
    if (e->n_dims == 2 && e->shape[0] == want->n_rows && e->shape[1] == want->n_cols)
        return true;
    for (int i = 0, len = 0; i < e->n_dims && len < (int)sizeof shape; i++)
        len += snprintf(shape + len, sizeof shape - (size_t)len, i ? " x %lld" : "%lld",
                        (long long)e->shape[i]);
    return err_set(b->err, ERR_FORMAT,
                   "%s: %s: shape is %s, the configuration says %lld x %lld; they belong to "
                   "different models",
                   e->file, e->name, shape, (long long)want->n_rows, (long long)want->n_cols);
}

/* Finds the format, and checks that this build computes with it. */
static bool check_format(const struct binder *b, const struct tensor_entry *e, struct tensor *out)
{
    if (!dtype_from_name(e->type, &out->dtype) || out->dtype == DTYPE_E4M3 ||
        out->dtype == DTYPE_E2M1 || out->dtype == DTYPE_NVFP4)
        return err_set(b->err, ERR_UNSUPPORTED,
                       "%s: %s: format %s is not supported by this version; choose a BF16 or "
                       "another quantisation",
                       e->file, e->name, e->type);
    const struct dtype_info *info = dtype_info(out->dtype);
    if (out->n_rows == 1 && info->block != 1)
        return err_set(b->err, ERR_UNSUPPORTED, "%s: %s: a vector in format %s is not supported",
                       e->file, e->name, e->type);
    /* A store may check whole tensors only; the decoders read row by row. */
    if (out->n_cols % info->block)
        return err_set(b->err, ERR_FORMAT, "%s: %s: rows of %lld are no whole blocks of %s",
                       e->file, e->name, (long long)out->n_cols, e->type);
    return true;
}

static bool bind(const struct binder *b, const struct place *place, const char *prefix,
                 struct tensor *out)
{
    struct checkpoint *ckpt = b->ckpt;
    char name[LIMIT_NAME_BYTES + 1];
    snprintf(name, sizeof name, "%s%s.weight", prefix, place->names[ckpt->layout]);
    const struct tensor_entry *e = tensor_store_find(ckpt->tensors, name);
    if (!e)
        return err_set(b->err, ERR_FORMAT, "%s: %s: missing; download the model again", b->file,
                       name);
    *out = (struct tensor){.data = e->data,
                           .n_rows = size_of(&ckpt->config, place->rows),
                           .n_cols = size_of(&ckpt->config, place->cols)};
    if (!check_format(b, e, out) || !check_shape(b, e, out))
        return false;
    b->bound[e - ckpt->tensors->entries] = true;
    ckpt->n_params += (uint64_t)out->n_rows * (uint64_t)out->n_cols;
    ckpt->n_weight_bytes += e->n_bytes;
    return true;
}

static bool bind_layer(const struct binder *b, uint32_t layer)
{
    static const char *const stems[] = {"layers", "layers", "blk"};
    struct layer_weights *weights = &b->ckpt->weights.layers[layer];
    char prefix[64];
    snprintf(prefix, sizeof prefix, "%s%s.%u.", b->prefix, stems[b->ckpt->layout], layer);
    for (size_t i = 0; i < N_LAYER_PLACES; i++) {
        const struct place *place = &layer_places[i];
        struct tensor tensor;
        if (!bind(b, place, prefix, &tensor))
            return false;
        memcpy((char *)weights + place->offset, &tensor, sizeof tensor);
    }
    return true;
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
    return true;
}

/* What a tensor without a place is probably for. */
static const char *guess(const char *name)
{
    static const struct {
        const char *part, *what;
    } known[] = {
        {".bias", "biases are not supported by this version"},
        {"lora_", "adapters inside a checkpoint are not supported; merge it first"},
        {"rope_freqs", "stored rotary frequencies are not supported by this version"},
        {"attn_qkv", "fused attention matrices are not supported; convert the model again"},
        {"experts", "mixture-of-experts models are not supported by this version"},
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
    struct binder b = {.ckpt = ckpt, .err = err, .file = files[ckpt->layout]};
    if (ckpt->layout == CHECKPOINT_GGUF)
        b.file = ckpt->gguf.file;
    find_prefix(&b);
    b.bound = mem_new(ckpt->tensors->n, sizeof *b.bound, err);
    if (!b.bound)
        return false;
    ckpt->weights.layers = mem_new(ckpt->config.n_layers, sizeof *ckpt->weights.layers, err);
    bool ok = ckpt->weights.layers && bind_all(&b) && refuse_rest(&b);
    free(b.bound);
    return ok || err_remedy(err, ERR_FORMAT, "download it again");
}
