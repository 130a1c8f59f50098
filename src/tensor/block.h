/* SPDX-License-Identifier: Apache-2.0 */
/* block.h - decodes weights of every format to float32.
 *
 * This is the definition of what a stored weight means: kernels are tested
 * against it, and it is tested bit for bit against reference vectors. */
#ifndef TENSOR_BLOCK_H
#define TENSOR_BLOCK_H

#include <stdint.h>

#include "tensor/dtype.h"

/* Decodes n elements, n a multiple of the block.  src: blocks at any address;
 * dst: [n] f32. */
void block_decode(enum dtype type, const void *src, float *dst, int64_t n);

#endif
