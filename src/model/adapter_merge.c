/* SPDX-License-Identifier: Apache-2.0 */
#include "model/adapter_merge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "data/safetensors_write.h"
#include "model/adapter_int.h"
#include "model/checkpoint_int.h"
#include "model/merge_int.h"
#include "tensor/block.h"
#include "tensor/number.h"
#include "tensor/row_decode.h"

enum { CHUNK_FLOATS = 1 << 18 }; /* computed between two writes */

/* A matrix that is computed: it changes, or what it is stored in does. */
struct matrix {
    const uint8_t *data; /* where it lies in its tensor */
    const struct tensor *w;
    const struct lora *lora; /* or NULL */
};

/* A change as floats, for rows as they are stored: row += left[row] . right. */
struct factor {
    float *left;  /* [n_rows][rank], the scale in it */
    float *right; /* [rank][n_cols] */
    int64_t rank;
};

struct merge {
    const struct checkpoint *ckpt;
    const struct adapter *adapters;
    const struct merge_options *options;
    size_t *from;            /* [n] which tensor of the model it is made of */
    struct tensor_entry *to; /* [n] */
    size_t n;
    struct matrix *matrices; /* [n_matrices], by data */
    size_t n_matrices;
    bool decodes;       /* a quantised matrix, and so all of them */
    enum dtype decoded; /* the format of one of those */
    struct arena names; /* of tensors that are called otherwise now */
    float *rows;        /* what is computed at a time */
    void *bytes;        /* the same as it is written */
};

static bool is_float(enum dtype dtype)
{
    return dtype == DTYPE_F32 || dtype == DTYPE_F16 || dtype == DTYPE_BF16;
}

/* Says whether the numbers of a matrix are not those of its format alone. */
static bool is_quantised(const struct tensor *w)
{
    return !is_float(w->dtype) || w->scale != 0.0F || w->scales.data;
}

static int by_data(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct matrix *)a)->data;
    uintptr_t y = (uintptr_t)((const struct matrix *)b)->data;
    return (x > y) - (x < y);
}

/* Refuses a change of one of two matrices that a tensor is. */
static bool refuse_tied(const struct checkpoint *ckpt, const struct tensor *w, struct err *err)
{
    const struct tensor_store *s = ckpt->tensors;
    size_t i = 0;
    while (i + 1 < s->n && s->entries[i].data != w->data)
        i++;
    return err_set(err, ERR_UNSUPPORTED,
                   "%s: %s: is both embedding and output, and the adapter changes one of "
                   "them; give the adapter to run",
                   s->entries[i].file, s->entries[i].name);
}

/* Lists a matrix if there is something to compute.  The list has room. */
static bool add_matrix(struct merge *m, const struct adapter *adapters, const struct tensor *w,
                       struct err *err)
{
    const struct model_weights *weights = &m->ckpt->weights;
    const struct lora *lora = w->data ? adapter_find(adapters, w) : NULL;
    bool is_end = w == &weights->embedding || w == &weights->output;
    if (!w->data || (!lora && !is_quantised(w)))
        return true;
    if (lora && is_end && m->ckpt->config.tied)
        return refuse_tied(m->ckpt, w, err);
    if (is_quantised(w)) {
        m->decodes = true;
        m->decoded = w->dtype;
    }
    m->matrices[m->n_matrices++] = (struct matrix){w->data, w, lora};
    return true;
}

static bool add_experts(struct merge *m, const struct adapter *adapters,
                        const struct ffn_tensors *experts, struct err *err)
{
    for (uint32_t i = 0; experts && i < m->ckpt->config.moe.n_experts; i++)
        if (!add_matrix(m, adapters, &experts[i].w_gate, err) ||
            !add_matrix(m, adapters, &experts[i].w_up, err) ||
            !add_matrix(m, adapters, &experts[i].w_down, err))
            return false;
    return true;
}

static bool add_layer(struct merge *m, const struct adapter *adapters,
                      const struct layer_weights *w, struct err *err)
{
    const struct tensor *t;
    for (size_t i = 0; (t = weights_of_layer(w, i)); i++)
        if (!add_matrix(m, adapters, t, err))
            return false;
    return add_experts(m, adapters, w->experts, err);
}

/* Lists every matrix that changes or is quantised, once. */
static bool list_matrices(struct merge *m, const struct adapter *adapters, struct err *err)
{
    const struct model_config *c = &m->ckpt->config;
    const struct model_weights *w = &m->ckpt->weights;
    size_t n_layer = 0, n_kept = 0;
    while (weights_of_layer(w->layers, n_layer))
        n_layer++;
    m->matrices =
        mem_new(3 + c->n_layers * (n_layer + 3 * (size_t)(c->is_moe ? c->moe.n_experts : 0)),
                sizeof *m->matrices, err);
    bool ok = m->matrices && add_matrix(m, adapters, &w->embedding, err) &&
              add_matrix(m, adapters, &w->output, err) && add_matrix(m, adapters, &w->norm, err);
    for (uint32_t i = 0; ok && i < c->n_layers; i++)
        ok = add_layer(m, adapters, &w->layers[i], err);
    if (!ok)
        return false;
    if (m->n_matrices)
        qsort(m->matrices, m->n_matrices, sizeof *m->matrices, by_data);
    /* Keys and values of the heads are cut from one tensor, which is written once. */
    for (size_t i = 0; i < m->n_matrices; i++)
        if (!i || m->matrices[i].data != m->matrices[i - 1].data)
            m->matrices[n_kept++] = m->matrices[i];
    m->n_matrices = n_kept;
    return true;
}

/* Returns the first matrix at or behind data. */
static size_t first_matrix(const struct merge *m, const uint8_t *data)
{
    size_t low = 0, high = m->n_matrices;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (m->matrices[mid].data < data)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Returns the first matrix that lies in the tensor, or NULL. */
static const struct matrix *matrix_in(const struct merge *m, const struct tensor_entry *e)
{
    size_t k = first_matrix(m, e->data);
    return k < m->n_matrices && m->matrices[k].data < e->data + e->n_bytes ? &m->matrices[k] : NULL;
}

/* Two numbers in a byte become one each, and the name does not say any more that they are. */
static bool plan_packed(struct merge *m, struct tensor_entry *to, struct err *err)
{
    static const char packed[] = "_packed";
    size_t n = strlen(to->name), n_end = sizeof packed - 1;
    to->shape[to->n_dims - 1] *= 2;
    if (n < n_end || strcmp(to->name + n - n_end, packed) != 0)
        return true;
    to->name = arena_string(&m->names, to->name, n - n_end, err);
    return to->name != NULL;
}

/* Decides the format in which a tensor is written. */
static bool plan_one(struct merge *m, const struct tensor_entry *from, struct tensor_entry *to,
                     struct err *err)
{
    const struct matrix *c = matrix_in(m, from);
    bool decodes = c && is_quantised(c->w);
    enum dtype dtype;
    *to = *from;
    /* Of another part: once the configuration is a plain one, it tells nobody what they mean. */
    bool is_lost = strcmp(from->type, "U8") == 0 || strncmp(from->type, "F8", 2) == 0;
    if (!decodes && m->decodes && is_lost)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: %s: has the format %s and is no part of the text model; give the "
                       "adapter to run",
                       from->file, from->name, from->type);
    if (!decodes && !(dtype_from_name(from->type, &dtype) && is_float(dtype)))
        return true;
    if (decodes && c->w->dtype == DTYPE_E2M1 && !plan_packed(m, to, err))
        return false;
    if (!decodes && (!m->options->convert || dtype == m->options->dtype))
        return true;
    dtype = m->options->convert ? m->options->dtype : DTYPE_BF16;
    to->type = dtype_info(dtype)->name;
    to->n_bytes = dtype_bytes(dtype, tensor_entry_count(to));
    return true;
}

static bool plan(struct merge *m, struct err *err)
{
    const struct tensor_store *s = m->ckpt->tensors;
    m->from = mem_new(s->n, sizeof *m->from, err);
    if (m->from)
        m->to = mem_new(s->n, sizeof *m->to, err);
    if (!m->from || !m->to)
        return false;
    for (size_t i = 0; i < s->n; i++) {
        const struct tensor_entry *e = &s->entries[i];
        if (m->decodes && weights_is_scale(m->ckpt, e->name))
            continue; /* what it says is in the numbers now */
        if (!plan_one(m, e, &m->to[m->n], err))
            return false;
        m->from[m->n++] = i;
    }
    return true;
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

/* Says why n numbers could not be encoded as to is. */
static bool fail_encode(const float *numbers, int64_t n, const struct tensor_entry *from,
                        const struct tensor_entry *to, struct err *err)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(numbers[i]))
            return err_set(err, ERR_FORMAT,
                           "%s: %s: a number of the result is %g; check the model with "
                           "'bise show --check-tensors', and the adapter",
                           from->file, from->name, (double)numbers[i]);
    return err_set(err, ERR_FORMAT,
                   "%s: %s: a number of the result is too large for %s; take --dtype f32",
                   from->file, from->name, to->type);
}

static const struct tensor_entry *source(const struct merge *m, size_t i)
{
    return &m->ckpt->tensors->entries[m->from[i]];
}

/* Writes rows of tensor i, changed by what c says, or NULL. */
static bool write_rows(struct merge *m, size_t i, const struct tensor *stored,
                       const struct matrix *c, struct safetensors_sink *sink, struct err *err)
{
    const struct tensor_entry *from = source(m, i), *to = &m->to[i];
    enum dtype dtype;
    int64_t width = stored->n_cols, n_rows = stored->n_rows;
    int64_t step = width < CHUNK_FLOATS ? CHUNK_FLOATS / width : 1;
    struct factor *factors = NULL;
    size_t n_factors = 0, n = 0;
    bool turned = c && (c->w->transposed || c->w == &m->ckpt->weights.embedding);
    bool ok = dtype_from_name(to->type, &dtype);
    for (const struct lora *l = c ? c->lora : NULL; l; l = l->next)
        n++;
    if (ok && n) {
        factors = mem_new(n, sizeof *factors, err);
        ok = factors != NULL;
    }
    for (const struct lora *l = c ? c->lora : NULL; ok && l; l = l->next)
        ok = factor_init(&factors[n_factors], l, turned, err) && ++n_factors;
    for (int64_t row = 0; ok && row < n_rows; row += step) {
        int64_t k = n_rows - row < step ? n_rows - row : step;
        row_decode(stored, row, k, m->rows);
        for (size_t f = 0; f < n_factors; f++)
            factor_add(&factors[f], m->rows, row, k, width);
        ok = encode(dtype, m->rows, m->bytes, k * width) ||
             fail_encode(m->rows, k * width, from, to, err);
        ok = ok && safetensors_put(sink, m->bytes, dtype_bytes(dtype, k * width), err);
    }
    for (size_t f = 0; f < n_factors; f++)
        factor_free(&factors[f]);
    free(factors);
    return ok;
}

/* Returns the matrix as its tensor has it. */
static struct tensor as_stored(const struct tensor *w)
{
    struct tensor t = *w;
    t.transposed = false;
    if (w->transposed) {
        t.n_rows = w->n_cols;
        t.n_cols = w->n_rows;
    }
    return t;
}

static bool fill(void *arg, size_t i, struct safetensors_sink *sink, struct err *err)
{
    struct merge *m = arg;
    const struct tensor_entry *e = source(m, i);
    const struct merge_options *o = m->options;
    const uint8_t *at = e->data, *end = e->data + e->n_bytes;
    if (o->go_on && !o->go_on(o->arg, i, m->n, err))
        return false;
    if (m->to[i].type == e->type && !matrix_in(m, e))
        return safetensors_put(sink, e->data, e->n_bytes, err);
    struct tensor rest = {.n_cols = e->n_dims ? e->shape[e->n_dims - 1] : 1};
    /* Experts may share a tensor: one matrix after the other, and what is between them. */
    for (size_t k = first_matrix(m, at); at < end;) {
        const struct matrix *next = k < m->n_matrices ? &m->matrices[k] : NULL;
        const uint8_t *until = next && next->data < end ? next->data : end;
        const struct matrix *c = until == at ? next : NULL;
        struct tensor stored = c ? as_stored(c->w) : rest;
        if (!c) {
            stored.data = at;
            if (!dtype_from_name(e->type, &stored.dtype))
                return false; /* only floats are written anew without being a matrix */
            stored.n_rows = (int64_t)((size_t)(until - at) / tensor_row_bytes(&stored));
        }
        if (!write_rows(m, i, &stored, c, sink, err))
            return false;
        at += tensor_bytes(&stored);
        k += c != NULL;
    }
    return true;
}

/* Rows that are computed at a time are never wider than the widest. */
static bool make_room(struct merge *m, struct err *err)
{
    size_t n = CHUNK_FLOATS;
    for (size_t i = 0; i < m->n; i++) {
        const struct tensor_entry *e = &m->to[i];
        if (e->n_dims && (size_t)e->shape[e->n_dims - 1] > n)
            n = (size_t)e->shape[e->n_dims - 1];
    }
    m->rows = mem_new(n, sizeof *m->rows, err);
    if (m->rows)
        m->bytes = mem_new(n, sizeof(float), err);
    return m->bytes != NULL;
}

static uint64_t sum_bytes(const struct merge *m)
{
    uint64_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += m->to[i].n_bytes;
    return n;
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
    struct merge_config config = {.dtype = m->decodes ? "bfloat16" : NULL, .is_plain = m->decodes};
    if (m->options->convert)
        config.dtype = m->options->dtype == DTYPE_F32   ? "float32"
                       : m->options->dtype == DTYPE_F16 ? "float16"
                                                        : "bfloat16";
    bool ok = merge_folder_reserve(&folder, sum_bytes(m), err) &&
              merge_folder_copy(&folder, &config, err) && safetensors_write(&job, err);
    ok = checkpoint_check(m->ckpt, err) && adapter_check(m->adapters, err) && ok &&
         merge_folder_commit(&folder, err);
    merge_folder_close(&folder);
    return ok;
}

bool adapter_merge(const struct checkpoint *ckpt, const struct adapter *adapters, const char *out,
                   const struct merge_options *options, struct merge_result *result,
                   struct err *err)
{
    struct merge m = {.ckpt = ckpt, .adapters = adapters, .options = options};
    if (ckpt->layout == CHECKPOINT_GGUF)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: merging into GGUF is not supported; merge into the model as it was "
                       "published, then make a smaller file of it with 'bise quantize'; or give "
                       "the adapter to run",
                       ckpt->path);
    bool ok = list_matrices(&m, adapters, err) && plan(&m, err) && make_room(&m, err) &&
              write_folder(&m, out, err);
    if (ok && result)
        *result = (struct merge_result){.n_tensors = m.n,
                                        .n_bytes = sum_bytes(&m),
                                        .decoded = m.decodes,
                                        .from = m.decoded,
                                        .to = options->convert ? options->dtype : DTYPE_BF16};
    free(m.matrices);
    free(m.from);
    free(m.to);
    arena_free(&m.names);
    free(m.rows);
    free(m.bytes);
    return ok;
}
