/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "test.h"
#include "text/regex_int.h"

static const char *const patterns[] = {"^[a-f]+(x|yz)*$", "foo|^b.r",           "^(?!ab)[^q]{2,90}",
                                       "\\d{3,}-\\w",     "^\\p{L}*\xc3\xa9?$", "(a{50,60}b){40,}"};
enum { N_PATTERNS = sizeof patterns / sizeof *patterns };

static uint32_t parse(struct regex_set *set, const char *pattern)
{
    struct err err = {0};
    uint32_t regex = regex_parse(set, pattern, strlen(pattern), REGEX_SEARCH, &err);
    if (regex == REGEX_FAILED)
        fail_msg("%s", err.text);
    return regex;
}

TEST(regex_derive, bytes_of_a_class_have_one_derivative)
{
    struct err err;
    uint64_t random = 1;
    for (int i = 0; i < N_PATTERNS; i++) {
        struct regex_set *set = regex_set_open(&err);
        uint32_t regex = parse(set, patterns[i]);
        uint8_t class_of[256];
        uint32_t n = regex_classes(set, &regex, 1, class_of);
        assert_in_range(n, 2, 120);
        for (int step = 0; step < 20; step++) {
            uint32_t of_class[256] = {0};
            for (uint32_t b = 0; b < 256; b++) {
                uint32_t to = regex_derive(set, regex, (uint8_t)b);
                if (of_class[class_of[b]] && of_class[class_of[b]] != to)
                    fail_msg("%s: byte %u after %d steps", patterns[i], b, step);
                of_class[class_of[b]] = to;
            }
            regex = regex_derive(set, regex, (uint8_t)('a' + test_random(&random) % 26));
        }
        regex_set_close(set);
    }
}

TEST(regex_derive, cells_and_first_bytes_hold_what_they_must)
{
    struct err err;
    for (int i = 0; i < N_PATTERNS; i++) {
        struct regex_set *set = regex_set_open(&err);
        uint32_t regex = parse(set, patterns[i]);
        uint64_t firsts[4] = {0};
        assert_true(regex_first_bytes(set, regex, firsts));
        for (uint32_t b = 0; b < 256; b++) {
            uint64_t cell[4] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
            bool is_empty;
            uint32_t to = regex_derive(set, regex, (uint8_t)b);
            assert_true(regex_same_bytes(set, regex, (uint8_t)b, cell));
            assert_true(cell[b >> 6] >> (b & 63) & 1);
            for (uint32_t c = 0; c < 256; c++)
                if (cell[c >> 6] >> (c & 63) & 1)
                    assert_int_equal(regex_derive(set, regex, (uint8_t)c), to);
            assert_true(regex_is_empty(set, to, &is_empty, &err));
            assert_true(is_empty || firsts[b >> 6] >> (b & 63) & 1);
        }
        regex_set_close(set);
    }
}

/* Steps along both; whether each accepts and is alive must agree for max bytes. */
TEST(regex_derive, clamped_languages_agree_as_far_as_they_must)
{
    enum { MAX = 40 };
    static const char *const counted[] = {"^a{0,1000}b$", "^a{300,}$", "^(ab?){35,50}c{2,99}$",
                                          "^([ab]{90,95}|c{50})*$"};
    struct err err;
    uint64_t random = 9;
    for (int i = 0; i < 4; i++)
        for (int round = 0; round < 200; round++) {
            struct regex_set *set = regex_set_open(&err);
            uint32_t exact = parse(set, counted[i]);
            uint32_t near = regex_clamp(set, exact, MAX);
            assert_true(near != exact);
            for (int step = 0; step < MAX - 1; step++) {
                uint8_t byte = (uint8_t)('a' + test_random(&random) % 3 % (round % 3 + 1));
                exact = regex_derive(set, exact, byte);
                near = regex_derive(set, near, byte);
                assert_int_equal(regex_is_nullable(set, exact), regex_is_nullable(set, near));
                assert_int_equal(exact == REGEX_NOTHING, near == REGEX_NOTHING);
            }
            regex_set_close(set);
        }
}

TEST(regex_derive, runs_out_of_fuel_and_goes_on)
{
    struct err err;
    bool yes;
    struct regex_set *set = regex_set_open(&err);
    uint32_t regex = parse(set, "^(a|b)*a(a|b){20}$");
    set->fuel = 10;
    assert_false(regex_matches(set, regex, "abababababababababababababab", 28, &yes, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    regex_forgive(set);
    set->fuel = 100000;
    assert_true(regex_matches(set, regex, "abababababababababababababab", 28, &yes, &err));
    assert_false(yes);
    regex_set_close(set);
}
