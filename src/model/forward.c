/* SPDX-License-Identifier: Apache-2.0 */
/* forward.c - the decoder, written once over the operations of a backend.
 *
 *     h = embedding[ids]
 *     each layer:  h += attention(norm(h));  h += ffn(norm(h))
 *     logits = output . norm(h)
 */
#include <assert.h>
#include <math.h>

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
    const struct model_config *c = m->config;
    m->backend->rms_norm(m->backend, y, x, gain, n_tok, (int)c->dim, (int)c->dim, c->norm_eps);
}

/* h += x over the tokens of the step. */
static void add_residual(struct model *m, int n_tok)
{
    m->backend->add(m->backend, m->scratch.h, m->scratch.x, (size_t)n_tok * m->config->dim);
}

static void attention_block(struct model *m, const struct layer *layer,
                            const struct model_step *step)
{
    const struct model_config *c = m->config;
    const struct scratch *s = &m->scratch;
    struct backend *b = m->backend;
    int n_tok = step->n_tok, n_heads = (int)c->n_heads, n_kv = (int)c->n_kv_heads;
    int head_dim = (int)c->head_dim;

    normalise(m, s->x, s->h, layer->attn_gain, n_tok);
    const struct matmul_args qkv = {
        .x = s->x,
        .n_tok = n_tok,
        .n_in = (int)c->dim,
        .phase = step->phase,
        .n_out = 3,
        .out = {{&layer->wq, s->q}, {&layer->wk, s->k}, {&layer->wv, s->v}},
    };
    b->matmul(b, &qkv);
    b->rope(b, s->q, s->rope, n_tok, n_heads, head_dim, head_dim, c->rope_layout);
    b->rope(b, s->k, s->rope, n_tok, n_kv, head_dim, head_dim, c->rope_layout);

    const struct kv_view kv = {
        .data = step->kv_data,
        .page_bytes = model_page_bytes(m),
        .layer_offset = layer->kv_offset,
        .page_ids = step->page_ids,
        .dtype = b->exact ? DTYPE_F32 : DTYPE_BF16,
        .n_kv_heads = n_kv,
        .head_dim = head_dim,
    };
    b->kv_write(b, &kv, s->k, s->v, n_tok, step->pos0);
    const struct attention_args attention = {
        .out = s->attn,
        .q = s->q,
        .scales = m->scales,
        .kv = &kv,
        .n_tok = n_tok,
        .pos0 = step->pos0,
        .n_heads = n_heads,
        .window = layer->window,
    };
    b->attention(b, &attention);
    multiply(m, &layer->wo, s->attn, s->x, n_tok, step->phase);
    add_residual(m, n_tok);
}

static void ffn_block(struct model *m, const struct layer *layer, const struct model_step *step)
{
    const struct scratch *s = &m->scratch;
    struct backend *b = m->backend;
    normalise(m, s->x, s->h, layer->ffn_gain, step->n_tok);
    const struct matmul_args gate_up = {
        .x = s->x,
        .n_tok = step->n_tok,
        .n_in = (int)m->config->dim,
        .phase = step->phase,
        .n_out = 2,
        .out = {{&layer->ffn.w_gate, s->gate}, {&layer->ffn.w_up, s->up}},
    };
    b->matmul(b, &gate_up);
    b->silu_mul(b, s->gate, s->up, (size_t)step->n_tok * m->config->ffn_dim);
    multiply(m, &layer->ffn.w_down, s->gate, s->x, step->n_tok, step->phase);
    add_residual(m, step->n_tok);
}

/* The temperature multiplies the query, so it can be part of the softmax scale. */
static void set_scales(struct model *m, const struct model_step *step)
{
    const struct model_config *c = m->config;
    double scale = (double)c->attn_scale_mult / sqrt(c->head_dim);
    for (int t = 0; t < step->n_tok; t++) {
        double temperature = 1.0;
        if (c->temperature_beta > 0.0)
            temperature += c->temperature_beta *
                           log1p(floor((double)(step->pos0 + t) / c->temperature_original));
        m->scales[t] = (float)(scale * temperature);
    }
}

bool model_step(struct model *model, const struct model_step *step, struct err *err)
{
    assert(step->n_tok >= 1 && step->n_tok <= MODEL_MAX_TOKENS && step->pos0 >= 0);
    struct backend *b = model->backend;
    const struct model_config *c = model->config;
    model->n_tok = step->n_tok;
    set_scales(model, step);
    b->rope_table(b, model->scratch.rope, model->freq, (int)(c->head_dim / 2), step->pos0,
                  step->n_tok, c->rope_magnitude);
    b->embed(b, model->scratch.h, &model->embedding, step->ids, step->n_tok);
    for (uint32_t i = 0; i < c->n_layers; i++) {
        attention_block(model, &model->layers[i], step);
        ffn_block(model, &model->layers[i], step);
    }
    (void)err;
    return true;
}

void model_logits(struct model *model, int first, int n, enum phase phase, float *logits)
{
    assert(n >= 1 && n <= MODEL_LOGIT_ROWS && first >= 0 && first <= model->n_tok - n);
    const struct scratch *s = &model->scratch;
    struct backend *b = model->backend;
    /* The residual stream stays, so any rows can be asked for in any order. */
    normalise(model, s->x, s->h + (size_t)first * model->config->dim, model->out_gain, n);
    multiply(model, &model->output, s->x, s->logits, n, phase);
    b->read(b, logits, s->logits, (size_t)n * model->config->n_vocab * sizeof *logits);
}
