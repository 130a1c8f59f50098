/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/units.h"

#include "test.h"

static void assert_bytes(uint64_t n, const char *want)
{
    char text[UNITS_TEXT];
    assert_string_equal(units_bytes(text, n), want);
}

TEST(units, three_digits_at_every_size)
{
    assert_bytes(0, "0 bytes");
    assert_bytes(999, "999 bytes");
    assert_bytes(1000, "1.00 kB");
    assert_bytes(9994, "9.99 kB");
    assert_bytes(9996, "10.0 kB");
    assert_bytes(99960, "100 kB");
    assert_bytes(999499, "999 kB");
    assert_bytes(999500, "1.00 MB");
    assert_bytes(4110000000, "4.11 GB");
    assert_bytes(UINT64_MAX, "18446744 TB");
    char text[UNITS_TEXT];
    assert_string_equal(units_count(text, 7248023552), "7.25 billion");
    assert_string_equal(units_count(text, 512), "512");
    assert_true(units_rate(10, 0) == 0);
    assert_true(units_rate(10, 4) == 2.5);
}
