/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "test.h"
#include "text/char_class_int.h"
#include "text/regex_class_int.h"

static bool has(const struct code_set *set, uint32_t code)
{
    for (uint32_t i = 0; i < set->list.n; i += 2)
        if (code >= set->list.ids[i] && code <= set->list.ids[i + 1])
            return true;
    return false;
}

TEST(regex_class, random_sets_and_their_complements)
{
    struct err err;
    uint64_t random = 1;
    for (int round = 0; round < 300; round++) {
        struct code_set set = {0};
        bool there[64] = {false};
        bool is_not = round % 2;
        for (uint32_t n = test_random(&random) % 6; n; n--) {
            uint32_t lo = test_random(&random) % 60, hi = lo + test_random(&random) % (60 - lo);
            assert_true(code_set_add(&set, lo, hi, &err));
            for (uint32_t c = lo; c <= hi; c++)
                there[c] = true;
        }
        assert_true(code_set_finish(&set, is_not, &err));
        for (uint32_t c = 0; c < 64; c++)
            assert_int_equal(has(&set, c), there[c] != is_not);
        assert_int_equal(has(&set, 0x10FFFF), is_not);
        for (uint32_t i = 2; i < set.list.n; i += 2)
            assert_true(set.list.ids[i] > set.list.ids[i - 1] + 1);
        code_set_free(&set);
    }
}

TEST(regex_class, escapes_and_their_capitals_are_complements)
{
    struct err err;
    static const char letters[] = "dws";
    for (int i = 0; i < 3; i++) {
        struct code_set set = {0}, rest = {0};
        assert_true(code_set_add_escape(&set, letters[i], &err));
        assert_true(code_set_add_escape(&rest, (char)(letters[i] - 32), &err));
        assert_true(code_set_finish(&set, false, &err) && code_set_finish(&rest, false, &err));
        for (uint32_t c = 0; c <= 0x10FFFF; c += c < 0x3100 ? 1 : 37)
            assert_int_equal(has(&set, c), !has(&rest, c));
        assert_int_equal(has(&set, '7'), letters[i] != 's');
        assert_int_equal(has(&set, '_'), letters[i] == 'w');
        assert_int_equal(has(&set, 0x2003), letters[i] == 's');
        code_set_free(&set);
        code_set_free(&rest);
    }
}

TEST(regex_class, properties_follow_the_table)
{
    struct err err = {0};
    static const struct {
        const char *name, *classes;
    } cases[] = {{"L", "UlB"},
                 {"Letter", "UlB"},
                 {"Ll", "l"},
                 {"gc=M", "M"},
                 {"General_Category=Number", "N"},
                 {"LC", "Ul"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct code_set set = {0};
        struct span name = {cases[i].name, strlen(cases[i].name)};
        assert_true(code_set_add_property(&set, name, false, &err));
        assert_true(code_set_finish(&set, false, &err));
        for (uint32_t c = 0; c <= 0x10FFFF; c += c < 0x2000 ? 1 : 61)
            if (has(&set, c) != (strchr(cases[i].classes, char_class(c)) != NULL))
                fail_msg("%s: U+%04X", cases[i].name, c);
        code_set_free(&set);
    }
    struct code_set set = {0};
    assert_false(code_set_add_property(&set, SPAN("Script=Greek"), false, &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_true(code_set_add(&set, 'k', 'm', &err) && code_set_fold(&set, &err));
    assert_true(has(&set, 'L') && !has(&set, 'N'));
    code_set_free(&set);
}
