/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model.h"

#include <stdlib.h>

#include "base/mem.h"
#include "model/adapter.h"
#include "model/model_int.h"
#include "model/rope_freq.h"
#include "tensor/block.h"

enum { SCRATCH_ALIGN = 16 }; /* floats of a 64-byte cache line */

static enum dtype kv_dtype(bool exact)
{
    return exact ? DTYPE_F32 : DTYPE_BF16;
}

/* Bytes that one layer takes of a page. */
static size_t layer_page_bytes(const struct model_config *config, bool exact)
{
    int64_t n = (int64_t)config->n_kv_heads * config->head_dim * BACKEND_PAGE_TOKENS;
    return dtype_bytes(kv_dtype(exact), 2 * n);
}

size_t config_page_bytes(const struct model_config *config, bool exact)
{
    return config->n_layers * layer_page_bytes(config, exact);
}

size_t model_page_bytes(const struct model *model)
{
    return config_page_bytes(model->config, model->backend->exact);
}

const struct model_config *model_config(const struct model *model)
{
    return model->config;
}

struct backend *model_backend(const struct model *model)
{
    return model->backend;
}

/* Hands the matrix in host memory to the backend; what adapters add goes with it. */
static bool adopt(const struct model *m, struct tensor *device, const struct tensor *host,
                  struct err *err)
{
    struct backend *b = m->backend;
    *device = *host;
    device->lora = adapter_find(m->adapters, host);
    device->data = b->adopt(b, host->data, tensor_bytes(host), err);
    return device->data != NULL;
}

static bool adopt_layer(const struct model *m, struct layer *to, const struct layer_weights *from,
                        struct err *err)
{
    return adopt(m, &to->wq, &from->wq, err) && adopt(m, &to->wk, &from->wk, err) &&
           adopt(m, &to->wv, &from->wv, err) && adopt(m, &to->wo, &from->wo, err) &&
           adopt(m, &to->ffn.w_gate, &from->ffn.w_gate, err) &&
           adopt(m, &to->ffn.w_up, &from->ffn.w_up, err) &&
           adopt(m, &to->ffn.w_down, &from->ffn.w_down, err);
}

static bool adopt_matrices(struct model *m, const struct model_weights *w, struct err *err)
{
    for (uint32_t i = 0; i < m->config->n_layers; i++)
        if (!adopt_layer(m, &m->layers[i], &w->layers[i], err))
            return false;
    if (!adopt(m, &m->embedding, &w->embedding, err))
        return false;
    if (w->output.data == w->embedding.data) {
        m->output = m->embedding;
        m->output.lora = adapter_find(m->adapters, &w->output);
        return true;
    }
    return adopt(m, &m->output, &w->output, err);
}

/* Copies one gain vector to the device as float; returns where it lies there. */
static const float *write_gain(struct model *m, size_t slot, const struct tensor *gain, float *host)
{
    size_t dim = m->config->dim;
    float *device = m->gains + slot * dim;
    block_decode(gain->dtype, gain->data, host, (int64_t)dim);
    m->backend->write(m->backend, device, host, dim * sizeof *host);
    return device;
}

static size_t gains_bytes(const struct model_config *config)
{
    return (2 * (size_t)config->n_layers + 1) * config->dim * sizeof(float);
}

/* Gains are small and read everywhere: they become float once, whatever their format. */
static bool write_gains(struct model *m, const struct model_weights *w, struct err *err)
{
    float *host = mem_new(m->config->dim, sizeof *host, err);
    if (!host)
        return false;
    m->gains = m->backend->alloc(m->backend, gains_bytes(m->config), err);
    if (m->gains) {
        size_t n_layers = m->config->n_layers;
        for (size_t i = 0; i < n_layers; i++) {
            m->layers[i].attn_gain = write_gain(m, 2 * i, &w->layers[i].attn_norm, host);
            m->layers[i].ffn_gain = write_gain(m, 2 * i + 1, &w->layers[i].ffn_norm, host);
        }
        m->out_gain = write_gain(m, 2 * n_layers, &w->norm, host);
    }
    free(host);
    return m->gains != NULL;
}

/* Points the parts of s into block, which may be NULL.  Returns how many floats they take.  The
 * limits on shapes keep every size far below what size_t holds. */
static size_t place_scratch(struct scratch *s, float *block, const struct model_config *c)
{
    const size_t n_tok = MODEL_MAX_TOKENS;
    size_t q_dim = (size_t)c->n_heads * c->head_dim;
    size_t kv_dim = (size_t)c->n_kv_heads * c->head_dim;
    const struct {
        float **at;
        size_t n;
    } parts[] = {
        {&s->h, n_tok * c->dim},         {&s->x, n_tok * c->dim},
        {&s->q, n_tok * q_dim},          {&s->attn, n_tok * q_dim},
        {&s->k, n_tok * kv_dim},         {&s->v, n_tok * kv_dim},
        {&s->gate, n_tok * c->ffn_dim},  {&s->up, n_tok * c->ffn_dim},
        {&s->rope, n_tok * c->head_dim}, {&s->logits, (size_t)MODEL_LOGIT_ROWS * c->n_vocab},
    };
    size_t n = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (block)
            *parts[i].at = block + n;
        n += (parts[i].n + SCRATCH_ALIGN - 1) / SCRATCH_ALIGN * SCRATCH_ALIGN;
    }
    return n;
}

size_t config_scratch_bytes(const struct model_config *config)
{
    struct scratch unused = {0};
    return place_scratch(&unused, NULL, config) * sizeof(float);
}

static bool open_scratch(struct scratch *s, const struct model_config *c, struct backend *b,
                         struct err *err)
{
    s->n_bytes = config_scratch_bytes(c);
    s->block = b->alloc(b, s->n_bytes, err);
    if (!s->block)
        return false;
    place_scratch(s, s->block, c);
    return true;
}

struct model *model_open(const struct checkpoint *ckpt, const struct adapter *adapters,
                         struct backend *backend, struct err *err)
{
    const struct model_config *config = &ckpt->config;
    struct model *m = mem_new(1, sizeof *m, err);
    if (!m)
        goto fail;
    m->config = config;
    m->adapters = adapters;
    m->backend = backend;
    m->layers = mem_new(config->n_layers, sizeof *m->layers, err);
    if (!m->layers || !adopt_matrices(m, &ckpt->weights, err) ||
        !write_gains(m, &ckpt->weights, err) || !open_scratch(&m->scratch, config, backend, err))
        goto fail;
    for (uint32_t i = 0; i < config->n_layers; i++) {
        m->layers[i].kv_offset = i * layer_page_bytes(config, backend->exact);
        m->layers[i].window = (int)config->windows[i];
    }
    rope_freq(config, m->freq);
    return m;
fail:
    err_add(err, "%s", ckpt->path);
    model_close(m);
    return NULL;
}

void model_close(struct model *model)
{
    if (!model)
        return;
    struct backend *b = model->backend;
    if (model->scratch.block)
        b->release(b, model->scratch.block, model->scratch.n_bytes);
    if (model->gains)
        b->release(b, model->gains, gains_bytes(model->config));
    free(model->layers);
    free(model);
}
