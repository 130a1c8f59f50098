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

/* The functions below round to nearest even, and keep the sign of zero.  Adding the power of two
 * whose last place is the format's smallest number lets the processor round subnormals. */

/* What overflows becomes infinite; NaN stays NaN. */
static inline uint16_t number_to_f16(float f)
{
    uint32_t sign = number_bits(f) >> 16 & 0x8000u, magnitude = number_bits(f) & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u);
    if (magnitude >= 0x477ff000u) /* 65520 */
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude < 0x38800000u) /* 2^-14 */
        return (uint16_t)(sign |
                          (number_bits(number_from_bits(magnitude) + 0.5f) - number_bits(0.5f)));
    magnitude += 0xfffu + (magnitude >> 13 & 1u);
    return (uint16_t)(sign | (magnitude - (112u << 23)) >> 13);
}

/* What exceeds 448, the largest, becomes 448, infinities too; NaN stays NaN. */
static inline uint8_t number_to_e4m3(float f)
{
    uint32_t sign = number_bits(f) >> 24 & 0x80u, magnitude = number_bits(f) & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint8_t)(sign | 0x7fu);
    if (magnitude >= 0x43e00000u) /* 448 */
        return (uint8_t)(sign | 0x7eu);
    if (magnitude < 0x3c800000u) /* 2^-6 */
        return (uint8_t)(sign | (number_bits(number_from_bits(magnitude) + 0x1p14f) -
                                 number_bits(0x1p14f)));
    magnitude += 0x7ffffu + (magnitude >> 20 & 1u);
    return (uint8_t)(sign | (magnitude - (120u << 23)) >> 20);
}

/* What exceeds 6, the largest, becomes 6; so does NaN, which the format lacks. */
static inline uint8_t number_to_e2m1(float f)
{
    uint32_t sign = number_bits(f) >> 28 & 8u, magnitude = number_bits(f) & 0x7fffffffu;
    if (magnitude >= 0x40c00000u) /* 6 */
        return (uint8_t)(sign | 7u);
    if (magnitude < 0x3f800000u) /* 1 */
        return (uint8_t)(sign | (number_bits(number_from_bits(magnitude) + 0x1p22f) -
                                 number_bits(0x1p22f)));
    magnitude += 0x1fffffu + (magnitude >> 22 & 1u);
    return (uint8_t)(sign | (magnitude - (126u << 23)) >> 22);
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
