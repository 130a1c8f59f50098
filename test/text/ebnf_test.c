/* SPDX-License-Identifier: Apache-2.0 */
#include "text/ebnf_int.h"

#include "schema_says.h"
#include "text/gbnf.h"

#define WORDS "abcbcbcbcbcbcbcbcbcbcbcbcbcbcbcbcbcbcbcbcbcbcbcbcbcbcbcbcbcbc"

/* Rules that double what they hold stay rules: one terminal of all would be too large. */
TEST(ebnf, rules_that_grow_stay_rules)
{
    char text[4096];
    size_t n = (size_t)snprintf(text, sizeof text, "root ::= r60\nr0 ::= \"a\"?\n");
    for (int i = 1; i <= 60; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "r%d ::= r%d \"c\" | r%d \"b\"\n", i,
                              i - 1, i - 1);
    struct err err = {0};
    struct grammar *grammar = gbnf_grammar("g", (struct span){text, n}, NULL, &err);
    assert_non_null(grammar);
    struct matcher *matcher = matcher_open(grammar, NULL, NULL, 0, &err);
    if (!matcher)
        fail_msg("%s", err.text);
    assert_true(says_accept(matcher, WORDS, 61));
    assert_true(says_accept(matcher, WORDS + 1, 60));
    assert_false(says_accept(matcher, WORDS, 60));
    matcher_close(matcher);
    grammar_unref(grammar);
}

/* A long chain of rules is not followed to its end by recursion. */
TEST(ebnf, long_chains_end)
{
    struct buf text;
    struct err err = {0};
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 20000; i++) {
        char line[64];
        int n = snprintf(line, sizeof line, i ? "r%d ::= \"a\" r%d\n" : "root ::= r%d\n", i ? i : 1,
                         i + 1);
        assert_true(buf_add(&text, line, (size_t)n, &err));
    }
    assert_true(buf_add(&text, "r20000 ::= \"b\"\n", 15, &err));
    struct grammar *grammar = gbnf_grammar("g", (struct span){text.data, text.len}, NULL, &err);
    assert_non_null(grammar);
    grammar_unref(grammar);
    buf_free(&text);
}
