/* SPDX-License-Identifier: Apache-2.0 */
/* row_decode.h - rows of a weight matrix as float32, whatever its format, scales and layout. */
#ifndef TENSOR_ROW_DECODE_H
#define TENSOR_ROW_DECODE_H

#include "tensor/tensor.h"

/* Decodes n rows from row first; of a transposed matrix both are multiples of the format's block.
 * Adapters are left out.  dst: [n][n_cols] f32. */
void row_decode(const struct tensor *t, int64_t first, int64_t n, float *dst);

#endif
