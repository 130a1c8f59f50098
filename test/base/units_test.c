/* SPDX-License-Identifier: Apache-2.0 */
#include "base/units.h"

#include "test.h"

static void assert_bytes(uint64_t n, const char *want)
{
    char text[UNITS_TEXT];
    assert_string_equal(units_bytes(text, n), want);
}

TEST(units, three_digits_at_every_size)
{
    assert_bytes(0, "0 bytes");
    assert_bytes(1, "1 byte");
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

TEST(units, sizes_are_read_with_fractions_and_units_of_both_kinds)
{
    static const struct {
        const char *text;
        uint64_t want;
    } cases[] = {
        {"0", 0},
        {"812", 812},
        {"812B", 812},
        {"100K", 100000},
        {"500M", 500000000},
        {"24g", 24000000000},
        {"24GB", 24000000000},
        {"24gb", 24000000000},
        {"24GiB", 25769803776},
        {"24gib", 25769803776},
        {"1KiB", 1024},
        {"1MiB", 1048576},
        {"2T", 2000000000000},
        {"1TiB", 1099511627776},
        {"1.5G", 1500000000},
        {"0.25KiB", 256},
        {"1.000001M", 1000001},
        {"0.999999TiB", 1099510528264}, /* 2^40 - 2^40 / 10^6, rounded down */
        {"18446744073709551615", UINT64_MAX},
        {"18446744.073709T", 18446744073709000000u},
        {"16777215.999999TiB", 18446744073708452104u},
    };
    static const char *const wrong[] = {
        "",
        "K",
        "-1G",
        "+1",
        " 1",
        "1 G",
        "1.G",
        ".5G",
        "1.5",
        "1.5B",
        "1..5G",
        "1.5.5G",
        "12X",
        "1KK",
        "1iB",
        "1Gi",
        "1GBB",
        "1bb",
        "0x10",
        "1e9",
        "1,5G",
        "1G ",
        "1.0000001G",
        "auto",
        "1\xc2\xa0G",
        "18446744073709551616",
        "99999999999999999999",
        "99999999999G",
        "18446745T",
        "18446744.073710T",
        "16777216TiB",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t n = 7;
        assert_true(units_read_bytes(cases[i].text, &n));
        assert_true(n == cases[i].want);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint64_t n;
        assert_false(units_read_bytes(wrong[i], &n));
    }
}
