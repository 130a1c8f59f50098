/* SPDX-License-Identifier: Apache-2.0 */
#include "text/regex.h"

#include <string.h>

#include "base/mem.h"
#include "text/small_languages.h"

/* A random language built in both ways. */
struct pair {
    uint32_t regex;
    uint64_t texts;
};

static struct pair leaf(struct regex_set *set, uint64_t *random)
{
    switch (test_random(random) % 6) {
    case 0:
        return (struct pair){REGEX_EPSILON, 1};
    case 1:
        return (struct pair){regex_literal(set, "ab", 2), UINT64_C(1) << 4};
    case 2:
        return (struct pair){regex_byte_range(set, 'a', 'b'), 6};
    case 3:
        return (struct pair){regex_byte(set, 'b'), 4};
    default:
        return (struct pair){regex_byte(set, 'a'), 2};
    }
}

static struct pair random_pair(struct regex_set *set, uint64_t *random, int depth)
{
    static const uint32_t bounds[][2] = {
        {0, 1}, {1, 2}, {2, 3}, {0, REGEX_FOREVER}, {1, REGEX_FOREVER}, {2, REGEX_FOREVER}, {3, 3},
        {0, 0}, {0, 2}, {2, 40}};
    uint32_t kind = test_random(random) % 8;
    if (!depth || kind == 7)
        return leaf(set, random);
    struct pair a = random_pair(set, random, depth - 1);
    if (kind == 0)
        return (struct pair){regex_not(set, a.regex), ~a.texts & SMALL_ALL};
    if (kind <= 2) {
        const uint32_t *b = bounds[test_random(random) % (sizeof bounds / sizeof *bounds)];
        return (struct pair){regex_repeat(set, a.regex, b[0], b[1]),
                             small_repeat(a.texts, b[0], b[1])};
    }
    struct pair b = random_pair(set, random, depth - 1);
    if (kind == 3)
        return (struct pair){regex_and(set, a.regex, b.regex), a.texts & b.texts};
    if (kind == 4)
        return (struct pair){regex_or(set, a.regex, b.regex), a.texts | b.texts};
    return (struct pair){regex_cat(set, a.regex, b.regex), small_cat(a.texts, b.texts)};
}

/* Complements reach texts with other bytes; only those of a and b are compared. */
static void check_texts(struct regex_set *set, struct pair pair)
{
    struct err err;
    for (int i = 0; i < SMALL_TEXTS; i++) {
        char s[SMALL_LETTERS + 1];
        bool yes;
        int n = small_text_of(i, s);
        assert_true(regex_matches(set, pair.regex, s, (size_t)n, &yes, &err));
        if (yes != (pair.texts >> i & 1))
            fail_msg("text '%s' of node %u: %d", s, pair.regex, yes);
    }
}

static void check_facts(struct regex_set *set, struct pair x, struct pair y)
{
    struct err err;
    bool is_empty, is_disjoint, is_equal, is_within;
    uint32_t letters = regex_repeat(set, regex_byte_range(set, 'a', 'b'), 0, SMALL_LETTERS);
    struct pair a = {regex_and(set, x.regex, letters), x.texts};
    struct pair b = {regex_and(set, y.regex, letters), y.texts};
    assert_true(regex_is_empty(set, a.regex, &is_empty, &err));
    assert_true(regex_is_disjoint(set, a.regex, b.regex, &is_disjoint, &err));
    assert_true(regex_is_equal(set, a.regex, b.regex, &is_equal, &err));
    assert_true(regex_is_within(set, a.regex, b.regex, &is_within, &err));
    assert_int_equal(is_empty, !a.texts);
    assert_int_equal(is_disjoint, !(a.texts & b.texts));
    assert_int_equal(is_equal, a.texts == b.texts);
    assert_int_equal(is_within, !(a.texts & ~b.texts));
}

TEST(regex, random_languages_have_the_texts_that_their_parts_say)
{
    struct err err;
    uint64_t random = 1;
    for (int round = 0; round < 150; round++) {
        struct regex_set *set = regex_set_open(&err);
        struct pair last = {REGEX_NOTHING, 0};
        for (int i = 0; i < 20; i++) {
            struct pair pair = random_pair(set, &random, 4);
            assert_true(regex_set_ok(set, &err));
            check_texts(set, pair);
            check_facts(set, pair, last);
            last = pair;
        }
        regex_set_close(set);
    }
}

TEST(regex, equal_constructions_are_one_node)
{
    struct err err;
    struct regex_set *set = regex_set_open(&err);
    uint32_t a = regex_byte(set, 'a'), b = regex_byte(set, 'b'), c = regex_byte(set, 'c');
    uint32_t star = regex_repeat(set, a, 0, REGEX_FOREVER);
    assert_int_equal(regex_or(set, a, b), regex_or(set, b, a));
    assert_int_equal(regex_or(set, a, regex_or(set, b, c)), regex_or(set, regex_or(set, c, a), b));
    assert_int_equal(regex_cat(set, regex_cat(set, a, b), c), regex_literal(set, "abc", 3));
    assert_int_equal(regex_repeat(set, star, 2, 7), star);
    assert_int_equal(regex_cat(set, star, star), star);
    assert_int_equal(regex_not(set, regex_not(set, star)), star);
    assert_int_equal(regex_and(set, a, b), REGEX_NOTHING);
    assert_int_equal(regex_cat(set, a, REGEX_NOTHING), REGEX_NOTHING);
    assert_int_equal(regex_repeat(set, a, 3, 2), REGEX_NOTHING);
    assert_int_equal(regex_repeat(set, regex_repeat(set, a, 2, 3), 4, 4),
                     regex_repeat(set, a, 8, 12));
    uint32_t any = regex_any_text(set);
    assert_int_equal(regex_or(set, any, regex_literal(set, "\xc3\xa9", 2)), any);
    assert_int_equal(regex_and(set, any, star), star);
    assert_int_equal(regex_and(set, regex_text_length(set, 2, 900), star),
                     regex_repeat(set, a, 2, 900));
    regex_set_close(set);
    regex_set_close(NULL);
}

TEST(regex, counts_stay_numbers)
{
    struct err err;
    bool yes;
    struct regex_set *set = regex_set_open(&err);
    uint32_t many = regex_text_length(set, 999999, 1000000);
    assert_true(regex_matches(set, many, "abc", 3, &yes, &err));
    assert_false(yes);
    assert_true(regex_is_empty(set, many, &yes, &err));
    assert_false(yes);
    assert_int_equal(regex_repeat(set, REGEX_EPSILON, 0, 1000001), REGEX_FAILED);
    assert_false(regex_set_ok(set, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(regex_byte(set, 'x'), REGEX_FAILED);
    assert_false(regex_is_empty(set, REGEX_FAILED, &yes, &err));
    regex_set_close(set);
}

TEST(regex, every_failed_allocation_is_told)
{
    struct err err;
    for (size_t n = 0;; n++) {
        mem_fail_after(n);
        uint64_t random = 5;
        bool yes, ok = false;
        struct regex_set *set = regex_set_open(&err);
        if (set) {
            uint32_t node = random_pair(set, &random, 6).regex;
            uint32_t pattern = regex_parse(set, "^(a|[^x-z]{2,})\\w*$", 19, REGEX_SEARCH, &err);
            node = regex_and(set, node, regex_json_spelling(set, pattern));
            ok = pattern != REGEX_FAILED && regex_set_ok(set, &err) &&
                 regex_is_empty(set, node, &yes, &err);
        }
        bool failed = mem_n_failed() > 0;
        mem_fail_never();
        regex_set_close(set);
        /* The memo of derivatives may do without memory. */
        assert_true(ok || failed);
        if (!failed)
            break;
        if (!ok)
            assert_int_equal(err.code, ERR_LIMIT);
    }
}
