/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/row_decode.h"

#include "tensor/block.h"

#define STEP 256 /* elements decoded at a time: whole blocks of every format */

static void apply_scales(const struct tensor_scales *scales, int64_t row, int64_t n, float *dst)
{
    const uint8_t *at = (const uint8_t *)scales->data +
                        dtype_bytes(scales->dtype, row / scales->n_rows * scales->stride);
    for (int64_t c = 0; c < n; c++) {
        float scale;
        block_decode(scales->dtype, at + dtype_bytes(scales->dtype, c / scales->n_cols), &scale, 1);
        dst[c] *= scale;
    }
}

/* The stored rows are the columns: a piece of each goes down through the rows of dst. */
static void decode_turned(const struct tensor *t, int64_t first, int64_t n, float *dst)
{
    float piece[STEP];
    const uint8_t *src = (const uint8_t *)t->data + dtype_bytes(t->dtype, first);
    for (int64_t c = 0; c < t->n_cols; c++, src += tensor_row_bytes(t)) {
        for (int64_t r = 0; r < n; r += STEP) {
            int64_t m = n - r < STEP ? n - r : STEP;
            block_decode(t->dtype, src + dtype_bytes(t->dtype, r), piece, m);
            for (int64_t i = 0; i < m; i++)
                dst[(r + i) * t->n_cols + c] = piece[i];
        }
    }
}

void row_decode(const struct tensor *t, int64_t first, int64_t n, float *dst)
{
    const uint8_t *src = (const uint8_t *)t->data + (size_t)first * tensor_row_bytes(t);
    if (t->transposed)
        decode_turned(t, first, n, dst);
    for (int64_t r = 0; r < n; r++, src += tensor_row_bytes(t), dst += t->n_cols) {
        if (!t->transposed)
            block_decode(t->dtype, src, dst, t->n_cols);
        for (int64_t c = 0; t->scale != 0.0f && c < t->n_cols; c++)
            dst[c] *= t->scale;
        if (t->scales.data)
            apply_scales(&t->scales, first + r, t->n_cols, dst);
    }
}
