/* SPDX-License-Identifier: Apache-2.0 */
/* tensor.h - a weight matrix where it lies, in whatever format it has. */
#ifndef TENSOR_TENSOR_H
#define TENSOR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/dtype.h"

/* Scales of blocks of elements, one each: element (r, c) is multiplied by entry
 * [r / n_rows][c / n_cols].  Blocks at the edges need not be full. */
struct tensor_scales {
    const void *data;   /* [..][stride] of dtype, at any device address; NULL: none */
    enum dtype dtype;   /* DTYPE_F32, DTYPE_BF16 or DTYPE_E4M3 */
    int n_rows, n_cols; /* elements of a block */
    int64_t stride;     /* entries of a row of blocks */
};

/* How the checkpoint rounds what a matrix is multiplied with.  Followed only by a backend with
 * round_inputs; weights alone are rounded otherwise, which is at least as accurate. */
enum input_rounding {
    INPUT_EXACT,
    INPUT_E4M3_STATIC,  /* e4m3(x / scale) * scale */
    INPUT_E4M3_DYNAMIC, /* the same with scale = largest magnitude / 448 of each group of a token */
};
struct tensor_input {
    enum input_rounding rounding;
    float scale; /* of INPUT_E4M3_STATIC */
    int group;   /* of INPUT_E4M3_DYNAMIC: elements that share a scale, 0 for all n_cols */
};

struct lora;

/* The value of an element is that of dtype, times scale, times its entry of scales, in this
 * order, each product rounded to float32. */
struct tensor {
    const void *data; /* [n_rows][n_cols] of dtype, row after row, device address */
    enum dtype dtype;
    int64_t n_rows, n_cols;      /* n_cols is a multiple of the format's block */
    bool transposed;             /* data is [n_cols][n_rows], and n_rows the multiple */
    float scale;                 /* 0 stands for 1 */
    struct tensor_scales scales; /* never with transposed */
    struct tensor_input input;
    const struct lora *lora; /* host; added to products with this matrix, or NULL */
};

/* A low-rank change of a matrix: y += (x . a^T) . b^T (arXiv:2106.09685).  a: [rank][n_cols];
 * b: [n_rows][rank], its scale is that of the adapter.  Both are of a float format. */
struct lora {
    struct tensor a, b;
    const struct lora *next; /* another adapter, or NULL */
};

/* The three matrices of a SwiGLU feed-forward block: down(silu(gate x) * up x). */
struct ffn_tensors {
    struct tensor w_gate, w_up; /* [ffn_dim][dim] */
    struct tensor w_down;       /* [dim][ffn_dim] */
};

/* One matrix per attention head, cut from the rows of a tensor: that of head h begins at row
 * first + h * stride of w, and has as many rows as the use says.  w.lora has the rows of w; of
 * transposed heads its b has the rows of their matrices, below each other. */
struct head_tensor {
    struct tensor w;
    int64_t first, stride;
    bool transposed; /* the rows of each head are the columns of its matrix */
};

/* Returns the bytes of one row as stored. */
static inline size_t tensor_row_bytes(const struct tensor *t)
{
    return dtype_bytes(t->dtype, t->transposed ? t->n_rows : t->n_cols);
}

/* Returns the bytes of data. */
static inline size_t tensor_bytes(const struct tensor *t)
{
    return tensor_row_bytes(t) * (size_t)(t->transposed ? t->n_cols : t->n_rows);
}

#endif
