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

/* Checks codes 0..last of one sign against their values: each value comes back, and what lies
 * between two goes to the nearer, from the middle to the even code. */
static void check_rounding(double (*value)(unsigned), unsigned (*encode)(float), unsigned sign,
                           unsigned last)
{
    for (unsigned code = 0; code <= last; code++) {
        float here = (float)value(code | sign), next = (float)value((code + 1) | sign);
        assert_int_equal(encode(here), code | sign);
        if (code == last)
            break;
        float middle = (float)(((double)here + (double)next) / 2);
        assert_int_equal(encode(middle), (code + (code & 1)) | sign);
        assert_int_equal(encode(nextafterf(middle, here)), code | sign);
        assert_int_equal(encode(nextafterf(middle, next)), (code + 1) | sign);
    }
}

static double f16_value(unsigned code)
{
    return spelled(code, 5, 10, 15);
}

static unsigned f16_encode(float f)
{
    return number_to_f16(f);
}

static double e4m3_value(unsigned code)
{
    return spelled(code, 4, 3, 7);
}

static unsigned e4m3_encode(float f)
{
    return number_to_e4m3(f);
}

static double e2m1_value(unsigned code)
{
    return spelled(code, 2, 1, 1);
}

static unsigned e2m1_encode(float f)
{
    return number_to_e2m1(f);
}

TEST(number, f16_rounds_to_nearest_even)
{
    check_rounding(f16_value, f16_encode, 0, 0x7bff);
    check_rounding(f16_value, f16_encode, 0x8000, 0x7bff);
    assert_int_equal(number_to_f16(65519.996f), 0x7bff);
    assert_int_equal(number_to_f16(65520.0f), 0x7c00);
    assert_int_equal(number_to_f16(-INFINITY), 0xfc00);
    assert_int_equal(number_to_f16(0x1p-26f), 0);
    assert_int_equal(number_to_f16(number_from_bits(0x80000001)), 0x8000);
    assert_true(isnan(number_from_f16(number_to_f16(number_from_bits(0x7f800001)))));
    assert_true(isnan(number_from_f16(number_to_f16(number_from_bits(0xffc00000)))));
}

TEST(number, e4m3_rounds_to_nearest_even)
{
    check_rounding(e4m3_value, e4m3_encode, 0, 0x7e);
    check_rounding(e4m3_value, e4m3_encode, 0x80, 0x7e);
    assert_int_equal(number_to_e4m3(464.0f), 0x7e);
    assert_int_equal(number_to_e4m3(-INFINITY), 0xfe);
    assert_int_equal(number_to_e4m3(NAN) & 0x7f, 0x7f);
    assert_int_equal(number_to_e4m3(0x1p-10f), 0);
    assert_int_equal(number_to_e4m3(-0x1p-149f), 0x80);
}

TEST(number, e2m1_rounds_to_nearest_even)
{
    check_rounding(e2m1_value, e2m1_encode, 0, 7);
    check_rounding(e2m1_value, e2m1_encode, 8, 7);
    assert_int_equal(number_to_e2m1(1e38f), 7);
    assert_int_equal(number_to_e2m1(-INFINITY), 15);
    assert_int_equal(number_to_e2m1(-0.25f), 8);
}
