/* SPDX-License-Identifier: Apache-2.0 */
/* gguf_export_meta.c - a configuration as the metadata that llama.cpp and config_gguf.c read. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/gguf_write.h"
#include "model/gguf_export.h"

enum { QUANTIZATION_VERSION = 2, GATING_SOFTMAX = 1, KEY_BYTES = 80 };

struct meta {
    struct gguf_head *head;
    const struct model_config *c;
    const char *arch;
    struct err *err;
};

static bool put_u32(const struct meta *m, const char *key, uint32_t value)
{
    char full[KEY_BYTES];
    snprintf(full, sizeof full, "%s.%s", m->arch, key);
    return gguf_put_u32(m->head, full, value, m->err);
}

static bool put_f32(const struct meta *m, const char *key, double value)
{
    char full[KEY_BYTES];
    snprintf(full, sizeof full, "%s.%s", m->arch, key);
    return gguf_put_f32(m->head, full, (float)value, m->err);
}

/* Features decide: "llama" knows neither YaRN's magnitude nor a temperature. */
static const char *architecture(const struct model_config *c)
{
    return c->is_latent                               ? "deepseek2"
           : c->has_yarn || c->temperature_beta > 0.0 ? "mistral3"
                                                      : "llama";
}

/* The window, and which layers have it unless all do.  Errors: ERR_UNSUPPORTED. */
static bool put_windows(const struct meta *m)
{
    const struct model_config *c = m->c;
    char full[KEY_BYTES];
    uint32_t window = 0, n = 0;
    for (uint32_t i = 0; i < c->n_layers; i++) {
        if (c->windows[i] && window && c->windows[i] != window)
            return err_set(m->err, ERR_UNSUPPORTED,
                           "windows of %u and %u tokens cannot be written as GGUF; run the model "
                           "as it is",
                           window, c->windows[i]);
        window = c->windows[i] ? c->windows[i] : window;
        n += c->windows[i] != 0;
    }
    if (n && !put_u32(m, "attention.sliding_window", window))
        return false;
    if (!n || n == c->n_layers)
        return true;
    snprintf(full, sizeof full, "%s.attention.sliding_window_pattern", m->arch);
    bool ok = gguf_put_array(m->head, full, GGUF_BOOL, c->n_layers, m->err);
    for (uint32_t i = 0; ok && i < c->n_layers; i++)
        ok = gguf_add_bool(m->head, c->windows[i] != 0, m->err);
    return ok;
}

static bool put_heads(const struct meta *m)
{
    const struct model_config *c = m->c;
    const struct latent_config *l = &c->latent;
    if (!c->is_latent)
        return put_u32(m, "attention.head_count_kv", c->n_kv_heads) &&
               put_u32(m, "attention.key_length", c->head_dim) &&
               put_u32(m, "attention.value_length", c->head_dim) && put_windows(m);
    return put_u32(m, "attention.head_count_kv", 1) &&
           put_u32(m, "attention.q_lora_rank", l->q_rank) &&
           put_u32(m, "attention.kv_lora_rank", l->kv_rank) &&
           put_u32(m, "attention.key_length", l->kv_rank + l->rope_dim) &&
           put_u32(m, "attention.value_length", l->kv_rank) &&
           put_u32(m, "attention.key_length_mla", c->head_dim) &&
           put_u32(m, "attention.value_length_mla", l->v_dim);
}

static bool put_sizes(const struct meta *m)
{
    const struct model_config *c = m->c;
    bool all_experts = c->is_moe && !c->moe.n_dense;
    return put_u32(m, "block_count", c->n_layers) && put_u32(m, "context_length", c->context) &&
           put_u32(m, "embedding_length", c->dim) &&
           put_u32(m, "feed_forward_length",
                   all_experts && (!c->is_latent || !c->ffn_dim) ? c->moe.ffn_dim : c->ffn_dim) &&
           put_u32(m, "attention.head_count", c->n_heads) &&
           put_f32(m, "attention.layer_norm_rms_epsilon", (double)c->norm_eps) &&
           put_u32(m, "vocab_size", c->n_vocab) && put_heads(m);
}

static bool put_bool(const struct meta *m, const char *key, bool value)
{
    char full[KEY_BYTES];
    snprintf(full, sizeof full, "%s.%s", m->arch, key);
    return gguf_put_bool(m->head, full, value, m->err);
}

static bool put_experts(const struct meta *m)
{
    const struct moe_config *e = &m->c->moe;
    if (!m->c->is_moe)
        return true;
    if (!put_u32(m, "expert_count", e->n_experts) || !put_u32(m, "expert_used_count", e->n_used))
        return false;
    if (!m->c->is_latent)
        return true;
    return put_u32(m, "leading_dense_block_count", e->n_dense) &&
           put_u32(m, "expert_feed_forward_length", e->ffn_dim) &&
           put_u32(m, "expert_shared_count", e->n_shared) &&
           put_f32(m, "expert_weights_scale", (double)e->routed_scale) &&
           put_bool(m, "expert_weights_norm", e->renormalise) &&
           put_u32(m, "expert_gating_func", GATING_SOFTMAX) &&
           put_u32(m, "expert_group_count", e->n_groups ? e->n_groups : 1) &&
           put_u32(m, "expert_group_used_count", e->n_groups_used ? e->n_groups_used : 1);
}

/* Files say how much of YaRN's magnitude is taken back: m(factor, 1) / m(factor, weight), with
 * m as in config_magnitude(), is what multiplies cos and sin.  The architectures with latent
 * attention store a tenth. */
static double magnitude_weight(const struct model_config *c)
{
    double log_factor = 0.1 * log(c->yarn.factor);
    if (log_factor == 0.0)
        return 1.0;
    double weight = ((1.0 + log_factor) / (double)c->rope_magnitude - 1.0) / log_factor;
    return fabs(weight) < 1e-5 ? 0.0 : weight * (c->is_latent ? 0.1 : 1.0);
}

static bool put_yarn(const struct meta *m)
{
    const struct yarn *y = &m->c->yarn;
    char full[KEY_BYTES];
    snprintf(full, sizeof full, "%s.rope.scaling.type", m->arch);
    return !m->c->has_yarn ||
           (gguf_put_string(m->head, full, SPAN("yarn"), m->err) &&
            put_f32(m, "rope.scaling.factor", y->factor) &&
            put_u32(m, "rope.scaling.original_context_length", (uint32_t)y->original_context) &&
            put_f32(m, "rope.scaling.yarn_beta_fast", y->beta_fast) &&
            put_f32(m, "rope.scaling.yarn_beta_slow", y->beta_slow) &&
            put_f32(m, "rope.scaling.yarn_log_multiplier", magnitude_weight(m->c)));
}

static bool put_positions(const struct meta *m)
{
    const struct model_config *c = m->c;
    if (!put_u32(m, "rope.dimension_count", config_rope_dim(c)) ||
        !put_f32(m, "rope.freq_base", c->rope_theta) || !put_yarn(m))
        return false;
    return c->temperature_beta <= 0.0 ||
           (put_f32(m, "attention.temperature_scale", c->temperature_beta) &&
            put_u32(m, "attention.temperature_length", (uint32_t)c->temperature_original));
}

static bool starts_with(const char *key, const char *prefix)
{
    return strncmp(key, prefix, strlen(prefix)) == 0;
}

/* Says whether an entry of a GGUF source goes into the new file as it is: what is said about the
 * model as a whole and its vocabulary, but nothing that is written anew. */
static bool is_kept(const char *key)
{
    static const char *const anew[] = {"general.architecture", "general.type", "general.file_type",
                                       "general.quantization_version", "general.alignment"};
    for (size_t i = 0; i < sizeof anew / sizeof *anew; i++)
        if (strcmp(key, anew[i]) == 0)
            return false;
    return starts_with(key, "general.") || starts_with(key, "tokenizer.") ||
           starts_with(key, "bise.");
}

static bool put_kept(const struct meta *m, const struct gguf *gguf)
{
    for (size_t i = 0; i < gguf->n_kvs; i++)
        if (is_kept(gguf->kvs[i].key) && !gguf_put_kv(m->head, &gguf->kvs[i], m->err))
            return false;
    return true;
}

/* The folder's name is the only one that a checkpoint of other layouts has. */
static bool put_name(const struct meta *m, const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    size_t start = n;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return gguf_put_string(m->head, "general.name", (struct span){path + start, n - start}, m->err);
}

static bool put_general(const struct meta *m, const struct gguf_export *e,
                        const struct quant_mix *mix)
{
    const struct checkpoint *ckpt = e->ckpt;
    struct span arch = {m->arch, strlen(m->arch)};
    return gguf_put_string(m->head, "general.architecture", arch, m->err) &&
           gguf_put_string(m->head, "general.type", SPAN("model"), m->err) &&
           gguf_put_u32(m->head, "general.file_type", mix->file_type, m->err) &&
           gguf_put_u32(m->head, "general.quantization_version", QUANTIZATION_VERSION, m->err) &&
           gguf_put_u32(m->head, "general.alignment", GGUF_WRITE_ALIGN, m->err) &&
           (ckpt->layout == CHECKPOINT_GGUF ? put_kept(m, &ckpt->gguf) : put_name(m, ckpt->path));
}

bool gguf_export_head(struct gguf_export *e, const struct quant_mix *mix, struct gguf_head *head,
                      struct err *err)
{
    const struct model_config *c = &e->ckpt->config;
    const struct meta m = {.head = head, .c = c, .arch = architecture(c), .err = err};
    if (!put_general(&m, e, mix) || !put_sizes(&m) || !put_experts(&m) || !put_positions(&m))
        return err_add(err, "%s", e->ckpt->path);
    for (size_t i = 0; i < e->n; i++)
        if (!gguf_put_tensor(head, &e->tensors[i].entry, err))
            return false;
    return true;
}
