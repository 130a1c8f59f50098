/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/number.h"

#include <math.h>

#define E2M1_VALUES(sign)                                                                          \
    sign 0.0f, sign 0.5f, sign 1.0f, sign 1.5f, sign 2.0f, sign 3.0f, sign 4.0f, sign 6.0f

const float number_e2m1[16] = {E2M1_VALUES(+), E2M1_VALUES(-)};

/* The eight codes of one exponent: base, base + 1, ... times unit. */
#define OCTAVE(sign, base, unit)                                                                   \
    sign(base) * unit, sign(base + 1) * unit, sign(base + 2) * unit, sign(base + 3) * unit,        \
        sign(base + 4) * unit, sign(base + 5) * unit, sign(base + 6) * unit

#define FULL_OCTAVE(sign, base, unit) OCTAVE(sign, base, unit), sign(base + 7) * unit

/* Exponent field 0 is subnormal, as in IEEE 754; only the last code is NaN. */
#define E4M3_VALUES(sign)                                                                          \
    FULL_OCTAVE(sign, 0.0f, 0x1p-9f), FULL_OCTAVE(sign, 8.0f, 0x1p-9f),                            \
        FULL_OCTAVE(sign, 8.0f, 0x1p-8f), FULL_OCTAVE(sign, 8.0f, 0x1p-7f),                        \
        FULL_OCTAVE(sign, 8.0f, 0x1p-6f), FULL_OCTAVE(sign, 8.0f, 0x1p-5f),                        \
        FULL_OCTAVE(sign, 8.0f, 0x1p-4f), FULL_OCTAVE(sign, 8.0f, 0x1p-3f),                        \
        FULL_OCTAVE(sign, 8.0f, 0x1p-2f), FULL_OCTAVE(sign, 8.0f, 0x1p-1f),                        \
        FULL_OCTAVE(sign, 8.0f, 0x1p0f), FULL_OCTAVE(sign, 8.0f, 0x1p1f),                          \
        FULL_OCTAVE(sign, 8.0f, 0x1p2f), FULL_OCTAVE(sign, 8.0f, 0x1p3f),                          \
        FULL_OCTAVE(sign, 8.0f, 0x1p4f), OCTAVE(sign, 8.0f, 0x1p5f), NAN

const float number_e4m3[256] = {E4M3_VALUES(+), E4M3_VALUES(-)};
