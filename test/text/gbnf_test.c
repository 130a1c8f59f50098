/* SPDX-License-Identifier: Apache-2.0 */
#include "text/gbnf.h"

#include "base/mem.h"
#include "schema_says.h"
#include "text/token_trie.h"
#include "text/tokenizer.h"
#include "text/tokenizer_fixture.h"

static struct grammar *compile(const char *text, struct err *err)
{
    return gbnf_grammar("g", (struct span){text, strlen(text)}, NULL, err);
}

static void check(const char *text, const char *const *good, const char *const *bad)
{
    struct err err = {0};
    struct grammar *grammar = compile(text, &err);
    if (!grammar)
        fail_msg("%s: %s", text, err.text);
    struct matcher *matcher = matcher_open(grammar, NULL, NULL, 0, &err);
    if (!matcher)
        fail_msg("%s", err.text);
    for (; *good; good++)
        if (!says_accept(matcher, *good, strlen(*good)))
            fail_msg("%s rejects %s", text, *good);
    for (; *bad; bad++)
        if (says_accept(matcher, *bad, strlen(*bad)))
            fail_msg("%s accepts %s", text, *bad);
    matcher_close(matcher);
    grammar_unref(grammar);
}

TEST(gbnf, notation)
{
    check("root ::= \"a\\n\" [^b-d]  # comment\n", TEXTS("a\na", "a\n\xC3\xA9"),
          TEXTS("a\nc", "a\n", "a"));
    check("root ::= x{2} y{1,} z{,2} \"!\"?\nx ::= \"x\"\ny ::= \"y\"\nz::= [z]",
          TEXTS("xxy", "xxyyyzz!"), TEXTS("xy", "xxzz", "xxyzzz", "xxy!!"));
    check("root ::= (\n  \"a\" |\n  \"b\"\n)+ |\n\"c\"", TEXTS("abba", "c"), TEXTS("", "cc"));
    check("root ::= \"\\x41\\u00e9\\U0001F600\" . \"\\\"\\\\\"",
          TEXTS("A\xC3\xA9\xF0\x9F\x98\x80?\"\\"), TEXTS("A"));
    check("root ::= [a-zA-Z0-9_\\-\\]]*", TEXTS("", "a-]_9"), TEXTS("[", " "));
    check("unused ::= \"x\"\nroot ::= \"\"", TEXTS(""), TEXTS("x"));
}

/* Recursion to the left, to the right and in the middle; rules that may be empty. */
TEST(gbnf, recursion)
{
    check("root ::= root \"+\" term | term\nterm ::= [0-9]+ | \"(\" root \")\"",
          TEXTS("1", "1+23+(4+5)"), TEXTS("", "1+", "(1", "+1"));
    check("root ::= \"a\" root \"b\" | \"\"", TEXTS("", "ab", "aaabbb"), TEXTS("a", "abab"));
    check("root ::= a a a \"x\"\na ::= | \"a\"", TEXTS("x", "aax"), TEXTS("aaaax"));
}

/* Arithmetic and JSON as llama.cpp's README has them, shortened. */
TEST(gbnf, json)
{
    check("root   ::= object\n"
          "value  ::= object | array | string | number | (\"true\" | \"false\" | \"null\") ws\n"
          "object ::= \"{\" ws ( string \":\" ws value (\",\" ws string \":\" ws value)* )? \"}\" "
          "ws\n"
          "array  ::= \"[\" ws ( value (\",\" ws value)* )? \"]\" ws\n"
          "string ::= \"\\\"\" ( [^\"\\\\\\x7F\\x00-\\x1F] | \"\\\\\" ([\"\\\\bfnrt] | \"u\" "
          "[0-9a-fA-F]{4}) )* \"\\\"\" ws\n"
          "number ::= (\"-\"? ([0-9] | [1-9] [0-9]{0,15})) (\".\" [0-9]+)? ([eE] [-+]? [0-9] "
          "[1-9]{0,15})? ws\n"
          "ws ::= | \" \" | \"\\n\" [ \\t]{0,20}\n",
          TEXTS("{}", "{\"a\": [1, -2.5e3, \"\\u00e9\\n\"], \"b\": {\"c\": null}}"),
          TEXTS("[]", "{a:1}", "{\"a\":01}", "{\"a\":\"\n\"}"));
}

TEST(gbnf, messages_name_the_place)
{
    static const char *const all[][2] = {
        {"root ::= x", "g: line 1, column 10: the rule is not defined"},
        {"a ::= \"x\"", "g: line 1, column 1: there is no rule \"root\""},
        {"root ::= \"a\nb\"\n", NULL},
        {"root ::= \"a", "g: line 1, column 12: the grammar ends inside a text"},
        {"root ::= (\"a\"", "g: line 1, column 14: expected ')'"},
        {"root ::= \"a\"\nroot ::= \"b\"", "g: line 2, column 1: the rule is defined twice"},
        {"root ::= \"a\"{3,2}", "g: line 1, column 17: the bounds are the wrong way round"},
        {"root ::= \"a\"{9999999}", "g: line 1, column 20: the number is too large"},
        {"root ::= [b-a]", "g: line 1, column 14: the range is empty"},
        {"root ::= \"\\q\"", "g: line 1, column 12: unknown escape"},
        {"root ::= \"\\uD800\"", "g: line 1, column 17: this is no character"},
        {"root := \"a\"", "g: line 1, column 6: expected '::='"},
        {"root ::= ?", "g: line 1, column 10: expected a text, a class, a rule or a group"},
        {"root ::= <[5]>", "g: line 1, column 11: tokens need a model"},
        {"::= \"a\"", "g: line 1, column 1: expected the name of a rule"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct err err = {0};
        struct grammar *grammar = compile(all[i][0], &err);
        if (!all[i][1]) {
            assert_non_null(grammar);
            grammar_unref(grammar);
            continue;
        }
        assert_null(grammar);
        assert_string_equal(err.text, all[i][1]);
    }
}

TEST(gbnf, tokens_by_id_and_name)
{
    static const char text[] = "root ::= <[TOOL_CALLS]> \"a\" !<[TOOL_CALLS]> <[9]>";
    struct err err = {0};
    const struct tokenizer *tok = fixture_generation("tekken-v13");
    int32_t eos = tokenizer_eos(tok), calls = tokenizer_control(tok, "[TOOL_CALLS]");
    struct grammar *grammar = gbnf_grammar("g", SPAN(text), tok, &err);
    struct token_trie *trie = token_trie_open(tok, &err);
    assert_non_null(grammar);
    struct matcher *matcher = matcher_open(grammar, trie, &eos, 1, &err);
    assert_int_equal(calls, 9);
    assert_false(matcher_accept(matcher, 10, &err));
    assert_true(matcher_accept(matcher, calls, &err));
    assert_true(matcher_accept_bytes(matcher, "a", 1, NULL, &err));
    assert_false(matcher_accept(matcher, calls, &err));
    assert_true(matcher_accept(matcher, 5000, &err));
    assert_true(matcher_accept(matcher, 9, &err));
    assert_true(matcher_accept(matcher, eos, &err));
    matcher_close(matcher);
    token_trie_close(trie);
    grammar_unref(grammar);
}

TEST(gbnf, every_failed_allocation_is_told)
{
    static const char text[] = "root ::= a | \"(\" root \")\"\na ::= [a-z]{1,9} (\"x\" | \"y\")*";
    struct grammar *grammar = NULL;
    for (size_t n = 0; !grammar; n++) {
        struct err err = {0};
        mem_fail_after(n);
        grammar = compile(text, &err);
        mem_fail_never();
        if (!grammar)
            assert_true(err.code == ERR_LIMIT || strstr(err.text, "memory"));
    }
    grammar_unref(grammar);
}
