/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns beside a regular expression engine that searches with backtracking. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#include "base/buf.h"
#include "test.h"
#include "text/regex.h"

struct maker {
    struct buf pattern;
    uint64_t random;
};

static uint32_t pick(struct maker *m, uint32_t n)
{
    return test_random(&m->random) % n;
}

static void add(struct maker *m, const char *s)
{
    struct err err;
    assert_true(buf_add(&m->pattern, s, strlen(s), &err));
}

static void add_choice(struct maker *m, int depth, bool outermost);

static void add_atom(struct maker *m, int depth)
{
    static const char *const atoms[] = {
        "a",     "b",    "c",     "\xc3\xa9",           "\\d",     "\\w",      "\\S", ".",
        "[ab]",  "[^a]", "[a-c]", "[^\\d\xe2\x82\xac]", "\\x61",   "[\\w\\-]", "\\.", "\\s",
        "[0-9]", "\\D",  "\\W",   "(?:ab|c)",           "\\p{Lu}", "\\P{L}",   "\\t"};
    if (!depth || pick(m, 3)) {
        add(m, atoms[pick(m, sizeof atoms / sizeof *atoms)]);
        return;
    }
    add(m, pick(m, 2) ? "(" : "(?:");
    add_choice(m, depth - 1, false);
    add(m, ")");
}

static void add_branch(struct maker *m, int depth, bool outermost)
{
    static const char *const repeats[] = {"*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "{0,2}?"};
    if (outermost && !pick(m, 4))
        add(m, "^");
    if (outermost && !pick(m, 6)) {
        add(m, pick(m, 2) ? "(?=" : "(?!");
        add_choice(m, 1, false);
        add(m, pick(m, 3) ? ")" : "$)");
    }
    for (uint32_t n = pick(m, 4); n; n--) {
        add_atom(m, depth);
        if (!pick(m, 3))
            add(m, repeats[pick(m, sizeof repeats / sizeof *repeats)]);
    }
    if (outermost && !pick(m, 4))
        add(m, "$");
}

static void add_choice(struct maker *m, int depth, bool outermost)
{
    add_branch(m, depth, outermost);
    while (!pick(m, 4)) {
        add(m, "|");
        add_branch(m, depth, outermost);
    }
}

static size_t random_text(struct maker *m, char *text)
{
    static const char *const parts[] = {"a", "b",        "c",  "\xc3\xa9", "\xe2\x82\xac",
                                        "1", "_",        "-",  ".",        " ",
                                        "A", "\xc3\x89", "\t", "]",        "\xf0\x9f\x98\x80"};
    size_t n = 0;
    for (uint32_t k = pick(m, 7); k; k--) {
        const char *part = parts[pick(m, sizeof parts / sizeof *parts)];
        memcpy(text + n, part, strlen(part));
        n += strlen(part);
    }
    return n;
}

static void compare(struct maker *m, enum regex_mode mode)
{
    struct err err = {0};
    int error;
    size_t at;
    uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY;
    options |= mode == REGEX_WHOLE ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0;
    struct regex_set *set = regex_set_open(&err);
    uint32_t regex = regex_parse(set, m->pattern.data, m->pattern.len, mode, &err);
    if (regex == REGEX_FAILED)
        fail_msg("%s: %s", m->pattern.data, err.text);
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)m->pattern.data, m->pattern.len, options, &error, &at, NULL);
    if (!code)
        fail_msg("error %d at %zu of %s", error, at, m->pattern.data);
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
    for (int i = 0; i < 30; i++) {
        char text[64];
        bool yes;
        size_t n = random_text(m, text);
        bool want = pcre2_match(code, (PCRE2_SPTR)text, n, 0, 0, data, NULL) >= 0;
        assert_true(regex_matches(set, regex, text, n, &yes, &err));
        if (yes != want)
            fail_msg("pattern %s (mode %d), text '%.*s': %d", m->pattern.data, mode, (int)n, text,
                     yes);
    }
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    regex_set_close(set);
}

TEST(regex_parse, random_patterns_match_what_pcre2_matches)
{
    struct maker m = {.random = 11};
    buf_init(&m.pattern, 4096);
    for (int round = 0; round < 3000; round++) {
        buf_clear(&m.pattern);
        add(&m, "");
        add_choice(&m, 2, true);
        if (!m.pattern.len)
            add(&m, "a");
        compare(&m, pick(&m, 2) ? REGEX_WHOLE : REGEX_SEARCH);
    }
    buf_free(&m.pattern);
}

static bool matches(const char *pattern, const char *text)
{
    struct err err = {0};
    bool yes;
    struct regex_set *set = regex_set_open(&err);
    uint32_t regex = regex_parse(set, pattern, strlen(pattern), REGEX_SEARCH, &err);
    if (regex == REGEX_FAILED)
        fail_msg("%s: %s", pattern, err.text);
    assert_true(regex_matches(set, regex, text, strlen(text), &yes, &err));
    regex_set_close(set);
    return yes;
}

/* What PCRE2 does in its own way. */
TEST(regex_parse, follows_ecma)
{
    static const struct {
        const char *pattern, *text;
        bool want;
    } cases[] = {
        {"^\\cJ$", "\n", true},
        {"^\\u0041\\u{1F600}$", "A\xf0\x9f\x98\x80", true},
        {"^\\ud83d\\ude00$", "\xf0\x9f\x98\x80", true},
        {"^\\0$", "", false},
        {"^[\\b]$", "\b", true},
        {"^[^]$", "x", true},
        {"[]", "x", false},
        {"^a|b$", "axx", true},
        {"^a|b$", "xxb", true},
        {"^a|b$", "xax", false},
        {"^.$", "\xe2\x80\xa8", false},
        {"^.$", "\r", false},
        {"^\\s+$", "\xef\xbb\xbf\xc2\xa0\x0b", true},
        {"^\\S$", "\xc2\x85", true},
        {"^\\d$", "\xd9\xa3", false},
        {"^(?<year>\\d{4})-(?:0[1-9]|1[0-2])$", "2024-12", true},
        {"^{a}$", "{a}", true},
        {"^a{,2}$", "a{,2}", true},
        {"(^a|b)c$", "ac", true},
        {"(^a|b)c$", "xac", false},
        {"x*$y?", "ab", true},
        {"a^b", "ab", false},
        {"(?i)^straSSe$", "STRASSE", true},
        {"^(?i:a)b$", "Ab", true},
        {"^(?i:a)b$", "AB", false},
        {"^(?!.*foo).{3,}$", "xfoox", false},
        {"^(?!.*foo).{3,}$", "xfox", true},
        {"^[\\w-.]+$", "a-b.c", true},
        {"^\\/\\-\\_$", "/-_", true},
        {"^\\p{gc=Ll}\\p{Letter}$", "a\xd0\x96", true},
        {"^\\p{Lu}$", "\xc7\x85", false},
        {"^\\p{Lt}$", "\xc7\x85", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (matches(cases[i].pattern, cases[i].text) != cases[i].want)
            fail_msg("%s with '%s'", cases[i].pattern, cases[i].text);
}

TEST(regex_parse, refuses_with_the_place)
{
    static const struct {
        const char *pattern;
        enum err_code code;
        const char *want;
    } cases[] = {
        {"a(", ERR_ARG, "at 1: a group without its end"},
        {"a)", ERR_ARG, "at 1: the end of a group that does not begin"},
        {"[a", ERR_ARG, "at 0: a class without its end"},
        {"[b-a]", ERR_ARG, "at 1: a range that runs backwards"},
        {"*", ERR_ARG, "at 0: nothing to repeat"},
        {"a**", ERR_ARG, "at 2: nothing to repeat"},
        {"a{3,2}", ERR_ARG, "at 1: a repetition whose bounds are in the wrong order"},
        {"a{1000001}", ERR_LIMIT, "at 1: a repetition of more than 1000000 times"},
        {"a\\", ERR_ARG, "at 1: a backslash at the end"},
        {"\\x4", ERR_ARG, "at 3: a hexadecimal digit is missing"},
        {"\\ud800", ERR_ARG, "at 2: half a surrogate pair"},
        {"\\u{110000}", ERR_ARG, "at 2: no code point"},
        {"\\q", ERR_ARG, "at 0: an unknown escape"},
        {"(a)\\1", ERR_UNSUPPORTED, "at 3: a back-reference is not supported"},
        {"\\bfoo", ERR_UNSUPPORTED, "at 0: a word boundary is not supported"},
        {"a(?<=b)", ERR_UNSUPPORTED, "at 1: look-behind is not supported"},
        {"(a(?=b))", ERR_UNSUPPORTED,
         "at 2: look-ahead inside a group or a repetition is not supported"},
        {"(^a)*", ERR_UNSUPPORTED, "at 4: an anchor inside a repetition is not supported"},
        {"\\p{Greek}", ERR_UNSUPPORTED, "at 0: the property \\p{Greek} is not supported"},
        {"\\pL", ERR_ARG, "at 0: a property without its name in braces"},
        {"(?>a)", ERR_UNSUPPORTED, "at 0: this kind of group is not supported"},
        {"\xff", ERR_ARG, "at 0: the pattern is not UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        struct regex_set *set = regex_set_open(&err);
        size_t n = strlen(cases[i].pattern);
        assert_int_equal(regex_parse(set, cases[i].pattern, n, REGEX_SEARCH, &err), REGEX_FAILED);
        assert_string_equal(err.text, cases[i].want);
        assert_int_equal(err.code, cases[i].code);
        /* The set is as good as before. */
        assert_true(regex_set_ok(set, &err));
        assert_true(regex_byte(set, 'a') != REGEX_FAILED);
        regex_set_close(set);
    }
}

TEST(regex_parse, has_limits)
{
    static char deep[4096], big[70000];
    struct err err = {0};
    struct regex_set *set = regex_set_open(&err);
    memset(deep, '(', sizeof deep);
    memset(big, 'a', sizeof big);
    assert_int_equal(regex_parse(set, deep, sizeof deep, REGEX_WHOLE, &err), REGEX_FAILED);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(regex_parse(set, big, sizeof big, REGEX_WHOLE, &err), REGEX_FAILED);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_true(regex_parse(set, big, 60000, REGEX_WHOLE, &err) != REGEX_FAILED);
    regex_set_close(set);
}
