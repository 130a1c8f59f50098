/* SPDX-License-Identifier: Apache-2.0 */
/* forward.c - the decoder, written once over the operations of a backend.
 *
 *     h = embedding[ids]
 *     each layer:  h += attention(norm(h));  h += ffn(norm(h)) or chosen experts
 *     logits = output . norm(h)
 */
#include <assert.h>
#include <math.h>

#include "model/expert_cache.h"
#include "model/model_int.h"

/* y[t] = x[t] . w^T */
static void multiply(struct model *m, const struct tensor *w, const float *x, float *y, int n_tok,
                     enum phase phase)
{
    struct matmul_args args = {
        .x = x,
        .n_tok = n_tok,
        .n_in = (int)w->n_cols,
        .phase = phase,
        .n_out = 1,
    };
    args.out[0].w = w;
    args.out[0].y = y;
    m->backend->matmul(m->backend, &args);
}

static void normalise(struct model *m, float *y, const float *x, const float *gain, int n_tok)
{
    int dim = (int)m->config->dim;
    m->backend->rms_norm(m->backend, y, x, gain, n_tok, dim, dim, m->config->norm_eps);
}

/* h += x over the tokens of the step. */
static void add_residual(struct model *m)
{
    m->backend->add(m->backend, m->scratch.h, m->scratch.x, (size_t)m->n_tok * m->config->dim);
}

/* The cache of one layer: of n_heads heads of head_dim. */
static struct kv_view layer_cache(const struct model *m, const struct layer *layer,
                                  const struct model_step *step, int n_heads, int head_dim)
{
    return (struct kv_view){
        .data = step->kv_data,
        .page_bytes = model_page_bytes(m),
        .layer_offset = layer->kv_offset,
        .dtype = m->backend->kv_type,
        .n_kv_heads = n_heads,
        .head_dim = head_dim,
    };
}

/* attn = attention of normed x over keys and values per head. */
static void attend(struct model *m, const struct layer *layer, const struct model_step *step)
{
    const struct model_config *c = m->config;
    const struct scratch *s = &m->scratch;
    struct backend *b = m->backend;
    int n_tok = m->n_tok, n_heads = (int)c->n_heads, n_kv = (int)c->n_kv_heads;
    int head_dim = (int)c->head_dim;
    const struct matmul_args qkv = {
        .x = s->x,
        .n_tok = n_tok,
        .n_in = (int)c->dim,
        .phase = step->phase,
        .n_out = 3,
        .out = {{&layer->w.wq, s->q}, {&layer->w.wk, s->k}, {&layer->w.wv, s->v}},
    };
    b->matmul(b, &qkv);
    b->rope(b, s->q, s->rope, n_tok, n_heads, head_dim, head_dim, c->rope_layout);
    b->rope(b, s->k, s->rope, n_tok, n_kv, head_dim, head_dim, c->rope_layout);

    const struct kv_view kv = layer_cache(m, layer, step, n_kv, head_dim);
    b->kv_write(b, &kv, s->k, s->v, step->spans, step->n_spans);
    const struct attention_args attention = {
        .out = s->attn,
        .q = s->q,
        .scales = m->scales,
        .kv = &kv,
        .spans = step->spans,
        .n_spans = step->n_spans,
        .phase = step->phase,
        .n_heads = n_heads,
        .window = layer->window,
    };
    b->attention(b, &attention);
}

/* attn = attention of normed x over latents (arXiv:2405.04434, section 2.1). */
static void attend_latent(struct model *m, const struct layer *layer, const struct model_step *step)
{
    const struct model_config *c = m->config;
    const struct latent_config *latent = &c->latent;
    const struct scratch *s = &m->scratch;
    struct backend *b = m->backend;
    int n_tok = m->n_tok, q_rank = (int)latent->q_rank, kv_rank = (int)latent->kv_rank;
    int rope_dim = (int)latent->rope_dim, n_heads = (int)c->n_heads;
    const struct matmul_args down = {
        .x = s->x,
        .n_tok = n_tok,
        .n_in = (int)c->dim,
        .phase = step->phase,
        .n_out = 2,
        .out = {{&layer->w.q_a, s->q_a}, {&layer->w.kv_a, s->k}},
    };
    b->matmul(b, &down);
    b->rms_norm(b, s->q_a, s->q_a, layer->q_a_gain, n_tok, q_rank, q_rank, c->norm_eps);
    multiply(m, &layer->w.q_b, s->q_a, s->q, n_tok, step->phase);
    b->rms_norm(b, s->k, s->k, layer->kv_a_gain, n_tok, kv_rank, kv_rank + rope_dim, c->norm_eps);
    b->rope(b, s->q, s->rope, n_tok, n_heads, (int)c->head_dim, rope_dim, c->rope_layout);
    b->rope(b, s->k, s->rope, n_tok, 1, kv_rank + rope_dim, rope_dim, c->rope_layout);

    const struct kv_view kv = layer_cache(m, layer, step, 1, kv_rank + rope_dim);
    b->kv_write(b, &kv, s->k, NULL, step->spans, step->n_spans);
    const struct latent_args attention = {
        .out = s->attn,
        .q = s->q,
        .scales = m->scales,
        .kv = &kv,
        .wk = &layer->w.k_b,
        .wv = &layer->w.v_b,
        .work = s->work,
        .spans = step->spans,
        .n_spans = step->n_spans,
        .phase = step->phase,
        .n_heads = n_heads,
        .nope_dim = (int)latent->nope_dim,
        .rope_dim = rope_dim,
        .v_dim = (int)latent->v_dim,
        .kv_rank = kv_rank,
    };
    b->latent_attention(b, &attention);
}

static void attention_block(struct model *m, const struct layer *layer,
                            const struct model_step *step)
{
    const struct scratch *s = &m->scratch;
    normalise(m, s->x, s->h, layer->attn_gain, m->n_tok);
    if (m->config->is_latent)
        attend_latent(m, layer, step);
    else
        attend(m, layer, step);
    multiply(m, &layer->w.wo, s->attn, s->x, m->n_tok, step->phase);
    add_residual(m);
}

/* h += down(silu(gate x) * up x); x is lost. */
static void add_ffn(struct model *m, const struct ffn_tensors *ffn, const struct model_step *step)
{
    const struct scratch *s = &m->scratch;
    struct backend *b = m->backend;
    const struct matmul_args gate_up = {
        .x = s->x,
        .n_tok = m->n_tok,
        .n_in = (int)m->config->dim,
        .phase = step->phase,
        .n_out = 2,
        .out = {{&ffn->w_gate, s->gate}, {&ffn->w_up, s->up}},
    };
    b->matmul(b, &gate_up);
    b->silu_mul(b, s->gate, s->up, (size_t)m->n_tok * (size_t)ffn->w_gate.n_rows);
    multiply(m, &ffn->w_down, s->gate, s->x, m->n_tok, step->phase);
    add_residual(m);
}

/* h += n groups of the routing. */
static void run_groups(struct model *m, const struct model_step *step, int first, int n)
{
    const struct scratch *s = &m->scratch;
    const struct moe_config *moe = &m->config->moe;
    struct routing *r = &m->routing;
    const struct experts_args args = {
        .y = s->h,
        .x = s->x,
        .n_tok = m->n_tok,
        .dim = (int)m->config->dim,
        .ffn_dim = (int)moe->ffn_dim,
        .phase = step->phase,
        .n_groups = n,
        .groups = r->groups + first,
        .tokens = r->tokens,
        .weights = r->weights,
        .work = s->work,
    };
    m->backend->experts(m->backend, &args);
}

/* h += all groups of the routing, with those experts first whose matrices are there first: that
 * is their order, since they are asked for in it. */
static bool run_groups_cached(struct model *m, uint32_t layer, const struct model_step *step,
                              struct err *err)
{
    struct routing *r = &m->routing;
    const int32_t *ids = r->experts;
    for (int first = 0, end = 0, n_asked = 0; first < r->n_groups; first = end) {
        n_asked += expert_cache_ask(m->cache, layer, ids + n_asked, r->n_groups - n_asked);
        do {
            r->groups[end].ffn = expert_cache_wait(m->cache, layer, ids[end], err);
            if (!r->groups[end].ffn)
                return false;
            end++;
        } while (end < n_asked && expert_cache_is_ready(m->cache, layer, ids[end]));
        run_groups(m, step, first, end - first);
        for (int i = first; i < end; i++)
            expert_cache_release(m->cache, layer, ids[i]);
    }
    return true;
}

/* h += the experts that each token chose.  The scores are float32 in either phase. */
static bool add_experts(struct model *m, uint32_t layer, const struct model_step *step,
                        struct err *err)
{
    const struct layer_weights *w = &m->layers[layer].w;
    const struct scratch *s = &m->scratch;
    struct routing *r = &m->routing;
    struct backend *b = m->backend;
    multiply(m, &w->router, s->x, s->scores, m->n_tok, PHASE_FLOAT);
    b->read(b, r->logits, s->scores,
            (size_t)m->n_tok * m->config->moe.n_experts * sizeof *r->logits);
    routing_choose(r, m->n_tok);
    if (m->cache)
        return run_groups_cached(m, layer, step, err);
    for (int i = 0; i < r->n_groups; i++)
        r->groups[i].ffn = &w->experts[r->experts[i]];
    run_groups(m, step, 0, r->n_groups);
    return true;
}

static bool ffn_block(struct model *m, uint32_t i, const struct model_step *step, struct err *err)
{
    const struct layer *layer = &m->layers[i];
    normalise(m, m->scratch.x, m->scratch.h, layer->ffn_gain, m->n_tok);
    if (layer->w.experts && !add_experts(m, i, step, err))
        return false;
    if (layer->w.ffn.w_gate.data) /* of a dense layer, or of the shared experts */
        add_ffn(m, &layer->w.ffn, step);
    return true;
}

static void set_positions(struct model *m, const struct model_step *step)
{
    m->n_tok = 0;
    for (int i = 0; i < step->n_spans; i++) {
        const struct kv_span *span = &step->spans[i];
        assert(span->pos0 >= 0 && span->n_tok >= 1 && span->n_tok <= MODEL_MAX_TOKENS - m->n_tok);
        for (int t = 0; t < span->n_tok; t++)
            m->positions[m->n_tok++] = span->pos0 + t;
    }
}

/* The temperature multiplies the query, so it can be part of the softmax scale. */
static void set_scales(struct model *m)
{
    const struct model_config *c = m->config;
    double scale = (double)c->attn_scale_mult / sqrt(c->head_dim);
    for (int t = 0; t < m->n_tok; t++) {
        double temperature = 1.0;
        if (c->temperature_beta > 0.0)
            temperature +=
                c->temperature_beta * log1p(floor(m->positions[t] / c->temperature_original));
        m->scales[t] = (float)(scale * temperature);
    }
}

bool model_step(struct model *model, const struct model_step *step, struct err *err)
{
    assert(step->n_spans >= 1);
    struct backend *b = model->backend;
    const struct model_config *c = model->config;
    set_positions(model, step);
    set_scales(model);
    b->rope_table(b, model->scratch.rope, model->freq, (int)(config_rope_dim(c) / 2),
                  model->positions, model->n_tok, c->rope_magnitude);
    b->embed(b, model->scratch.h, &model->embedding, step->ids, model->n_tok);
    for (uint32_t i = 0; i < c->n_layers; i++) {
        attention_block(model, &model->layers[i], step);
        if (!ffn_block(model, i, step, err))
            return false;
    }
    return model_check(model, err);
}

bool model_logits(struct model *model, int first, int n, enum phase phase, float *logits,
                  struct err *err)
{
    int rows[MODEL_LOGIT_ROWS];
    assert(n >= 1 && n <= MODEL_LOGIT_ROWS);
    for (int i = 0; i < n; i++)
        rows[i] = first + i;
    return model_logits_of(model, rows, n, phase, logits, err);
}

bool model_logits_of(struct model *model, const int *rows, int n, enum phase phase, float *logits,
                     struct err *err)
{
    assert(n >= 1 && n <= MODEL_LOGIT_ROWS);
    const struct scratch *s = &model->scratch;
    struct backend *b = model->backend;
    size_t dim = model->config->dim;
    /* The residual stream stays, so any rows can be asked for in any order. */
    for (int i = 0; i < n; i++) {
        assert(rows[i] >= 0 && rows[i] < model->n_tok);
        normalise(model, s->x + (size_t)i * dim, s->h + (size_t)rows[i] * dim, model->out_gain, 1);
    }
    multiply(model, &model->output, s->x, s->logits, n, phase);
    b->read(b, logits, s->logits, (size_t)n * model->config->n_vocab * sizeof *logits);
    return model_check(model, err);
}

void model_hidden(struct model *model, int first, int n, float *hidden)
{
    assert(n >= 1 && n <= MODEL_LOGIT_ROWS && first >= 0 && first <= model->n_tok - n);
    const struct scratch *s = &model->scratch;
    struct backend *b = model->backend;
    size_t dim = model->config->dim;
    normalise(model, s->x, s->h + (size_t)first * dim, model->out_gain, n);
    b->read(b, hidden, s->x, (size_t)n * dim * sizeof *hidden);
}
