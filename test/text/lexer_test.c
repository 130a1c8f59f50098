/* SPDX-License-Identifier: Apache-2.0 */
#include "text/json_grammar.h"

#include <string.h>

#include "test.h"
#include "text/lexer_int.h"

static struct grammar *texts(uint32_t n)
{
    static const char *const patterns[] = {"[a-z]+", "if", "[0-9]{2,5}", "if|else"};
    struct err err;
    struct grammar_builder *b = grammar_builder_open(&err);
    uint32_t root = grammar_rule(b);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t regex =
            regex_parse(grammar_regexes(b), patterns[i], strlen(patterns[i]), REGEX_WHOLE, &err);
        uint32_t terminal = grammar_terminal(b, regex);
        grammar_produce(b, root, &terminal, 1);
    }
    struct grammar *grammar = grammar_finish(b, root, &err);
    assert_non_null(grammar);
    return grammar;
}

TEST(lexer, follows_all_terminals_at_once)
{
    struct err err;
    struct grammar *grammar = texts(4);
    struct lexer *lexer = grammar->lexer;
    struct lex_pair pairs[4];
    uint32_t start, again, at;
    for (uint32_t i = 0; i < 4; i++)
        pairs[i] = (struct lex_pair){i, grammar->terminals[i].regex};
    assert_true(lexer_state(lexer, pairs, 4, &start, &err));
    struct lex_pair backwards[] = {pairs[3], pairs[2], pairs[1], pairs[0]};
    assert_true(lexer_state(lexer, backwards, 4, &again, &err));
    assert_int_equal(start, again);
    at = lexer_next(lexer, start, 'i', &err);
    assert_int_equal(lexer->states[at].n, 3);
    at = lexer_next(lexer, at, 'f', &err);
    const struct lex_set *accept = &lexer->sets[lexer->states[at].accept];
    assert_int_equal(accept->n, 3);
    assert_int_equal(lexer_next(lexer, at, '0', &err), LEX_DEAD);
    at = lexer_next(lexer, at, 'x', &err);
    assert_int_equal(lexer->states[at].n, 1);
    assert_int_equal(lexer_next(lexer, at, 'q', &err), at);
    assert_true(lexer_state(lexer, NULL, 0, &at, &err));
    assert_int_equal(at, LEX_DEAD);
    uint32_t set;
    assert_true(lexer_set(lexer, NULL, 0, &set, &err));
    assert_int_equal(set, 0);
    assert_in_range(lexer_bytes(lexer), 1000, 200000);
    grammar_unref(grammar);
}

TEST(lexer, drops_terminals_without_a_text)
{
    struct err err;
    struct grammar *grammar = texts(1);
    struct regex_set *set = grammar->set;
    uint32_t at, two = regex_text_length(set, 2, 2), one = regex_text_length(set, 1, 1);
    uint32_t both = regex_and(set, regex_cat(set, two, regex_any_text(set)),
                              regex_not(set, regex_not(set, one)));
    struct lex_pair pairs[] = {{0, both}};
    assert_true(lexer_state(grammar->lexer, pairs, 1, &at, &err));
    assert_int_equal(at, LEX_DEAD);
    grammar_unref(grammar);
}
