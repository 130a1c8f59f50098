/* SPDX-License-Identifier: Apache-2.0 */
/* gguf_export.c - which tensors a GGUF file of a checkpoint has, and in which formats. */
#include "model/gguf_export.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

/* The most tensors of a layer, and those of no layer. */
enum { LAYER_TENSORS = 24, MODEL_TENSORS = 3 };

struct lister {
    struct gguf_export *e;
    const struct model_config *config;
    uint32_t layer;
    bool in_layer;
    struct err *err;
};

static bool add(struct lister *l, const char *name, struct export_tensor t)
{
    char full[64];
    struct gguf_export *e = l->e;
    int n = l->in_layer ? snprintf(full, sizeof full, "blk.%u.%s.weight", l->layer, name)
                        : snprintf(full, sizeof full, "%s.weight", name);
    assert(e->n < e->n_places);
    t.layer = l->layer;
    t.entry.name = arena_string(&e->names, full, (size_t)n, l->err);
    e->tensors[e->n++] = t;
    return t.entry.name != NULL;
}

static void set_shape(struct export_tensor *t, int n_dims)
{
    const int64_t all[3] = {t->n_parts, t->n_rows, t->n_cols};
    t->entry.n_dims = n_dims;
    for (int i = 0; i < n_dims; i++)
        t->entry.shape[i] = all[3 - n_dims + i];
}

static struct export_tensor whole(const struct tensor *source, enum quant_role role)
{
    struct export_tensor t = {.role = role,
                              .source = source,
                              .n_parts = 1,
                              .n_rows = source->n_rows,
                              .n_cols = source->n_cols};
    set_shape(&t, source->n_rows == 1 && role == QUANT_PLAIN ? 1 : 2);
    return t;
}

static bool add_whole(struct lister *l, const char *name, const struct tensor *source,
                      enum quant_role role)
{
    return add(l, name, whole(source, role));
}

/* Of q and k in files whose pairs lie apart, rows i and i + half_split / 2 become neighbours. */
static bool add_rotated(struct lister *l, const char *name, const struct tensor *source,
                        enum quant_role role)
{
    struct export_tensor t = whole(source, role);
    if (l->config->rope_layout == ROPE_HALF_SPLIT)
        t.half_split = l->config->head_dim;
    return add(l, name, t);
}

static bool add_experts(struct lister *l, const char *name, const struct tensor *first,
                        enum quant_role role)
{
    struct export_tensor t = whole(first, role);
    t.n_parts = l->config->moe.n_experts;
    t.stride = sizeof(struct ffn_tensors);
    set_shape(&t, 3);
    return add(l, name, t);
}

static bool add_heads(struct lister *l, const char *name, const struct head_tensor *heads,
                      int64_t n_rows, int64_t n_cols, bool turned)
{
    struct export_tensor t = {.role = QUANT_ATTN_V,
                              .heads = heads,
                              .turned = turned,
                              .n_parts = l->config->n_heads,
                              .n_rows = n_rows,
                              .n_cols = n_cols};
    set_shape(&t, 3);
    return add(l, name, t);
}

static bool add_latent(struct lister *l, const struct layer_weights *w)
{
    const struct latent_config *c = &l->config->latent;
    return add_whole(l, "attn_q_a", &w->q_a, QUANT_OTHER) &&
           add_whole(l, "attn_q_a_norm", &w->q_a_norm, QUANT_PLAIN) &&
           add_whole(l, "attn_q_b", &w->q_b, QUANT_OTHER) &&
           add_whole(l, "attn_kv_a_mqa", &w->kv_a, QUANT_OTHER) &&
           add_whole(l, "attn_kv_a_norm", &w->kv_a_norm, QUANT_PLAIN) &&
           add_heads(l, "attn_k_b", &w->k_b, c->kv_rank, c->nope_dim, true) &&
           add_heads(l, "attn_v_b", &w->v_b, c->v_dim, c->kv_rank, false);
}

static bool add_attention(struct lister *l, const struct layer_weights *w)
{
    bool ok = l->config->is_latent ? add_latent(l, w)
                                   : add_rotated(l, "attn_q", &w->wq, QUANT_OTHER) &&
                                         add_rotated(l, "attn_k", &w->wk, QUANT_ATTN_K) &&
                                         add_whole(l, "attn_v", &w->wv, QUANT_ATTN_V);
    return ok && add_whole(l, "attn_output", &w->wo, QUANT_ATTN_OUTPUT);
}

static bool add_dense(struct lister *l, const struct ffn_tensors *ffn, const char *const names[3])
{
    return add_whole(l, names[0], &ffn->w_gate, QUANT_FFN) &&
           add_whole(l, names[1], &ffn->w_up, QUANT_FFN) &&
           add_whole(l, names[2], &ffn->w_down, QUANT_FFN_DOWN);
}

static bool add_mixture(struct lister *l, const struct layer_weights *w)
{
    static const char *const shared[] = {"ffn_gate_shexp", "ffn_up_shexp", "ffn_down_shexp"};
    return add_whole(l, "ffn_gate_inp", &w->router, QUANT_PLAIN) &&
           add_experts(l, "ffn_gate_exps", &w->experts->w_gate, QUANT_FFN) &&
           add_experts(l, "ffn_up_exps", &w->experts->w_up, QUANT_FFN) &&
           add_experts(l, "ffn_down_exps", &w->experts->w_down, QUANT_FFN_DOWN) &&
           (!l->config->moe.n_shared || add_dense(l, &w->ffn, shared));
}

static bool add_layer(struct lister *l, const struct layer_weights *w)
{
    static const char *const names[] = {"ffn_gate", "ffn_up", "ffn_down"};
    return add_whole(l, "attn_norm", &w->attn_norm, QUANT_PLAIN) && add_attention(l, w) &&
           add_whole(l, "ffn_norm", &w->ffn_norm, QUANT_PLAIN) &&
           (config_has_experts(l->config, l->layer) ? add_mixture(l, w)
                                                    : add_dense(l, &w->ffn, names));
}

static bool list(struct lister *l)
{
    const struct model_weights *w = &l->e->ckpt->weights;
    bool tied = l->config->tied;
    if (!add_whole(l, "token_embd", &w->embedding, tied ? QUANT_OUTPUT : QUANT_EMBEDDING) ||
        !add_whole(l, "output_norm", &w->norm, QUANT_PLAIN) ||
        (!tied && !add_whole(l, "output", &w->output, QUANT_OUTPUT)))
        return false;
    l->in_layer = true;
    for (l->layer = 0; l->layer < l->config->n_layers; l->layer++)
        if (!add_layer(l, &w->layers[l->layer]))
            return false;
    return true;
}

bool gguf_export_open(struct gguf_export *e, const struct checkpoint *ckpt, struct err *err)
{
    struct lister l = {.e = e, .config = &ckpt->config, .err = err};
    *e = (struct gguf_export){.ckpt = ckpt};
    e->n_places = (size_t)LAYER_TENSORS * ckpt->config.n_layers + MODEL_TENSORS;
    e->tensors = mem_new(e->n_places, sizeof *e->tensors, err);
    if (e->tensors && list(&l))
        return true;
    gguf_export_close(e);
    return false;
}

void gguf_export_close(struct gguf_export *e)
{
    arena_free(&e->names);
    free(e->tensors);
    *e = (struct gguf_export){0};
}

size_t gguf_export_choose(struct gguf_export *e, const struct quant_mix *mix, bool has_importance)
{
    const struct model_config *c = &e->ckpt->config;
    size_t n = 0;
    for (size_t i = 0; i < e->n; i++) {
        struct export_tensor *t = &e->tensors[i];
        struct quant_place place = {.role = t->role,
                                    .layer = t->layer,
                                    .n_layers = c->n_layers,
                                    .n_experts = c->is_moe ? c->moe.n_experts : 0,
                                    .n_sharing = c->n_heads / c->n_kv_heads,
                                    .has_importance = has_importance,
                                    .is_routed = t->source && t->n_parts > 1,
                                    .n_cols = t->n_cols};
        t->type = quant_mix_choose(mix, &place, &t->fell_back);
        t->entry.type = dtype_info(t->type)->name;
        n += t->fell_back;
    }
    return n;
}

const struct tensor *gguf_export_part(const struct export_tensor *t, int64_t part)
{
    if (!t->source)
        return NULL;
    return (const struct tensor *)(const void *)((const char *)t->source +
                                                 t->stride * (size_t)part);
}
