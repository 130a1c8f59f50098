/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/number.h"

#include <math.h>

#include "test.h"

/* The value that sign, exponent and mantissa fields spell. */
static double spelled(unsigned code, int exponent_bits, int mantissa_bits, int bias)
{
    unsigned mantissa = code & ((1u << mantissa_bits) - 1);
    unsigned exponent = code >> mantissa_bits & ((1u << exponent_bits) - 1);
    double sign = code >> (exponent_bits + mantissa_bits) ? -1.0 : 1.0;
    double fraction = (double)mantissa / (1u << mantissa_bits);
    if (!exponent)
        return sign * ldexp(fraction, 1 - bias);
    return sign * ldexp(1.0 + fraction, (int)exponent - bias);
}

TEST(number, every_f16_code_has_its_value)
{
    for (unsigned code = 0; code < 65536; code++) {
        double got = (double)number_from_f16((uint16_t)code);
        uint8_t bytes[2] = {(uint8_t)code, (uint8_t)(code >> 8)};
        assert_int_equal(number_bits(number_load_f16(bytes)),
                         number_bits(number_from_f16((uint16_t)code)));
        if ((code & 0x7c00) != 0x7c00)
            assert_true(got == spelled(code, 5, 10, 15) && signbit(got) == (int)(code >> 15));
        else if (code & 0x3ff)
            assert_true(isnan(got));
        else
            assert_true(isinf(got) && (got < 0) == (code >> 15));
    }
}

TEST(number, every_e4m3_and_e2m1_code_has_its_value)
{
    for (unsigned code = 0; code < 256; code++)
        if ((code & 127) == 127)
            assert_true(isnan(number_e4m3[code]));
        else
            assert_true((double)number_e4m3[code] == spelled(code, 4, 3, 7));
    for (unsigned code = 0; code < 16; code++)
        assert_true((double)number_e2m1[code] == spelled(code, 2, 1, 1));
    assert_true(signbit(number_e4m3[128]) && signbit(number_e2m1[8]));
}

TEST(number, e8m0_is_a_power_of_two)
{
    for (int code = 0; code < 255; code++)
        assert_true((double)number_from_e8m0((uint8_t)code) == ldexp(1.0, code - 127));
    assert_true(isnan(number_from_e8m0(255)));
}

TEST(number, bf16_rounds_to_nearest_even)
{
    for (unsigned code = 0; code < 65536; code++) {
        float f = number_from_bf16((uint16_t)code);
        if (isnan(f))
            assert_true(isnan(number_from_bf16(number_to_bf16(f))));
        else
            assert_int_equal(number_to_bf16(f), code);
    }
    assert_int_equal(number_to_bf16(number_from_bits(0x3f808000)), 0x3f80); /* tie, to even */
    assert_int_equal(number_to_bf16(number_from_bits(0x3f818000)), 0x3f82);
    assert_int_equal(number_to_bf16(number_from_bits(0x3f807fff)), 0x3f80);
    assert_int_equal(number_to_bf16(number_from_bits(0x3f808001)), 0x3f81);
    assert_int_equal(number_to_bf16(number_from_bits(0x7f7fffff)), 0x7f80); /* to infinity */
    assert_true(isnan(number_from_bf16(number_to_bf16(number_from_bits(0x7f800001)))));
}
