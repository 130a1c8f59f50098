/* SPDX-License-Identifier: Apache-2.0 */
/* weights_values.h - what bound tensors stand for, written out in full. */
#ifndef TEST_MODEL_WEIGHTS_VALUES_H
#define TEST_MODEL_WEIGHTS_VALUES_H

#include <stdlib.h>
#include <string.h>

#include "model/checkpoint.h"
#include "tensor/block.h"
#include "test.h"

/* Returns the factor of element (r, c), each product rounded as tensor.h says. */
static inline float value_scaled(const struct tensor *t, int64_t r, int64_t c, float value)
{
    const struct tensor_scales *s = &t->scales;
    float block = 1.0f;
    if (s->data) {
        int64_t i = r / s->n_rows * s->stride + c / s->n_cols;
        block_decode(s->dtype, (const uint8_t *)s->data + dtype_bytes(s->dtype, i), &block, 1);
    }
    return value * (t->scale == 0.0f ? 1.0f : t->scale) * block;
}

/* Owned: free(). */
static inline float *values_of(const struct tensor *t)
{
    int64_t n = t->n_rows * t->n_cols, width = t->transposed ? t->n_rows : t->n_cols;
    float *raw = malloc((size_t)n * sizeof *raw), *out = malloc((size_t)n * sizeof *out);
    assert_true(raw && out && t->data);
    for (int64_t i = 0; i < n; i += width)
        block_decode(t->dtype, (const uint8_t *)t->data + dtype_bytes(t->dtype, i), raw + i, width);
    for (int64_t r = 0; r < t->n_rows; r++)
        for (int64_t c = 0; c < t->n_cols; c++)
            out[r * t->n_cols + c] =
                value_scaled(t, r, c, raw[t->transposed ? c * width + r : r * width + c]);
    free(raw);
    return out;
}

/* Writes out one matrix per head, [n_heads][n_rows][n_cols].  Owned: free(). */
static inline float *heads_of(const struct head_tensor *h, int64_t n_heads, int64_t n_rows,
                              int64_t n_cols)
{
    float *all = values_of(&h->w);
    float *out = malloc((size_t)(n_heads * n_rows * n_cols) * sizeof *out);
    assert_non_null(out);
    for (int64_t i = 0; i < n_heads; i++)
        for (int64_t r = 0; r < n_rows; r++)
            for (int64_t c = 0; c < n_cols; c++) {
                int64_t row = h->first + i * h->stride + (h->transposed ? c : r);
                int64_t col = h->transposed ? r : c;
                assert_true(row < h->w.n_rows && col < h->w.n_cols);
                out[(i * n_rows + r) * n_cols + c] = all[row * h->w.n_cols + col];
            }
    free(all);
    return out;
}

static inline void assert_same_heads(const struct head_tensor *a, const struct head_tensor *b,
                                     int64_t n_heads, int64_t n_rows, int64_t n_cols)
{
    float *x = heads_of(a, n_heads, n_rows, n_cols), *y = heads_of(b, n_heads, n_rows, n_cols);
    assert_memory_equal(x, y, (size_t)(n_heads * n_rows * n_cols) * sizeof *x);
    free(x);
    free(y);
}

static inline void assert_same_values(const struct tensor *a, const struct tensor *b)
{
    assert_int_equal(a->n_rows, b->n_rows);
    assert_int_equal(a->n_cols, b->n_cols);
    float *x = values_of(a), *y = values_of(b);
    assert_memory_equal(x, y, (size_t)(a->n_rows * a->n_cols) * sizeof *x);
    free(x);
    free(y);
}

/* Compares q or k of heads of head_dim rows, which Hugging Face stores in another order. */
static inline void assert_same_rotated(const struct tensor *a, enum rope_layout a_layout,
                                       const struct tensor *b, enum rope_layout b_layout,
                                       int64_t head_dim)
{
    assert_int_equal(a->n_rows, b->n_rows);
    assert_int_equal(a->n_cols, b->n_cols);
    float *x = values_of(a), *y = values_of(b);
    int64_t half = head_dim / 2;
    for (int64_t r = 0; r < a->n_rows; r++) {
        int64_t head = r / head_dim * head_dim, j = r % head_dim, s = r;
        if (a_layout == ROPE_HALF_SPLIT && b_layout == ROPE_INTERLEAVED)
            s = head + 2 * (j % half) + j / half;
        if (a_layout == ROPE_INTERLEAVED && b_layout == ROPE_HALF_SPLIT)
            s = head + j / 2 + j % 2 * half;
        assert_memory_equal(x + r * a->n_cols, y + s * a->n_cols, (size_t)a->n_cols * sizeof *x);
    }
    free(x);
    free(y);
}

static inline void assert_same_ffn(const struct ffn_tensors *a, const struct ffn_tensors *b)
{
    assert_same_values(&a->w_gate, &b->w_gate);
    assert_same_values(&a->w_up, &b->w_up);
    assert_same_values(&a->w_down, &b->w_down);
}

static inline void assert_same_layer(const struct checkpoint *a, const struct checkpoint *b,
                                     uint32_t i)
{
    const struct model_config *c = &a->config;
    const struct layer_weights *x = &a->weights.layers[i], *y = &b->weights.layers[i];
    assert_same_values(&x->attn_norm, &y->attn_norm);
    assert_same_values(&x->ffn_norm, &y->ffn_norm);
    assert_same_values(&x->wo, &y->wo);
    if (c->is_latent) {
        const struct latent_config *l = &c->latent;
        assert_same_values(&x->q_a, &y->q_a);
        assert_same_values(&x->q_b, &y->q_b);
        assert_same_values(&x->kv_a, &y->kv_a);
        assert_same_values(&x->q_a_norm, &y->q_a_norm);
        assert_same_values(&x->kv_a_norm, &y->kv_a_norm);
        assert_same_heads(&x->k_b, &y->k_b, c->n_heads, l->nope_dim, l->kv_rank);
        assert_same_heads(&x->v_b, &y->v_b, c->n_heads, l->v_dim, l->kv_rank);
    } else {
        enum rope_layout p = a->config.rope_layout, q = b->config.rope_layout;
        assert_same_rotated(&x->wq, p, &y->wq, q, c->head_dim);
        assert_same_rotated(&x->wk, p, &y->wk, q, c->head_dim);
        assert_same_values(&x->wv, &y->wv);
    }
    if (!config_has_experts(c, i) || c->moe.n_shared)
        assert_same_ffn(&x->ffn, &y->ffn);
    if (!config_has_experts(c, i)) {
        assert_true(!x->experts && !y->experts && !x->router.data && !y->router.data);
        return;
    }
    assert_same_values(&x->router, &y->router);
    for (uint32_t e = 0; e < c->moe.n_experts; e++)
        assert_same_ffn(&x->experts[e], &y->experts[e]);
}

/* Both must hold the same numbers in every place. */
static inline void assert_same_weights(const struct checkpoint *a, const struct checkpoint *b)
{
    assert_int_equal(a->config.n_layers, b->config.n_layers);
    assert_int_equal(a->n_params, b->n_params);
    assert_int_equal(a->n_active_params, b->n_active_params);
    assert_same_values(&a->weights.embedding, &b->weights.embedding);
    assert_same_values(&a->weights.output, &b->weights.output);
    assert_same_values(&a->weights.norm, &b->weights.norm);
    for (uint32_t i = 0; i < a->config.n_layers; i++)
        assert_same_layer(a, b, i);
}

#endif
