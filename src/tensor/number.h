/* SPDX-License-Identifier: Apache-2.0 */
/* number.h - single numbers in the small float formats, to and from float.
 *
 * Inline because kernels and decoders call them for every element.  The formats:
 * IEEE 754 binary16; bfloat16; OCP OFP8 E4M3 (no infinities, 0x7F and 0xFF are
 * NaN); OCP E2M1; OCP E8M0. */
#ifndef TENSOR_NUMBER_H
#define TENSOR_NUMBER_H

#include <stdint.h>
#include <string.h>

/* The values of E2M1 codes 0..15, and of E4M3 codes 0..255. */
extern const float number_e2m1[16];
extern const float number_e4m3[256];

static inline float number_from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline uint32_t number_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static inline float number_from_bf16(uint16_t v)
{
    return number_from_bits((uint32_t)v << 16);
}

/* Rounds to nearest even; NaN stays NaN. */
static inline uint16_t number_to_bf16(float f)
{
    uint32_t bits = number_bits(f);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)((bits >> 16) | 0x40u);
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/* Exact for every code, subnormals and infinities included. */
static inline float number_from_f16(uint16_t v)
{
    uint32_t sign = (uint32_t)(v & 0x8000u) << 16;
    uint32_t magnitude = (uint32_t)(v & 0x7fffu) << 13;
    if ((v & 0x7c00u) == 0x7c00u)
        return number_from_bits(sign | magnitude | 0x7f800000u);
    /* Put the exponent in place and correct its bias by a multiplication with
     * 2^112, which also normalises subnormals. */
    float f = number_from_bits(magnitude) * 0x1p112f;
    return number_from_bits(sign | number_bits(f));
}

/* E8M0: a power of two; 0xFF is NaN. */
static inline float number_from_e8m0(uint8_t v)
{
    if (v == 0xff)
        return number_from_bits(0x7fc00000u);
    return v ? number_from_bits((uint32_t)v << 23) : 0x1p-127f;
}

/* Reads a little-endian binary16 at any address.  p: [2] bytes. */
static inline float number_load_f16(const uint8_t *p)
{
    return number_from_f16((uint16_t)(p[0] | p[1] << 8));
}

#endif
