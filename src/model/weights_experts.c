/* SPDX-License-Identifier: Apache-2.0 */
/* weights_experts.c - routers and experts, in every arrangement that was published. */
#include <stdio.h>
#include <string.h>

#include "model/weights_int.h"

enum arrangement {
    EACH,    /* a tensor per expert, # stands for its number */
    STACKED, /* all experts in a tensor of three dimensions */
    FLAT,    /* below each other, the last matrix of each transposed */
};

/* Names of one arrangement.  Without up, the rows of gate and up of each expert follow each
 * other in gate. */
static const struct form {
    enum checkpoint_layout layout;
    enum arrangement arrangement;
    const char *router, *gate, *up, *down;
} forms[] = {
    {CHECKPOINT_NATIVE, EACH, "feed_forward.gate", "feed_forward.experts.#.w1",
     "feed_forward.experts.#.w3", "feed_forward.experts.#.w2"},
    {CHECKPOINT_NATIVE, EACH, "gate", "experts.#.w1", "experts.#.w3", "experts.#.w2"},
    {CHECKPOINT_NATIVE, FLAT, "block_sparse_moe.gate", "block_sparse_moe.w1", "block_sparse_moe.w3",
     "block_sparse_moe.w2"},
    {CHECKPOINT_HF, EACH, "block_sparse_moe.gate", "block_sparse_moe.experts.#.w1",
     "block_sparse_moe.experts.#.w3", "block_sparse_moe.experts.#.w2"},
    {CHECKPOINT_HF, EACH, "mlp.gate", "mlp.experts.#.gate_proj", "mlp.experts.#.up_proj",
     "mlp.experts.#.down_proj"},
    {CHECKPOINT_HF, STACKED, "mlp.gate", "mlp.experts.gate_up_proj", NULL, "mlp.experts.down_proj"},
    {CHECKPOINT_GGUF, STACKED, "ffn_gate_inp", "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"},
    {CHECKPOINT_GGUF, STACKED, "ffn_gate_inp", "ffn_gate_up_exps", NULL, "ffn_down_exps"},
    {CHECKPOINT_GGUF, EACH, "ffn_gate_inp", "ffn_gate.#", "ffn_up.#", "ffn_down.#"},
};
#define N_FORMS (sizeof forms / sizeof *forms)

/* Returns prefix and name, the number in place of #. */
static struct stem expand(const char *prefix, const char *name, uint32_t number)
{
    struct stem out;
    int head = (int)strcspn(name, "#");
    if (name[head])
        snprintf(out.text, sizeof out.text, "%s%.*s%u%s", prefix, head, name, number,
                 name + head + 1);
    else
        snprintf(out.text, sizeof out.text, "%s%s", prefix, name);
    return out;
}

/* Finds the arrangement by the first expert; without one, the layout's usual one, so that its
 * absence can be named. */
static const struct form *find_form(const struct binder *b, const char *prefix)
{
    const struct form *usual = NULL;
    for (size_t i = 0; i < N_FORMS; i++) {
        const struct form *form = &forms[i];
        if (form->layout != b->ckpt->layout)
            continue;
        struct stem gate = expand(prefix, form->gate, 0), router = expand(prefix, form->router, 0);
        if (weights_has(b, gate.text))
            return form;
        if (!usual ||
            (weights_has(b, router.text) && !weights_has(b, expand(prefix, usual->router, 0).text)))
            usual = form;
    }
    return usual;
}

/* Which of the three matrices of an expert a tensor holds first. */
enum part { PART_GATE, PART_UP, PART_DOWN };

static struct tensor *place(struct ffn_tensors *ffn, int part)
{
    struct tensor *places[] = {&ffn->w_gate, &ffn->w_up, &ffn->w_down};
    return places[part];
}

/* Binds a tensor with n_inner matrices of each of n experts, beginning with part. */
static bool bind_stack(const struct binder *b, const char *stem, struct stack *s,
                       struct ffn_tensors *experts, enum part part, struct err *err)
{
    if (!weights_find(b, stem, s, err))
        return false;
    for (int64_t i = 0; i < s->n_outer * s->n_inner; i++)
        *place(&experts[i / s->n_inner], (int)part + (int)(i % s->n_inner)) = weights_at(b, s, i);
    return true;
}

static bool bind_stacked(const struct binder *b, const struct form *form, const char *prefix,
                         struct ffn_tensors *experts, struct err *err)
{
    const struct model_config *c = &b->ckpt->config;
    int64_t n = c->moe.n_experts, dim = c->dim, ffn = c->moe.ffn_dim;
    struct stack gate = {.n_outer = n, .n_inner = form->up ? 1 : 2, .n_rows = ffn, .n_cols = dim};
    struct stack up = {.n_outer = n, .n_inner = 1, .n_rows = ffn, .n_cols = dim};
    struct stack down = {.n_outer = n, .n_inner = 1, .n_rows = dim, .n_cols = ffn};
    return bind_stack(b, expand(prefix, form->gate, 0).text, &gate, experts, PART_GATE, err) &&
           (!form->up ||
            bind_stack(b, expand(prefix, form->up, 0).text, &up, experts, PART_UP, err)) &&
           bind_stack(b, expand(prefix, form->down, 0).text, &down, experts, PART_DOWN, err);
}

static bool bind_flat(const struct binder *b, const struct form *form, const char *prefix,
                      struct ffn_tensors *experts, struct err *err)
{
    const struct model_config *c = &b->ckpt->config;
    const char *const names[] = {form->gate, form->up, form->down};
    for (int part = PART_GATE; part <= PART_DOWN; part++) {
        struct stack s = {
            .n_outer = 1, .n_inner = c->moe.n_experts, .n_rows = c->moe.ffn_dim, .n_cols = c->dim};
        if (!weights_find(b, expand(prefix, names[part], 0).text, &s, err))
            return false;
        if (s.blocks.data)
            return err_set(err, ERR_UNSUPPORTED, "%s: %s: scales of blocks in this arrangement",
                           s.entry->file, s.entry->name);
        for (int64_t i = 0; i < s.n_inner; i++) {
            struct tensor *t = place(&experts[i], part);
            *t = weights_at(b, &s, i);
            t->transposed = part == PART_DOWN;
            if (t->transposed) {
                t->n_rows = s.n_cols;
                t->n_cols = s.n_rows;
            }
        }
    }
    return true;
}

static bool bind_each(const struct binder *b, const struct form *form, const char *prefix,
                      struct ffn_tensors *experts, struct err *err)
{
    const struct model_config *c = &b->ckpt->config;
    for (uint32_t i = 0; i < c->moe.n_experts; i++) {
        experts[i].w_gate = experts[i].w_up =
            (struct tensor){.n_rows = c->moe.ffn_dim, .n_cols = c->dim};
        experts[i].w_down = (struct tensor){.n_rows = c->dim, .n_cols = c->moe.ffn_dim};
        if (!weights_take(b, expand(prefix, form->gate, i).text, &experts[i].w_gate, err) ||
            !weights_take(b, expand(prefix, form->up, i).text, &experts[i].w_up, err) ||
            !weights_take(b, expand(prefix, form->down, i).text, &experts[i].w_down, err))
            return false;
    }
    return true;
}

bool weights_bind_experts(const struct binder *b, const char *prefix, struct layer_weights *w,
                          struct err *err)
{
    const struct model_config *c = &b->ckpt->config;
    const struct form *form = find_form(b, prefix);
    w->router = (struct tensor){.n_rows = c->moe.n_experts, .n_cols = c->dim};
    if (!weights_take(b, expand(prefix, form->router, 0).text, &w->router, err))
        return false;
    switch (form->arrangement) {
    case STACKED:
        return bind_stacked(b, form, prefix, w->experts, err);
    case FLAT:
        return bind_flat(b, form, prefix, w->experts, err);
    case EACH:
        break;
    }
    return bind_each(b, form, prefix, w->experts, err);
}
