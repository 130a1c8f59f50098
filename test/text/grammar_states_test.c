/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"
#include "text/grammar_int.h"
#include "text/json_grammar.h"

static struct grammar *counted(uint32_t hi)
{
    struct err err;
    struct json_symbols j;
    json_symbols(&j, grammar_builder_open(&err), false);
    struct grammar *grammar =
        grammar_finish(j.b, grammar_repeat(j.b, json_array_of(&j, j.word, 0, hi), 1, hi), &err);
    assert_non_null(grammar);
    return grammar;
}

TEST(grammar_states, do_not_depend_on_bounds)
{
    struct grammar *few = counted(3), *many = counted(900000);
    assert_int_equal(few->n_states, many->n_states);
    assert_int_equal(few->n_edges, many->n_edges);
    grammar_unref(few);
    grammar_unref(many);
}

TEST(grammar_states, leave_out_what_is_not_reached)
{
    struct err err;
    struct grammar_builder *b = grammar_builder_open(&err);
    uint32_t root = grammar_rule(b), dead = grammar_rule(b);
    uint32_t a = grammar_text(b, "a", 1), unused = grammar_text(b, "unused", 6);
    grammar_produce(b, root, &a, 1);
    grammar_produce(b, root, (uint32_t[]){unused, dead}, 2);
    struct grammar *grammar = grammar_finish(b, root, &err);
    assert_int_equal(grammar->n_terminals, 1);
    /* The end, the rule around the root, the root. */
    assert_int_equal(grammar->n_states, 3);
    assert_int_equal(grammar->n_edges, 2);
    assert_true(grammar->states[STATE_END].accepts);
    assert_ptr_equal(grammar_ref(grammar), grammar);
    grammar_unref(grammar);
    grammar_unref(grammar);
    grammar_unref(NULL);
}
