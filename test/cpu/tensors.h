/* SPDX-License-Identifier: Apache-2.0 */
/* tensors.h - random matrices in every shape that struct tensor has, and what they are worth,
 * from the definition alone. */
#ifndef TEST_CPU_TENSORS_H
#define TEST_CPU_TENSORS_H

#include <stdlib.h>

#include "cpu/operands.h"
#include "tensor/block.h"
#include "tensor/tensor.h"

enum tensor_kind {
    PLAIN,
    SCALED,
    BLOCKS_F32,    /* of 5 x 128 */
    BLOCKS_SCALED, /* the same, and a scale */
    BLOCKS_BF16,   /* of 128 x 64 */
    BLOCKS_ODD,    /* of 3 x 37, E4M3 entries */
    NVFP4_ROWS,    /* of 1 x 16, E4M3 entries, and a scale */
    TURNED,
    TURNED_SCALED,
    TENSOR_KINDS,
};

struct random_tensor {
    struct tensor t;
    struct guarded data, entries;
};

static inline void random_scales(struct random_tensor *r, enum dtype type, int n_rows, int n_cols,
                                 uint64_t *seed)
{
    int64_t down = (r->t.n_rows + n_rows - 1) / n_rows;
    int64_t stride = (r->t.n_cols + n_cols - 1) / n_cols + test_random(seed) % 2;
    r->entries = guarded_weights(type, down * stride, seed);
    r->t.scales = (struct tensor_scales){
        .data = r->entries.p, .dtype = type, .n_rows = n_rows, .n_cols = n_cols, .stride = stride};
}

/* n_cols is a multiple of the block, and n_rows too when the kind is a turned one. */
static inline struct random_tensor random_tensor(enum dtype type, enum tensor_kind kind,
                                                 int64_t n_rows, int64_t n_cols, uint64_t *seed)
{
    struct random_tensor r = {.data = guarded_weights(type, n_rows * n_cols, seed)};
    r.t = (struct tensor){.data = r.data.p, .dtype = type, .n_rows = n_rows, .n_cols = n_cols};
    r.t.transposed = kind == TURNED || kind == TURNED_SCALED;
    if (kind == SCALED || kind == BLOCKS_SCALED || kind == NVFP4_ROWS || kind == TURNED_SCALED)
        r.t.scale = 0.3f + test_random_f32(seed) / 8.0f;
    if (kind == BLOCKS_F32 || kind == BLOCKS_SCALED)
        random_scales(&r, DTYPE_F32, 5, 128, seed);
    if (kind == BLOCKS_BF16)
        random_scales(&r, DTYPE_BF16, 128, 64, seed);
    if (kind == BLOCKS_ODD)
        random_scales(&r, DTYPE_E4M3, 3, 37, seed);
    if (kind == NVFP4_ROWS)
        random_scales(&r, DTYPE_E4M3, 1, 16, seed);
    return r;
}

static inline void random_tensor_free(struct random_tensor *r)
{
    guarded_free(&r->data);
    if (r->entries.map)
        guarded_free(&r->entries);
}

/* The values of all elements, row after row of the matrix.  Owned: free(). */
static inline float *plain_values(const struct tensor *t)
{
    size_t rows = (size_t)t->n_rows, cols = (size_t)t->n_cols;
    float *stored = malloc(rows * cols * sizeof *stored);
    float *values = malloc(rows * cols * sizeof *values);
    block_decode(t->dtype, t->data, stored, (int64_t)(rows * cols));
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++) {
            float value = stored[t->transposed ? c * rows + r : r * cols + c];
            if (t->scale != 0.0f)
                value *= t->scale;
            const struct tensor_scales *s = &t->scales;
            if (s->data) {
                size_t at = r / (size_t)s->n_rows * (size_t)s->stride + c / (size_t)s->n_cols;
                float entry;
                const uint8_t *p = (const uint8_t *)s->data + dtype_bytes(s->dtype, (int64_t)at);
                block_decode(s->dtype, p, &entry, 1);
                value *= entry;
            }
            values[r * cols + c] = value;
        }
    free(stored);
    return values;
}

/* y[t][r] += x[t] . w[r] and the same of magnitudes, for w: [n_rows][n] and x: [n_tok][n]. */
static inline void plain_product(const float *w, const double *x, double *y, double *terms,
                                 size_t n_rows, size_t n_tok, size_t n)
{
    for (size_t t = 0; t < n_tok; t++)
        for (size_t r = 0; r < n_rows; r++)
            for (size_t i = 0; i < n; i++) {
                double term = (double)w[r * n + i] * x[t * n + i];
                y[t * n_rows + r] += term;
                terms[t * n_rows + r] += term < 0.0 ? -term : term;
            }
}

#endif
