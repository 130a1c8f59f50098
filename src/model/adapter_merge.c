/* SPDX-License-Identifier: Apache-2.0 */
#include "model/adapter_merge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/safetensors_write.h"
#include "model/adapter_int.h"
#include "model/checkpoint_int.h"
#include "model/merge_int.h"
#include "tensor/block.h"
#include "tensor/number.h"

enum { CHUNK_FLOATS = 1 << 18 }; /* computed between two writes */

/* A matrix that changes. */
struct change {
    const uint8_t *data; /* where it lies in its tensor */
    const struct tensor *w;
    const struct lora *lora;
};

/* The same as floats, for rows as they are stored: row += left[row] . right. */
struct factor {
    float *left;  /* [n_rows][rank], the scale in it */
    float *right; /* [rank][n_cols] */
    int64_t rank;
};

struct merge {
    const struct checkpoint *ckpt;
    const struct adapter *adapters;
    const struct merge_options *options;
    const struct tensor_entry *from; /* [n] */
    struct tensor_entry *to;         /* [n] */
    size_t n;
    struct change *changes; /* [n_changes], by data */
    size_t n_changes;
    float *rows; /* what is computed at a time */
    void *bytes; /* the same as it is written */
};

static bool is_float(enum dtype dtype)
{
    return dtype == DTYPE_F32 || dtype == DTYPE_F16 || dtype == DTYPE_BF16;
}

static int by_data(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct change *)a)->data;
    uintptr_t y = (uintptr_t)((const struct change *)b)->data;
    return (x > y) - (x < y);
}

/* Returns the tensor that holds the matrix, for messages. */
static const struct tensor_entry *holder(const struct merge *m, const struct tensor *w)
{
    const uint8_t *data = w->data;
    for (size_t i = 0; i < m->n; i++)
        if (data >= m->from[i].data && data < m->from[i].data + m->from[i].n_bytes)
            return &m->from[i];
    return &m->from[0];
}

static bool check_change(const struct merge *m, const struct tensor *w, struct err *err)
{
    const struct model_weights *weights = &m->ckpt->weights;
    const struct tensor_entry *e = holder(m, w);
    bool is_end = w == &weights->embedding || w == &weights->output;
    if (!is_float(w->dtype) || w->scale != 0.0F || w->scales.data)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: %s: its format %s cannot hold the change; merge into the model that "
                       "is not quantised, or give the adapter to run",
                       e->file, e->name, e->type);
    if (is_end && m->ckpt->config.tied)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: %s: is both embedding and output, and the adapter changes one of "
                       "them; give the adapter to run",
                       e->file, e->name);
    return true;
}

/* Lists every matrix that one of the adapters changes, once. */
static bool list_changes(struct merge *m, const struct adapter *adapters, struct err *err)
{
    size_t n = 0;
    for (const struct adapter *ad = adapters; ad; ad = ad->below)
        n += ad->n_parts;
    m->changes = mem_new(n, sizeof *m->changes, err);
    if (!m->changes)
        return false;
    for (const struct adapter *ad = adapters; ad; ad = ad->below) {
        for (size_t i = 0; i < ad->n_parts; i++) {
            const struct adapter_part *part = &ad->parts[i];
            if (adapter_find(adapters, part->base) != &part->lora)
                continue; /* an adapter above has it */
            if (!check_change(m, part->base, err))
                return false;
            m->changes[m->n_changes++] = (struct change){part->base->data, part->base, &part->lora};
        }
    }
    if (m->n_changes)
        qsort(m->changes, m->n_changes, sizeof *m->changes, by_data);
    /* Keys and values of the heads are cut from one tensor, which is written once. */
    size_t n_kept = 0;
    for (size_t i = 0; i < m->n_changes; i++)
        if (!i || m->changes[i].data != m->changes[i - 1].data)
            m->changes[n_kept++] = m->changes[i];
    m->n_changes = n_kept;
    return true;
}

/* Decides the format of each tensor. */
static bool plan(struct merge *m, struct err *err)
{
    m->to = mem_new(m->n, sizeof *m->to, err);
    for (size_t i = 0; m->to && i < m->n; i++) {
        enum dtype dtype;
        m->to[i] = m->from[i];
        if (!m->options->convert)
            continue;
        if (!dtype_from_name(m->from[i].type, &dtype) || !is_float(dtype)) {
            /* Whatever scales it is a tensor as well, and must not lose digits. */
            if (weights_use(m->ckpt, m->from[i].name) == TENSOR_DECODER)
                return err_set(err, ERR_UNSUPPORTED,
                               "%s: %s: has the format %s, which stays; leave out --dtype",
                               m->from[i].file, m->from[i].name, m->from[i].type);
            continue;
        }
        if (dtype == m->options->dtype)
            continue;
        m->to[i].type = dtype_info(m->options->dtype)->name;
        m->to[i].n_bytes = dtype_bytes(m->options->dtype, tensor_entry_count(&m->from[i]));
    }
    return m->to != NULL;
}

/* Returns the matrix as floats, or its transpose.  Owned: free(). */
static float *decode(const struct tensor *t, bool turned, struct err *err)
{
    int64_t n = t->n_rows * t->n_cols;
    bool turn = turned != t->transposed;
    int64_t width = t->transposed ? t->n_rows : t->n_cols; /* as stored */
    float *stored = mem_new((size_t)n, sizeof *stored, err), *out = NULL;
    if (stored)
        block_decode(t->dtype, t->data, stored, n);
    if (!stored || !turn)
        return stored;
    out = mem_new((size_t)n, sizeof *out, err);
    for (int64_t i = 0; out && i < n; i++)
        out[i % width * (n / width) + i / width] = stored[i];
    free(stored);
    return out;
}

static void factor_free(struct factor *f)
{
    free(f->left);
    free(f->right);
    *f = (struct factor){0};
}

/* Decodes the two matrices.  Where W is stored transposed, or they are those of its transpose,
 * they change places. */
static bool factor_init(struct factor *f, const struct lora *lora, bool turned, struct err *err)
{
    *f = (struct factor){.rank = lora->a.n_rows};
    f->left = decode(turned ? &lora->a : &lora->b, turned, err);
    if (f->left)
        f->right = decode(turned ? &lora->b : &lora->a, turned, err);
    if (!f->right) {
        factor_free(f);
        return false;
    }
    int64_t n = f->rank * (turned ? lora->a.n_cols : lora->b.n_rows);
    for (int64_t i = 0; i < n; i++)
        f->left[i] *= lora->b.scale;
    return true;
}

/* Adds to n rows of width, which begin with row first. */
static void factor_add(const struct factor *f, float *rows, int64_t first, int64_t n, int64_t width)
{
    for (int64_t r = 0; r < n; r++) {
        const float *left = f->left + (first + r) * f->rank;
        for (int64_t k = 0; k < f->rank; k++)
            for (int64_t j = 0; j < width; j++)
                rows[r * width + j] += left[k] * f->right[k * width + j];
    }
}

/* Rounds n floats to the format.  Returns false when a number then is not finite. */
static bool encode(enum dtype dtype, const float *from, void *to, int64_t n)
{
    bool ok = true;
    if (dtype == DTYPE_F32)
        memcpy(to, from, (size_t)n * sizeof *from);
    for (int64_t i = 0; i < n; i++) {
        uint16_t half = 0;
        if (dtype == DTYPE_BF16)
            half = number_to_bf16(from[i]);
        else if (dtype == DTYPE_F16)
            half = number_to_f16(from[i]);
        if (dtype != DTYPE_F32)
            memcpy((char *)to + 2 * i, &half, sizeof half);
        float back = dtype == DTYPE_F32    ? from[i]
                     : dtype == DTYPE_BF16 ? number_from_bf16(half)
                                           : number_from_f16(half);
        ok = ok && isfinite(back);
    }
    return ok;
}

/* Writes n_rows rows of tensor i that lie at src, changed by what c says, or NULL. */
static bool write_rows(struct merge *m, size_t i, const uint8_t *src, int64_t n_rows,
                       const struct change *c, struct safetensors_sink *sink, struct err *err)
{
    const struct tensor_entry *from = &m->from[i], *to = &m->to[i];
    enum dtype dtype, dtype_to;
    if (!dtype_from_name(from->type, &dtype) || !dtype_from_name(to->type, &dtype_to))
        return false;
    int64_t width = from->n_dims ? from->shape[from->n_dims - 1] : 1;
    int64_t step = width < CHUNK_FLOATS ? CHUNK_FLOATS / width : 1;
    struct factor *factors = NULL;
    size_t n_factors = 0, n = 0;
    bool turned = c && (c->w->transposed || c->w == &m->ckpt->weights.embedding);
    bool ok = true;
    for (const struct lora *l = c ? c->lora : NULL; l; l = l->next)
        n++;
    if (n) {
        factors = mem_new(n, sizeof *factors, err);
        ok = factors != NULL;
    }
    for (const struct lora *l = c ? c->lora : NULL; ok && l; l = l->next)
        ok = factor_init(&factors[n_factors], l, turned, err) && ++n_factors;
    for (int64_t row = 0; ok && row < n_rows; row += step) {
        int64_t k = n_rows - row < step ? n_rows - row : step;
        block_decode(dtype, src + dtype_bytes(dtype, row * width), m->rows, k * width);
        for (size_t f = 0; f < n_factors; f++)
            factor_add(&factors[f], m->rows, row, k, width);
        ok = encode(dtype_to, m->rows, m->bytes, k * width) ||
             err_set(err, ERR_FORMAT,
                     "%s: %s: a number of the result is too large for %s; take "
                     "--dtype f32",
                     from->file, from->name, to->type);
        ok = ok && safetensors_put(sink, m->bytes, dtype_bytes(dtype_to, k * width), err);
    }
    for (size_t f = 0; f < n_factors; f++)
        factor_free(&factors[f]);
    free(factors);
    return ok;
}

/* Returns the first change at or behind data. */
static size_t first_change(const struct merge *m, const uint8_t *data)
{
    size_t low = 0, high = m->n_changes;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (m->changes[mid].data < data)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool fill(void *arg, size_t i, struct safetensors_sink *sink, struct err *err)
{
    struct merge *m = arg;
    const struct tensor_entry *e = &m->from[i];
    const struct merge_options *o = m->options;
    const uint8_t *at = e->data, *end = e->data + e->n_bytes;
    if (o->go_on && !o->go_on(o->arg, i, m->n, err))
        return false;
    size_t k = first_change(m, at);
    bool changes = k < m->n_changes && m->changes[k].data < end;
    if (m->to[i].type == e->type && !changes)
        return safetensors_put(sink, e->data, e->n_bytes, err);
    size_t row_bytes = e->n_bytes;
    for (int d = 0; d + 1 < e->n_dims && row_bytes; d++)
        row_bytes /= (size_t)e->shape[d];
    /* Experts may share a tensor: one matrix after the other, and what is between them. */
    while (row_bytes && at < end) {
        const struct change *c = NULL;
        const uint8_t *until = end;
        if (k < m->n_changes && m->changes[k].data == at) {
            c = &m->changes[k++];
            until = at + tensor_bytes(c->w);
        } else if (k < m->n_changes && m->changes[k].data < end) {
            until = m->changes[k].data;
        }
        if (!write_rows(m, i, at, (int64_t)((size_t)(until - at) / row_bytes), c, sink, err))
            return false;
        at = until;
    }
    return true;
}

/* Rows that are computed at a time are never wider than the widest. */
static bool make_room(struct merge *m, struct err *err)
{
    size_t n = CHUNK_FLOATS;
    for (size_t i = 0; i < m->n; i++) {
        const struct tensor_entry *e = &m->from[i];
        if (e->n_dims && (size_t)e->shape[e->n_dims - 1] > n)
            n = (size_t)e->shape[e->n_dims - 1];
    }
    m->rows = mem_new(n, sizeof *m->rows, err);
    if (m->rows)
        m->bytes = mem_new(n, sizeof(float), err);
    return m->bytes != NULL;
}

static bool write_folder(struct merge *m, const char *out, struct err *err)
{
    const char *stem = m->ckpt->layout == CHECKPOINT_NATIVE ? "consolidated" : "model";
    struct merge_folder folder;
    if (!merge_folder_open(&folder, m->ckpt->path, out, err))
        return false;
    const struct safetensors_job job = {
        .dir = folder.tmp,
        .stem = stem,
        .entries = m->to,
        .n = m->n,
        .shard_bytes =
            m->options->shard_bytes ? m->options->shard_bytes : (size_t)ADAPTER_SHARD_BYTES,
        .fill = fill,
        .arg = m,
    };
    const char *dtype = NULL;
    if (m->options->convert)
        dtype = m->options->dtype == DTYPE_F32   ? "float32"
                : m->options->dtype == DTYPE_F16 ? "float16"
                                                 : "bfloat16";
    bool ok = merge_folder_copy(&folder, dtype, err) && safetensors_write(&job, err);
    ok = checkpoint_check(m->ckpt, err) && adapter_check(m->adapters, err) && ok &&
         merge_folder_commit(&folder, err);
    merge_folder_close(&folder);
    return ok;
}

bool adapter_merge(const struct checkpoint *ckpt, const struct adapter *adapters, const char *out,
                   const struct merge_options *options, struct err *err)
{
    struct merge m = {.ckpt = ckpt,
                      .adapters = adapters,
                      .options = options,
                      .from = ckpt->tensors->entries,
                      .n = ckpt->tensors->n};
    if (ckpt->layout == CHECKPOINT_GGUF)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: merging into GGUF is not supported; merge into the safetensors model, "
                       "or give the adapter to run",
                       ckpt->path);
    bool ok = list_changes(&m, adapters, err) && plan(&m, err) && make_room(&m, err) &&
              write_folder(&m, out, err);
    free(m.changes);
    free(m.to);
    free(m.rows);
    free(m.bytes);
    return ok;
}
