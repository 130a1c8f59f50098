/* SPDX-License-Identifier: Apache-2.0 */
#include "model/adapter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/adapter_int.h"

/* How a stored matrix becomes one of struct lora. */
struct view {
    const uint8_t *data;
    enum dtype dtype;
    int64_t n_rows, n_cols; /* as stored */
};

/* Copies the matrix with the rows of each head in the order of the model: half-split has those
 * of the first elements of all rotating pairs first. */
static const void *permuted(struct adapter *ad, const struct view *v, uint32_t head_dim,
                            enum rope_layout to, struct err *err)
{
    size_t n = dtype_bytes(v->dtype, v->n_cols);
    uint8_t *out = arena_new(&ad->copies, (size_t)v->n_rows, n, err);
    for (int64_t row = 0; out && row < v->n_rows; row++) {
        int64_t in_head = row % head_dim, half = head_dim / 2;
        int64_t other = row - in_head + 2 * (in_head % half) + in_head / half;
        /* row is the place in the half-split order, other that of the interleaved one. */
        int64_t from = to == ROPE_HALF_SPLIT ? other : row;
        int64_t place = to == ROPE_HALF_SPLIT ? row : other;
        memcpy(out + (size_t)place * n, v->data + (size_t)from * n, n);
    }
    return out;
}

/* Says whether the rows of base are in another order than those of the adapter's b. */
static bool is_permuted(const struct checkpoint *ckpt, enum checkpoint_layout dialect,
                        const struct tensor *base)
{
    const struct model_config *config = &ckpt->config;
    if (config->is_latent || (dialect == CHECKPOINT_HF) == (config->rope_layout == ROPE_HALF_SPLIT))
        return false;
    for (uint32_t i = 0; i < config->n_layers; i++)
        if (base == &ckpt->weights.layers[i].wq || base == &ckpt->weights.layers[i].wk)
            return true;
    return false;
}

static bool check_half(const struct tensor_entry *e, const struct adapter_target *target,
                       int64_t n_rows, int64_t n_cols, struct err *err)
{
    char shape[80];
    int n = e->n_dims;
    if ((n == 3) == target->is_fused && (n == 2 || e->shape[0] == target->n) &&
        e->shape[n - 2] == n_rows && e->shape[n - 1] == n_cols)
        return true;
    tensor_entry_shape(e, shape, sizeof shape);
    return err_set(err, ERR_FORMAT,
                   "%s: %s: shape is %s, for the model's matrix of %lld x %lld it would be "
                   "%lld x %lld; the adapter is for another model",
                   e->file, e->name, shape, (long long)target->base->n_rows,
                   (long long)target->base->n_cols, (long long)n_rows, (long long)n_cols);
}

/* Checks both shapes against the matrix of the model. */
static bool check_shapes(const struct adapter_file *file, const struct adapter_pair *pair,
                         const struct adapter_target *target, struct err *err)
{
    int64_t rank = pair->rank, n_rows = target->base->n_rows, n_cols = target->base->n_cols;
    if (!pair->is_embedding)
        return check_half(pair->a, target, rank, n_cols, err) &&
               check_half(pair->b, target, n_rows, rank, err);
    bool gguf = file->dialect == CHECKPOINT_GGUF;
    return check_half(pair->a, target, gguf ? n_rows : rank, gguf ? rank : n_rows, err) &&
           check_half(pair->b, target, n_cols, rank, err);
}

/* Returns matrix i of the entry, whose format was checked. */
static struct view view_of(const struct tensor_entry *e, uint32_t i)
{
    struct view v = {.n_rows = e->shape[e->n_dims - 2], .n_cols = e->shape[e->n_dims - 1]};
    dtype_from_name(e->type, &v.dtype);
    v.data = e->data + i * dtype_bytes(v.dtype, v.n_rows * v.n_cols);
    return v;
}

static struct tensor tensor_of(const struct view *v, const void *data, int64_t n_rows,
                               int64_t n_cols)
{
    return (struct tensor){.data = data, .dtype = v->dtype, .n_rows = n_rows, .n_cols = n_cols};
}

/* An embedding's a is read column by column, which GGUF stores as rows. */
static void bind_embedding(const struct adapter *ad, const struct adapter_pair *pair,
                           struct lora *lora)
{
    struct view a = view_of(pair->a, 0), b = view_of(pair->b, 0);
    bool is_turned = ad->file.dialect == CHECKPOINT_GGUF;
    lora->a = tensor_of(&a, a.data, pair->rank, is_turned ? a.n_rows : a.n_cols);
    lora->a.transposed = is_turned;
    lora->b = tensor_of(&b, b.data, b.n_rows, b.n_cols);
}

static bool bind_matrix(struct adapter *ad, const struct checkpoint *ckpt,
                        const struct adapter_pair *pair, struct adapter_part *part, uint32_t i,
                        struct err *err)
{
    struct view a = view_of(pair->a, i), b = view_of(pair->b, i);
    part->lora.a = tensor_of(&a, a.data, a.n_rows, a.n_cols);
    part->lora.b = tensor_of(&b, b.data, b.n_rows, b.n_cols);
    if (is_permuted(ckpt, ad->file.dialect, part->base))
        part->lora.b.data = permuted(ad, &b, ckpt->config.head_dim, ckpt->config.rope_layout, err);
    return part->lora.b.data != NULL;
}

static bool bind_pair(struct adapter *ad, const struct checkpoint *ckpt,
                      const struct adapter_pair *pair, const struct adapter_target *target,
                      double scale, struct err *err)
{
    if (!check_shapes(&ad->file, pair, target, err))
        return false;
    if (pair->is_embedding != (target->base == &ckpt->weights.embedding))
        return err_set(err, ERR_FORMAT,
                       "%s: %s: only the embedding is adapted like this; download "
                       "the adapter again",
                       pair->a->file, pair->a->name);
    float product = (float)(pair->scale * scale);
    if (!isfinite(product))
        return err_set(err, ERR_FORMAT, "%s: %s: its scale %g times %g is too large", pair->a->file,
                       pair->a->name, pair->scale, scale);
    if (product == 0.0F)
        return true; /* and 0 would mean 1 to a tensor */
    for (uint32_t i = 0; i < target->n; i++) {
        struct adapter_part *part = &ad->parts[ad->n_parts++];
        part->base = (const void *)((const char *)target->base + i * target->stride);
        if (pair->is_embedding)
            bind_embedding(ad, pair, &part->lora);
        else if (!bind_matrix(ad, ckpt, pair, part, target->is_fused ? i : 0, err))
            return false;
        part->lora.b.scale = product;
    }
    return true;
}

static int by_base(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct adapter_part *)a)->base;
    uintptr_t y = (uintptr_t)((const struct adapter_part *)b)->base;
    return (x > y) - (x < y);
}

/* Sorts the parts and lets each go on with what adapters below add to its matrix. */
static bool link_parts(struct adapter *ad, struct err *err)
{
    if (ad->n_parts)
        qsort(ad->parts, ad->n_parts, sizeof *ad->parts, by_base);
    for (size_t i = 0; i < ad->n_parts; i++) {
        if (i && ad->parts[i].base == ad->parts[i - 1].base)
            return err_set(err, ERR_FORMAT,
                           "two pairs of matrices for one of the model; download "
                           "the adapter again");
        ad->parts[i].lora.next = adapter_find(ad->below, ad->parts[i].base);
    }
    return true;
}

static bool bind_pairs(struct adapter *ad, const struct checkpoint *ckpt, double scale,
                       struct err *err)
{
    struct adapter_target target;
    size_t n = 0;
    for (size_t i = 0; i < ad->file.n_pairs; i++) {
        const struct adapter_pair *pair = &ad->file.pairs[i];
        if (!adapter_place(ckpt, ad->file.dialect, pair->module, &target))
            return err_set(err, ERR_FORMAT,
                           "%s: %s: the model has no such matrix; the adapter is for another model",
                           pair->a->file, pair->a->name);
        n += target.n;
    }
    ad->parts = mem_new(n, sizeof *ad->parts, err);
    if (!ad->parts)
        return false;
    for (size_t i = 0; i < ad->file.n_pairs; i++) {
        const struct adapter_pair *pair = &ad->file.pairs[i];
        if (!adapter_place(ckpt, ad->file.dialect, pair->module, &target) ||
            !bind_pair(ad, ckpt, pair, &target, scale, err))
            return false;
    }
    return link_parts(ad, err);
}

struct adapter *adapter_open(const struct checkpoint *ckpt, const char *path, double scale,
                             struct adapter *below, struct err *err)
{
    struct adapter *ad = mem_new(1, sizeof *ad, err);
    if (!ad)
        return NULL;
    ad->below = below;
    bool ok = adapter_file_open(&ad->file, path, err) && bind_pairs(ad, ckpt, scale, err);
    if (adapter_check(ad, err) && ok)
        return ad;
    ad->below = NULL;
    adapter_close(ad);
    /* Messages about a path begin with it, others with a file's name. */
    if (strncmp(err->text, path, strlen(path)) == 0)
        err_add(err, "adapter");
    else
        err_add(err, "adapter %s", path);
    return NULL;
}

void adapter_close(struct adapter *adapter)
{
    while (adapter) {
        struct adapter *below = adapter->below;
        adapter_file_close(&adapter->file);
        free(adapter->parts);
        arena_free(&adapter->copies);
        free(adapter);
        adapter = below;
    }
}

static bool adopt(struct backend *b, struct tensor *t, struct err *err)
{
    t->data = b->adopt(b, t->data, tensor_bytes(t), err);
    return t->data != NULL;
}

bool adapter_adopt(struct adapter *adapter, struct backend *backend, struct err *err)
{
    for (; adapter; adapter = adapter->below) {
        for (size_t i = 0; i < adapter->n_parts; i++) {
            struct adapter_part *part = &adapter->parts[i];
            if (!adopt(backend, &part->lora.a, err) || !adopt(backend, &part->lora.b, err))
                return false;
        }
    }
    return true;
}

bool adapter_check(const struct adapter *adapter, struct err *err)
{
    for (; adapter; adapter = adapter->below)
        if (!tensor_store_check(adapter->file.tensors, err))
            return false;
    return true;
}

const struct lora *adapter_find(const struct adapter *adapter, const struct tensor *base)
{
    struct adapter_part key = {.base = base};
    for (; adapter; adapter = adapter->below) {
        const struct adapter_part *part =
            adapter->n_parts ? bsearch(&key, adapter->parts, adapter->n_parts, sizeof key, by_base)
                             : NULL;
        if (part)
            return &part->lora;
    }
    return NULL;
}
