/* SPDX-License-Identifier: Apache-2.0 */
#include "text/decimal_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static struct decimal read_text(struct arena *arena, const char *text)
{
    struct decimal d;
    struct err err = {0};
    if (!decimal_read(arena, (struct span){text, strlen(text)}, &d, &err))
        fail_msg("%s: %s", text, err.text);
    return d;
}

TEST(decimal, splits_into_digits)
{
    static const char *const numbers[][3] = {
        {"0", "0", ""},
        {"-0.0", "0", ""},
        {"1", "1", ""},
        {"100", "100", ""},
        {"1.50", "1", "5"},
        {"0.007", "0", "007"},
        {"12.034e1", "120", "34"},
        {"5e-3", "0", "005"},
        {"1e3", "1000", ""},
        {"120e-1", "12", ""},
        {"9007199254740993", "9007199254740993", ""},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct arena arena = {0};
        struct err err = {0};
        struct span whole, fraction;
        struct decimal d = read_text(&arena, numbers[i][0]);
        assert_true(decimal_split(&arena, &d, &whole, &fraction, &err));
        if (!span_is(whole, numbers[i][1]) || !span_is(fraction, numbers[i][2]))
            fail_msg("%s: %.*s . %.*s", numbers[i][0], (int)whole.n, whole.s, (int)fraction.n,
                     fraction.s);
        assert_int_equal(decimal_is_whole(&d), !*numbers[i][2]);
        arena_free(&arena);
    }
}

/* Doubles of few digits, compared by the processor. */
TEST(decimal, compares_as_numbers)
{
    uint64_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        struct arena arena = {0};
        char a[40], b[40];
        snprintf(a, sizeof a, "%d.%02ue%d", (int)(test_random(&seed) % 200) - 100,
                 test_random(&seed) % 100, (int)(test_random(&seed) % 7) - 3);
        snprintf(b, sizeof b, "%d.%02ue%d", (int)(test_random(&seed) % 200) - 100,
                 test_random(&seed) % 100, (int)(test_random(&seed) % 7) - 3);
        double x = strtod(a, NULL), y = strtod(b, NULL);
        struct decimal da = read_text(&arena, a), db = read_text(&arena, b);
        if (decimal_compare(&da, &db) != (x > y) - (x < y))
            fail_msg("%s and %s", a, b);
        arena_free(&arena);
    }
}

TEST(decimal, refuses_what_is_none_or_too_long)
{
    static const char *const bad[] = {
        "e5",  "1e",       "1x",     "1.2.3",   "1e+",
        "NaN", "Infinity", "1e5000", "1e-5000", "1e99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct arena arena = {0};
        struct err err = {0};
        struct decimal d;
        if (decimal_read(&arena, (struct span){bad[i], strlen(bad[i])}, &d, &err) &&
            strcmp(bad[i], "e5") != 0)
            fail_msg("%s", bad[i]);
        arena_free(&arena);
    }
}

TEST(decimal, counts)
{
    struct arena arena = {0};
    uint32_t n;
    struct decimal d = read_text(&arena, "2.0");
    assert_true(decimal_count(&d, 10, &n));
    assert_int_equal(n, 2);
    d = read_text(&arena, "99999999999999999999999");
    assert_true(decimal_count(&d, 10, &n));
    assert_int_equal(n, 10);
    d = read_text(&arena, "2.5");
    assert_false(decimal_count(&d, 10, &n));
    d = read_text(&arena, "-1");
    assert_false(decimal_count(&d, 10, &n));
    arena_free(&arena);
}
