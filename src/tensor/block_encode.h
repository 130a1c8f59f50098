/* SPDX-License-Identifier: Apache-2.0 */
/* block_encode.h - encodes float32 as weights of every format: the inverse of block.h.
 *
 * Scales, minima and codes of a block are chosen so that the sum of squared errors is as small as
 * a search finds it.  The result depends on nothing but the arguments.
 * Thread: any. */
#ifndef TENSOR_BLOCK_ENCODE_H
#define TENSOR_BLOCK_ENCODE_H

#include <stdint.h>

#include "base/err.h"
#include "tensor/dtype.h"

/* Returns whether block_encode() writes a format: all but E2M1, which has no scale of its own, and
 * NVFP4, whose blocks need one more per tensor. */
bool block_encodes(enum dtype type);

/* Encodes n elements, n a multiple of the block.  src: [n] f32; importance: [n] weights >= 0 of
 * the squared errors, of which only the ratios within a block count, or NULL; dst:
 * [dtype_bytes(type, n)], undefined after a failure.
 * Errors: ERR_FORMAT naming the element that is not finite, or whose importance is negative or not
 * finite; ERR_UNSUPPORTED naming the one that is too large for the format, and unless
 * block_encodes(). */
bool block_encode(enum dtype type, const float *src, const float *importance, void *dst, int64_t n,
                  struct err *err) CHECKED;

#endif
