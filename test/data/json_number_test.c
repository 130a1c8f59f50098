/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers against Python are in json_write_test.c; here what it leaves open. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/json_number_int.h"
#include "test.h"

static void assert_number(const char *text, const char *want)
{
    struct arena arena = {0};
    struct err err = {0};
    bool is_whole;
    const char *end = json_number_end(text, text + strlen(text), &is_whole);
    struct span number = {text, (size_t)(end - text)};
    assert_true(json_number_write(&arena, is_whole, &number, &err));
    if (!span_is(number, want))
        fail_msg("%s: got %.*s, want %s", text, (int)number.n, number.s, want);
    arena_free(&arena);
}

TEST(json_number, ends_where_json_ends)
{
    bool is_whole;
    const char *text = "-1.5e+7x";
    assert_ptr_equal(json_number_end(text, text + 8, &is_whole), text + 7);
    assert_false(is_whole);
    text = "012";
    assert_ptr_equal(json_number_end(text, text + 3, &is_whole), text + 1);
    assert_true(is_whole);
    text = "7.";
    assert_ptr_equal(json_number_end(text, text + 2, &is_whole), text + 1);
    text = "7e-";
    assert_ptr_equal(json_number_end(text, text + 3, &is_whole), text + 1);
    text = "-";
    assert_null(json_number_end(text, text + 1, &is_whole));
}

/* Every double comes back from what is written for it. */
TEST(json_number, is_the_same_double)
{
    uint64_t seed = 3;
    for (int i = 0; i < 20000; i++) {
        union {
            uint64_t bits;
            double value;
        } x = {.bits = (uint64_t)test_random(&seed) << 32 | test_random(&seed)};
        char text[64];
        struct arena arena = {0};
        struct err err = {0};
        if (x.value - x.value != 0)
            continue;
        int n = snprintf(text, sizeof text, "%.17e", x.value);
        struct span number = {text, (size_t)n};
        assert_true(json_number_write(&arena, false, &number, &err));
        assert_true(strtod(number.s, NULL) == x.value);
        assert_true(number.n <= 24);
        arena_free(&arena);
    }
}

/* As Python 3.11 writes them; the smallest have fewer bits. */
TEST(json_number, is_as_short_as_it_can_be)
{
    assert_number("4.9406564584124654e-324", "5e-324");
    assert_number("1.4821969375237396e-323", "1.5e-323");
    assert_number("2.2250738585072011e-308", "2.225073858507201e-308");
    assert_number("2.2250738585072014e-308", "2.2250738585072014e-308");
    assert_number("0.10000000000000000", "0.1");
    assert_number("0.30000000000000004", "0.30000000000000004");
    assert_number("1.00e22", "1e+22");
    assert_number("99999999999999990.0", "9.999999999999998e+16");
}

TEST(json_number, does_not_go_by_the_locale)
{
    locale_t comma = newlocale(LC_NUMERIC_MASK, "de_DE.UTF-8", NULL);
    locale_t old = comma ? uselocale(comma) : NULL;
    assert_number("1.25e3", "1250.0");
    if (comma) {
        uselocale(old);
        freelocale(comma);
    }
}
