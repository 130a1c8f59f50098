/* SPDX-License-Identifier: Apache-2.0 */
/* Masks over a real vocabulary, bit by bit, against what the matcher accepts. */
#include <string.h>

#include "test.h"
#include "text/json_grammar.h"
#include "text/matcher.h"
#include "text/matcher_int.h"
#include "text/token_trie.h"
#include "text/tokenizer_fixture.h"

static const struct token_trie *tekken_trie(void)
{
    static struct token_trie *trie;
    struct err err = {0};
    if (!trie)
        trie = token_trie_open(fixture_tokenizer("tekken"), &err);
    assert_non_null(trie);
    return trie;
}

static uint32_t mask[1 << 16];

static void check_mask(struct matcher *m, const struct token_trie *trie, const char *place)
{
    struct err err = {0};
    struct mask_info info;
    uint32_t n = 0;
    if (!matcher_mask(m, mask, &info, &err))
        fail_msg("%s: %s", place, err.text);
    for (uint32_t id = 0; id < token_trie_mask_words(trie) * 32; id++) {
        bool is_set = mask[id >> 5] >> (id & 31) & 1;
        bool fits = matcher_accept(m, (int32_t)id, &err);
        if (fits)
            matcher_rollback(m, 1);
        if (is_set != fits)
            fail_msg("%s: token %u: mask %d, accept %d", place, id, is_set, fits);
        n += is_set;
    }
    assert_int_equal(info.n_allowed, n);
    assert_int_equal(info.is_free, n >= trie->n_text);
}

/* Checks the masks behind beginnings of text, at the places that marks ('|') show. */
static void check_places(struct grammar *grammar, const char *text)
{
    struct err err = {0};
    int32_t end = 2;
    struct matcher *m = matcher_open(grammar, tekken_trie(), &end, 1, &err);
    if (!m)
        fail_msg("%s", err.text);
    for (const char *s = text; *s; s++) {
        if (*s == '|')
            check_mask(m, tekken_trie(), s);
        else if (!matcher_accept_bytes(m, s, 1, NULL, &err))
            fail_msg("%s: %s", s, err.text);
    }
    matcher_close(m);
    grammar_unref(grammar);
}

static struct grammar *finish(struct json_symbols *j, uint32_t root)
{
    struct err err = {0};
    struct grammar *grammar = grammar_finish(j->b, root, &err);
    if (!grammar)
        fail_msg("%s", err.text);
    return grammar;
}

static void begin(struct json_symbols *j, bool is_unique)
{
    struct err err = {0};
    json_symbols(j, grammar_builder_open(&err), is_unique);
}

TEST(matcher_mask, is_exact_in_json)
{
    struct json_symbols j;
    begin(&j, false);
    check_places(finish(&j, j.value), "|{|\"a\xc3|\xa9\":| [|1|.5, tr|ue], \"b|\\|u00|41|\"|: 2}|");
}

TEST(matcher_mask, is_exact_where_names_differ)
{
    struct json_symbols j;
    begin(&j, true);
    check_places(finish(&j, j.value), "{\"ab\": 1, |\"a|b|c\"|: [|{\"a\"|: 1, \"|");
}

static uint32_t pattern(struct json_symbols *j, const char *s)
{
    struct err err = {0};
    uint32_t text = regex_parse(j->set, s, strlen(s), REGEX_SEARCH, &err);
    uint32_t quote = regex_byte(j->set, '"');
    uint32_t parts[] = {quote, regex_json_spelling(j->set, text), quote};
    return grammar_terminal(j->b, regex_cat_all(j->set, parts, 3));
}

TEST(matcher_mask, is_exact_near_the_bounds_of_a_length)
{
    struct json_symbols j;
    begin(&j, false);
    uint32_t string = grammar_terminal(j.b, regex_json_string(j.set, 12, 35));
    check_places(finish(&j, json_array_of(&j, string, 0, 2)),
                 "[\"|01234|5678901|\", |\"012345678901234567890123456|7890|1234|\"|");
    begin(&j, false);
    string = grammar_terminal(j.b, regex_json_string(j.set, 200, 1000));
    check_places(finish(&j, string), "\"|0123|");
}

TEST(matcher_mask, is_exact_for_patterns)
{
    struct json_symbols j;
    begin(&j, false);
    uint32_t kinds[] = {pattern(&j, "^[A-Z][a-z]+ (de|von|the) [^0-9]{3,}$"),
                        pattern(&j, "^(?!the)[a-z]{2,8}(-[a-z]+)*$"), pattern(&j, "quick.*fox")};
    check_places(finish(&j, json_array_of(&j, grammar_choice(j.b, kinds, 3), 1, 3)),
                 "[\"|Anna |the Gr|eat\"|, \"th|a-|b\", \"a quick| fox|\"|]");
}

TEST(matcher_mask, tells_free_text)
{
    struct err err = {0};
    struct json_symbols j;
    struct mask_info info;
    begin(&j, false);
    uint32_t parts[] = {grammar_terminal(j.b, regex_any_text(j.set)),
                        grammar_control(j.b, (int32_t[]){7, 8}, 2), j.value};
    uint64_t all[4] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    uint32_t bytes = regex_repeat(j.set, regex_byte_class(j.set, all), 0, REGEX_FOREVER);
    uint32_t free_parts[] = {grammar_terminal(j.b, bytes), parts[1]};
    struct grammar *grammar = finish(&j, grammar_sequence(j.b, free_parts, 2));
    struct matcher *m = matcher_open(grammar, tekken_trie(), NULL, 0, &err);
    assert_true(matcher_mask(m, mask, &info, &err));
    assert_true(info.is_free);
    assert_int_equal(info.n_allowed, tekken_trie()->n_text + 2);
    assert_true(matcher_accept_bytes(m, "abc", 3, NULL, &err));
    assert_true(matcher_mask(m, mask, &info, &err));
    assert_true(info.is_free);
    assert_true(matcher_accept(m, 7, &err));
    assert_true(matcher_mask(m, mask, &info, &err));
    assert_int_equal(info.n_allowed, 0);
    matcher_close(m);
    grammar_unref(grammar);
}

TEST(matcher_mask, forces_what_has_one_way_on)
{
    struct err err = {0};
    struct json_symbols j;
    struct buf forced;
    int32_t control;
    begin(&j, false);
    struct grammar_member members[] = {{json_name(&j, "first", 5), j.number, true, false},
                                       {json_name(&j, "second", 6), j.word, true, false}};
    struct grammar_list list = {.fixed = members, .n_fixed = 2, .separator = j.comma, .max = 2};
    struct grammar *grammar = finish(&j, json_braces(&j, grammar_list(j.b, &list)));
    struct matcher *m = matcher_open(grammar, NULL, NULL, 0, &err);
    buf_init(&forced, 100);
    assert_true(matcher_forced(m, &forced, &control, &err));
    assert_string_equal(forced.data, "{"); /* white space may follow */
    assert_true(matcher_accept_bytes(m, "{\"", 2, NULL, &err));
    buf_clear(&forced);
    assert_true(matcher_forced(m, &forced, &control, &err));
    assert_string_equal(forced.data, "first\"");
    assert_true(matcher_accept_bytes(m, "first\":1,\"", 10, NULL, &err));
    buf_free(&forced);
    buf_init(&forced, 3);
    assert_true(matcher_forced(m, &forced, &control, &err));
    assert_string_equal(forced.data, "sec"); /* up to the maximum */
    assert_int_equal(control, -1);
    assert_int_equal(matcher_n_accepted(m), 2);
    buf_free(&forced);
    matcher_close(m);
    grammar_unref(grammar);
}

/* Any JSON by random tokens must parse in the end; with bounded lists it does end. */
TEST(matcher_mask, random_walks_are_never_stuck)
{
    struct err err = {0};
    uint64_t random = 3;
    int32_t end = 2;
    struct json_symbols j;
    begin(&j, true);
    uint32_t string = grammar_terminal(j.b, regex_json_string(j.set, 0, 12));
    uint32_t kinds[] = {string, j.word, pattern(&j, "^[a-f]{3}$")};
    struct grammar_member members[] = {
        {json_name(&j, "a", 1), grammar_choice(j.b, kinds, 3), true, false},
        {json_name(&j, "b", 1), json_array_of(&j, kinds[2], 1, 3), false, false}};
    struct grammar_list list = {
        .order = GRAMMAR_ANY_ORDER, .fixed = members, .n_fixed = 2, .separator = j.comma, .max = 2};
    struct grammar *grammar = finish(&j, json_braces(&j, grammar_list(j.b, &list)));
    uint32_t n_words = token_trie_mask_words(tekken_trie());
    for (int round = 0; round < 300; round++) {
        struct matcher *m = matcher_open(grammar, tekken_trie(), &end, 1, &err);
        int32_t id = -1;
        for (int step = 0; id != end; step++) {
            struct mask_info info;
            assert_true(matcher_mask(m, mask, &info, &err));
            assert_in_range(step, 0, 400);
            if (!info.n_allowed)
                fail_msg("round %d: stuck after %d tokens", round, step);
            uint32_t k = test_random(&random) % info.n_allowed, w = 0;
            for (; (uint32_t)__builtin_popcount(mask[w]) <= k; w++)
                k -= (uint32_t)__builtin_popcount(mask[w]);
            uint32_t bits = mask[w];
            while (k--)
                bits &= bits - 1;
            id = (int32_t)(w * 32 + (uint32_t)__builtin_ctz(bits));
            assert_in_range(w, 0, n_words - 1);
            assert_true(matcher_accept(m, id, &err));
        }
        matcher_close(m);
    }
    grammar_unref(grammar);
}
