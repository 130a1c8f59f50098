/* SPDX-License-Identifier: Apache-2.0 */
/* block_encode_int.h - one block on its way to its bytes.  Thread: any. */
#ifndef TENSOR_BLOCK_ENCODE_INT_H
#define TENSOR_BLOCK_ENCODE_INT_H

#include <stdint.h>

#include "tensor/block_fit_int.h"
#include "tensor/number.h"

#define BLOCK_MAX 256

/* Numbers divided by unit, a power of two near the largest, and weights divided by theirs. */
struct encode_block {
    float x[BLOCK_MAX], w[BLOCK_MAX];
    float unit;
    const struct fit_ops *fit;
};

/* Returns elements [first, first + n). */
static inline struct fit_data encode_part(const struct encode_block *b, int first, int n)
{
    return (struct fit_data){b->x + first, b->w + first, n};
}

/* Returns the binary16 nearest to a scale or minimum times unit; what overflows is the largest. */
static inline uint16_t encode_half(const struct encode_block *b, float value)
{
    uint16_t half = number_to_f16(value * b->unit);
    return (half & 0x7fffu) > 0x7bffu ? (uint16_t)((half & 0x8000u) | 0x7bffu) : half;
}

/* Returns what a stored binary16 stands for. */
static inline float encode_unhalf(const struct encode_block *b, uint16_t half)
{
    return number_from_f16(half) / b->unit;
}

/* Stores a binary16.  dst: [2] bytes. */
static inline void encode_store(uint8_t *dst, uint16_t half)
{
    dst[0] = (uint8_t)half;
    dst[1] = (uint8_t)(half >> 8);
}

/* Returns the index of each of 32 values among codes.  values: [32] f32; out: [32]. */
void encode_indices(const struct fit_codes *codes, const float *values, uint8_t *out);

/* Stores the low nibbles of 32 indices, 0..15 in the low halves.  q: [32]; dst: [16]. */
static inline void encode_nibbles(const uint8_t *q, uint8_t *dst)
{
    for (int i = 0; i < 16; i++)
        dst[i] = (uint8_t)((q[i] & 15) | (q[i + 16] & 15) << 4);
}

/* Encode a block of 256 elements.  dst: [144], [176], [210] or [136] as block.c describes. */
void encode_q4_k(const struct encode_block *b, uint8_t *dst);
void encode_q5_k(const struct encode_block *b, uint8_t *dst);
void encode_q6_k(const struct encode_block *b, uint8_t *dst);
void encode_iq4_xs(const struct encode_block *b, uint8_t *dst);

#endif
