/* SPDX-License-Identifier: Apache-2.0 */
/* dtype.h - the number formats of weights, and how big they are.
 *
 * Quantised formats come in blocks along the innermost dimension; a row is a
 * whole number of blocks.  Layouts: tensor/block.h. */
#ifndef TENSOR_DTYPE_H
#define TENSOR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype {
    DTYPE_F32,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_E4M3, /* F8_E4M3 without its scale */
    DTYPE_E2M1, /* two per byte, the even element in the low nibble, without scale */
    DTYPE_Q4_0,
    DTYPE_Q4_1,
    DTYPE_Q5_0,
    DTYPE_Q5_1,
    DTYPE_Q8_0,
    DTYPE_Q4_K,
    DTYPE_Q5_K,
    DTYPE_Q6_K,
    DTYPE_IQ4_NL,
    DTYPE_IQ4_XS,
    DTYPE_MXFP4,
    DTYPE_NVFP4, /* GGUF's blocks of 64, without the per-tensor scale */
    DTYPE_COUNT,
};

struct dtype_info {
    const char *name; /* as containers spell it: "BF16", "F8_E4M3", "Q4_K" */
    int block;        /* elements of a block */
    int bytes;        /* bytes of a block */
};

/* Returns name and sizes.  Borrowed: static. */
const struct dtype_info *dtype_info(enum dtype type);

/* Finds a format by a container's spelling.  Returns false when it is none of ours. */
bool dtype_from_name(const char *name, enum dtype *out);

/* Returns the bytes of n elements, n a multiple of the block. */
size_t dtype_bytes(enum dtype type, int64_t n);

#endif
