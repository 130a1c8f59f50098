/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "test.h"
#include "text/regex_int.h"

static uint32_t parse(struct regex_set *set, const char *pattern)
{
    struct err err = {0};
    uint32_t regex = regex_parse(set, pattern, strlen(pattern), REGEX_WHOLE, &err);
    if (regex == REGEX_FAILED)
        fail_msg("%s", err.text);
    return regex;
}

TEST(regex_facts, pairs_of_patterns)
{
    static const struct {
        const char *a, *b;
        bool is_disjoint, is_within, is_equal;
    } cases[] = {
        {"(aa)*", "(aaa)*", false, false, false},
        {"(aa)+", "(aa)*", false, true, false},
        {"(aaaaaa)*", "(aa)*", false, true, false},
        {"a(aa)*", "(aa)*", true, false, false},
        {"(a|b)*", "(a*b*)*", false, true, true},
        {"x-.*", "y-.*", true, false, false},
        {"[0-9]{3,5}", "\\d+", false, true, false},
        {".*a.{5}", ".*b.{5}", true, false, false},
        {"a{1000}", "a{999,1001}", false, true, false},
        {"(ab|ba){3}", "[ab]{6}", false, true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err;
        bool disjoint, within, equal;
        struct regex_set *set = regex_set_open(&err);
        uint32_t a = parse(set, cases[i].a), b = parse(set, cases[i].b);
        assert_true(regex_is_disjoint(set, a, b, &disjoint, &err));
        assert_true(regex_is_within(set, a, b, &within, &err));
        assert_true(regex_is_equal(set, a, b, &equal, &err));
        if (disjoint != cases[i].is_disjoint || within != cases[i].is_within ||
            equal != cases[i].is_equal)
            fail_msg("%s and %s: %d %d %d", cases[i].a, cases[i].b, disjoint, within, equal);
        regex_set_close(set);
    }
}

TEST(regex_facts, two_members_or_one)
{
    static const struct {
        const char *pattern;
        bool has_two;
    } cases[] = {{"a", false},       {"", false},         {"a?", true},
                 {"[ab]", true},     {"abc*", true},      {"a{70}", false},
                 {"(ab){3}", false}, {"(a|aa){2}", true}, {"\xc3\xa9", false}};
    struct err err;
    bool yes;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct regex_set *set = regex_set_open(&err);
        assert_true(regex_has_two(set, parse(set, cases[i].pattern), &yes, &err));
        assert_int_equal(yes, cases[i].has_two);
        uint32_t a = regex_byte_range(set, 'a', 'c'), b = regex_byte(set, 'b');
        uint32_t but_b = regex_and(set, a, regex_not(set, b));
        assert_true(regex_has_two(set, but_b, &yes, &err));
        assert_true(yes);
        uint32_t one = regex_and(set, but_b, regex_not(set, regex_byte(set, 'c')));
        assert_true(regex_has_two(set, one, &yes, &err));
        assert_false(yes);
        regex_set_close(set);
    }
}

TEST(regex_facts, a_search_that_is_too_long_is_refused)
{
    struct err err;
    bool yes;
    struct regex_set *set = regex_set_open(&err);
    uint32_t hard = regex_and(set, parse(set, "(.*a.{24})"), parse(set, "(.*b.{25}|c*)"));
    set->fuel = 500;
    assert_false(regex_is_empty(set, regex_and(set, hard, parse(set, "[ab]{20}")), &yes, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    regex_set_close(set);
}
