/* SPDX-License-Identifier: Apache-2.0 */
/* tensor.h - a weight matrix where it lies, in whatever format it has. */
#ifndef TENSOR_TENSOR_H
#define TENSOR_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/dtype.h"

struct tensor {
    const void *data; /* [n_rows][n_cols] of dtype, row after row, device address */
    enum dtype dtype;
    int64_t n_rows, n_cols; /* n_cols is a multiple of the format's block */
};

/* Returns the bytes of one row. */
static inline size_t tensor_row_bytes(const struct tensor *t)
{
    return dtype_bytes(t->dtype, t->n_cols);
}

#endif
