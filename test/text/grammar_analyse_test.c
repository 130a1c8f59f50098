/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"
#include "text/grammar_int.h"

TEST(grammar_analyse, finds_what_is_productive_and_what_may_be_empty)
{
    struct err err;
    struct grammar_builder *b = grammar_builder_open(&err);
    struct regex_set *set = grammar_regexes(b);
    uint32_t a = grammar_text(b, "a", 1);
    uint32_t maybe = grammar_terminal(b, regex_optional(set, regex_byte(set, 'b')));
    uint32_t letters = regex_repeat(set, regex_byte_range(set, 'a', 'z'), 1, 2);
    uint32_t none =
        grammar_terminal(b, regex_and(set, letters, regex_repeat(set, regex_byte(set, 'a'), 3, 4)));
    uint32_t loop = grammar_rule(b), left = grammar_rule(b), both = grammar_rule(b);
    uint32_t control = grammar_control(b, NULL, 0);
    grammar_produce(b, loop, (uint32_t[]){a, loop}, 2); /* never ends */
    grammar_produce(b, left, (uint32_t[]){left, a}, 2);
    grammar_produce(b, left, NULL, 0);
    grammar_produce(b, both, (uint32_t[]){maybe, left}, 2);
    uint32_t with_none = grammar_sequence(b, (uint32_t[]){a, none}, 2);
    uint32_t no_control = grammar_sequence(b, (uint32_t[]){a, control}, 2);
    uint32_t any_times = grammar_repeat(b, none, 0, 3), thrice = grammar_repeat(b, none, 3, 3);
    uint32_t empties = grammar_repeat(b, both, 2, 3);
    assert_true(grammar_analyse(b, &err));
    const struct {
        uint32_t id;
        bool is_productive, is_nullable;
    } wants[] = {
        {a, true, false},          {maybe, true, true},        {none, false, false},
        {loop, false, false},      {left, true, true},         {both, true, true},
        {with_none, false, false}, {no_control, false, false}, {any_times, true, true},
        {thrice, false, false},    {empties, true, true},      {GRAMMAR_EMPTY, true, true}};
    for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
        const struct symbol *symbol = &b->symbols[wants[i].id];
        if (symbol->is_productive != wants[i].is_productive ||
            (symbol->is_productive && symbol->is_nullable != wants[i].is_nullable))
            fail_msg("symbol %zu: %d %d", i, symbol->is_productive, symbol->is_nullable);
    }
    assert_int_equal(b->symbols[empties].lo, 0);
    grammar_builder_close(b);
}
