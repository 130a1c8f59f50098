/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/number.h"

#include <math.h>

#define E2M1_VALUES(unit)                                                                          \
    0.0f * (unit), 0.5f * (unit), 1.0f * (unit), 1.5f * (unit), 2.0f * (unit), 3.0f * (unit),      \
        4.0f * (unit), 6.0f * (unit)

const float number_e2m1[16] = {E2M1_VALUES(1.0f), E2M1_VALUES(-1.0f)};

/* The codes of one exponent but the last: seven neighbours from base on. */
#define SEVEN(base, unit)                                                                          \
    (base) * (unit), ((base) + 1) * (unit), ((base) + 2) * (unit), ((base) + 3) * (unit),          \
        ((base) + 4) * (unit), ((base) + 5) * (unit), ((base) + 6) * (unit)

#define EIGHT(base, unit) SEVEN(base, unit), ((base) + 7) * (unit)

/* Exponent field 0 is subnormal, as in IEEE 754; only the last code is NaN. */
#define E4M3_VALUES(unit)                                                                          \
    EIGHT(0.0f, 0x1p-9f * (unit)), EIGHT(8.0f, 0x1p-9f * (unit)), EIGHT(8.0f, 0x1p-8f * (unit)),   \
        EIGHT(8.0f, 0x1p-7f * (unit)), EIGHT(8.0f, 0x1p-6f * (unit)),                              \
        EIGHT(8.0f, 0x1p-5f * (unit)), EIGHT(8.0f, 0x1p-4f * (unit)),                              \
        EIGHT(8.0f, 0x1p-3f * (unit)), EIGHT(8.0f, 0x1p-2f * (unit)),                              \
        EIGHT(8.0f, 0x1p-1f * (unit)), EIGHT(8.0f, 0x1p0f * (unit)), EIGHT(8.0f, 0x1p1f * (unit)), \
        EIGHT(8.0f, 0x1p2f * (unit)), EIGHT(8.0f, 0x1p3f * (unit)), EIGHT(8.0f, 0x1p4f * (unit)),  \
        SEVEN(8.0f, 0x1p5f * (unit)), NAN

const float number_e4m3[256] = {E4M3_VALUES(1.0f), E4M3_VALUES(-1.0f)};
