/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model.h"

#include <stdlib.h>

#include "base/mem.h"
#include "model/adapter.h"
#include "model/model_int.h"
#include "model/rope_freq.h"
#include "tensor/block.h"

enum { SCRATCH_ALIGN = 16 }; /* floats of a 64-byte cache line */

/* The elements that lie together in a page: keys and values of a head, or latents. */
static int64_t cache_row(const struct model_config *config)
{
    return config->is_latent ? config->latent.kv_rank + config->latent.rope_dim : config->head_dim;
}

/* Bytes that one layer takes of a page: keys and values, or latents. */
static size_t layer_page_bytes(const struct model_config *config, enum dtype kv_type)
{
    int64_t n_rows = config->is_latent ? 1 : (int64_t)2 * config->n_kv_heads;
    return dtype_bytes(kv_type, n_rows * cache_row(config) * BACKEND_PAGE_TOKENS);
}

bool config_check_kv(const struct model_config *config, enum dtype kv_type, struct err *err)
{
    int block = dtype_info(kv_type)->block;
    return cache_row(config) % block == 0 ||
           err_set(err, ERR_UNSUPPORTED,
                   "keys of %lld numbers are no whole blocks of %s; keep keys and values "
                   "in bf16",
                   (long long)cache_row(config), dtype_info(kv_type)->name);
}

size_t config_page_bytes(const struct model_config *config, enum dtype kv_type)
{
    return config->n_layers * layer_page_bytes(config, kv_type);
}

size_t model_page_bytes(const struct model *model)
{
    return config_page_bytes(model->config, model->backend->kv_type);
}

const struct model_config *model_config(const struct model *model)
{
    return model->config;
}

bool model_has_blocks(const struct model *model)
{
    return dtype_info(model->layers[0].w.wo.dtype)->block > 2;
}

struct backend *model_backend(const struct model *model)
{
    return model->backend;
}

/* Hands the matrix in host memory to the backend, as *device, with what adapters add; one
 * without data is not there. */
static bool adopt(const struct model *m, struct tensor *device, const struct tensor *host,
                  struct err *err)
{
    struct backend *b = m->backend;
    *device = *host;
    if (!host->data)
        return true;
    device->lora = adapter_find(m->adapters, host);
    device->data = b->adopt(b, host->data, tensor_bytes(host), err);
    if (!device->data || !host->scales.data)
        return device->data != NULL;
    int64_t n_rows = (host->n_rows + host->scales.n_rows - 1) / host->scales.n_rows;
    size_t n_bytes = dtype_bytes(host->scales.dtype, n_rows * host->scales.stride);
    device->scales.data = b->adopt(b, host->scales.data, n_bytes, err);
    return device->scales.data != NULL;
}

static bool adopt_ffn(const struct model *m, struct ffn_tensors *to, const struct ffn_tensors *from,
                      struct err *err)
{
    return adopt(m, &to->w_gate, &from->w_gate, err) && adopt(m, &to->w_up, &from->w_up, err) &&
           adopt(m, &to->w_down, &from->w_down, err);
}

static bool adopt_layer(const struct model *m, struct layer_weights *to,
                        const struct layer_weights *from, struct err *err)
{
    *to = *from;
    return adopt(m, &to->wq, &from->wq, err) && adopt(m, &to->wk, &from->wk, err) &&
           adopt(m, &to->wv, &from->wv, err) && adopt(m, &to->wo, &from->wo, err) &&
           adopt(m, &to->q_a, &from->q_a, err) && adopt(m, &to->q_b, &from->q_b, err) &&
           adopt(m, &to->kv_a, &from->kv_a, err) && adopt(m, &to->k_b.w, &from->k_b.w, err) &&
           adopt(m, &to->v_b.w, &from->v_b.w, err) && adopt_ffn(m, &to->ffn, &from->ffn, err) &&
           adopt(m, &to->router, &from->router, err);
}

/* The experts of all layers lie one after the other. */
static bool adopt_experts(struct model *m, const struct model_weights *w, struct err *err)
{
    const struct model_config *c = m->config;
    if (!c->is_moe)
        return true;
    size_t n_experts = c->moe.n_experts, n = 0;
    m->experts = mem_new((size_t)c->n_layers * n_experts, sizeof *m->experts, err);
    if (!m->experts)
        return false;
    for (uint32_t i = 0; i < c->n_layers; i++) {
        if (!config_has_experts(c, i))
            continue;
        m->layers[i].w.experts = m->experts + n;
        for (size_t e = 0; e < n_experts; e++, n++)
            if (!adopt_ffn(m, &m->experts[n], &w->layers[i].experts[e], err))
                return false;
    }
    return routing_init(&m->routing, &c->moe, MODEL_MAX_TOKENS, err);
}

static bool adopt_matrices(struct model *m, const struct model_weights *w, struct err *err)
{
    for (uint32_t i = 0; i < m->config->n_layers; i++)
        if (!adopt_layer(m, &m->layers[i].w, &w->layers[i], err))
            return false;
    if (!adopt_experts(m, w, err) || !adopt(m, &m->embedding, &w->embedding, err))
        return false;
    if (!m->config->tied)
        return adopt(m, &m->output, &w->output, err);
    m->output = m->embedding;
    m->output.lora = adapter_find(m->adapters, &w->output);
    return true;
}

/* Gain vectors on their way to the device. */
struct gain_writer {
    struct backend *backend;
    float *host; /* [the longest] */
    float *next; /* device */
};

/* Copies one gain vector to the device as float; returns where it lies there. */
static const float *write_gain(struct gain_writer *w, const struct tensor *gain)
{
    float *device = w->next;
    size_t n = (size_t)gain->n_cols;
    block_decode(gain->dtype, gain->data, w->host, gain->n_cols);
    w->backend->write(w->backend, device, w->host, n * sizeof *w->host);
    w->next += n;
    return device;
}

static size_t gains_bytes(const struct model_config *c)
{
    size_t n = (2 * (size_t)c->n_layers + 1) * c->dim;
    if (c->is_latent)
        n += (size_t)c->n_layers * (c->latent.q_rank + c->latent.kv_rank);
    return n * sizeof(float);
}

/* Gains are small and read everywhere: they become float once, whatever their format. */
static bool write_gains(struct model *m, const struct model_weights *w, struct err *err)
{
    const struct model_config *c = m->config;
    size_t longest = c->dim;
    if (c->is_latent && c->latent.q_rank > longest)
        longest = c->latent.q_rank;
    if (c->is_latent && c->latent.kv_rank > longest)
        longest = c->latent.kv_rank;
    struct gain_writer writer = {.backend = m->backend};
    writer.host = mem_new(longest, sizeof *writer.host, err);
    if (!writer.host)
        return false;
    m->gains = writer.next = m->backend->alloc(m->backend, gains_bytes(c), err);
    if (m->gains) {
        for (size_t i = 0; i < c->n_layers; i++) {
            struct layer *layer = &m->layers[i];
            layer->attn_gain = write_gain(&writer, &w->layers[i].attn_norm);
            layer->ffn_gain = write_gain(&writer, &w->layers[i].ffn_norm);
            if (c->is_latent) {
                layer->q_a_gain = write_gain(&writer, &w->layers[i].q_a_norm);
                layer->kv_a_gain = write_gain(&writer, &w->layers[i].kv_a_norm);
            }
        }
        m->out_gain = write_gain(&writer, &w->norm);
    }
    free(writer.host);
    return m->gains != NULL;
}

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Returns the floats that the operations with a work area need at most. */
static size_t work_floats(const struct model_config *c)
{
    size_t latent = 0, experts = 0;
    if (c->is_latent)
        latent =
            latent_work_floats((int)c->n_heads, (int)c->latent.nope_dim, (int)c->latent.rope_dim,
                               (int)c->latent.v_dim, (int)c->latent.kv_rank, MODEL_MAX_TOKENS);
    if (c->is_moe)
        experts = experts_work_floats(MODEL_MAX_TOKENS * (int)c->moe.n_used, (int)c->dim,
                                      (int)c->moe.ffn_dim);
    return max_size(latent, experts);
}

/* Returns the width of the widest feed-forward block besides the experts. */
static size_t widest_ffn(const struct model_config *c)
{
    if (!c->is_moe)
        return c->ffn_dim;
    size_t shared = (size_t)c->moe.n_shared * c->moe.ffn_dim;
    return c->moe.n_dense ? max_size(c->ffn_dim, shared) : shared;
}

struct part {
    float **at;
    size_t n;
};

/* Points parts into block, which may be NULL, one behind the other from float n on.  Returns where
 * they end. */
static size_t place_parts(const struct part *parts, size_t n_parts, float *block, size_t n)
{
    for (size_t i = 0; i < n_parts; i++) {
        if (block)
            *parts[i].at = block + n;
        n += (parts[i].n + SCRATCH_ALIGN - 1) / SCRATCH_ALIGN * SCRATCH_ALIGN;
    }
    return n;
}

/* Points the parts of s into block, which may be NULL.  Returns how many floats they take.  What
 * attention needs and what is needed behind it lie in the same place.  The limits on shapes keep
 * every size far below what size_t holds. */
static size_t place_scratch(struct scratch *s, float *block, const struct model_config *c)
{
    const size_t n_tok = MODEL_MAX_TOKENS;
    const struct latent_config *latent = &c->latent;
    size_t q_dim = (size_t)c->n_heads * c->head_dim;
    size_t k_dim = (size_t)c->n_kv_heads * c->head_dim, v_dim = k_dim, out_dim = q_dim;
    if (c->is_latent) {
        k_dim = latent->kv_rank + latent->rope_dim;
        v_dim = 0;
        out_dim = (size_t)c->n_heads * latent->v_dim;
    }
    const struct part parts[] = {
        {&s->h, n_tok * c->dim},
        {&s->x, n_tok * c->dim},
        {&s->scores, c->is_moe ? n_tok * c->moe.n_experts : 0},
        {&s->work, work_floats(c)},
        {&s->rope, n_tok * config_rope_dim(c)},
        {&s->logits, (size_t)MODEL_LOGIT_ROWS * c->n_vocab},
    };
    const struct part attention[] = {
        {&s->q, n_tok * q_dim},
        {&s->attn, n_tok * out_dim},
        {&s->k, n_tok * k_dim},
        {&s->v, n_tok * v_dim},
        {&s->q_a, c->is_latent ? n_tok * latent->q_rank : 0},
    };
    const struct part ffn[] = {
        {&s->gate, n_tok * widest_ffn(c)},
        {&s->up, n_tok * widest_ffn(c)},
    };
    size_t n = place_parts(parts, sizeof parts / sizeof *parts, block, 0);
    return max_size(place_parts(attention, sizeof attention / sizeof *attention, block, n),
                    place_parts(ffn, sizeof ffn / sizeof *ffn, block, n));
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

void model_set_expert_cache(struct model *model, struct expert_cache *cache)
{
    model->cache = cache;
}

struct model *model_open(const struct checkpoint *ckpt, const struct adapter *adapters,
                         struct backend *backend, struct err *err)
{
    const struct model_config *config = &ckpt->config;
    struct model *m = mem_new(1, sizeof *m, err);
    if (!m)
        goto fail;
    m->ckpt = ckpt;
    m->config = config;
    m->adapters = adapters;
    m->backend = backend;
    m->layers = mem_new(config->n_layers, sizeof *m->layers, err);
    if (!m->layers || !config_check_kv(config, backend->kv_type, err) ||
        !adopt_matrices(m, &ckpt->weights, err) || !write_gains(m, &ckpt->weights, err) ||
        !open_scratch(&m->scratch, config, backend, err) || !model_check(m, err))
        goto fail;
    for (uint32_t i = 0; i < config->n_layers; i++) {
        m->layers[i].kv_offset = i * layer_page_bytes(config, backend->kv_type);
        m->layers[i].window = (int)config->windows[i];
    }
    rope_freq(config, m->freq);
    return m;
fail:
    err_add(err, "%s", ckpt->path);
    model_close(m);
    return NULL;
}

bool model_check(const struct model *model, struct err *err)
{
    return checkpoint_check(model->ckpt, err) && adapter_check(model->adapters, err);
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
    routing_free(&model->routing);
    free(model->experts);
    free(model->layers);
    free(model);
}
