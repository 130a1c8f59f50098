/* SPDX-License-Identifier: Apache-2.0 */
#include "text/rows_int.h"

#include <stdio.h>
#include <string.h>

#include "test.h"
#include "text/json_grammar.h"
#include "text/matcher_int.h"

static uint32_t n_rows_after(struct matcher *m, const char *text)
{
    struct err err = {0};
    if (!matcher_accept_bytes(m, text, strlen(text), NULL, &err))
        fail_msg("%s: %s", text, err.text);
    return m->rows.n_rows;
}

TEST(rows, repetition_needs_no_new_rows)
{
    struct err err;
    struct json_symbols j;
    json_symbols(&j, grammar_builder_open(&err), false);
    struct grammar *grammar = grammar_finish(j.b, j.value, &err);
    struct matcher *m = matcher_open(grammar, NULL, NULL, 0, &err);
    uint32_t n = n_rows_after(m, "[{\"a\":1,\"b\":[2,3]},{\"a\":4,\"b\":[5,6]},");
    for (int i = 0; i < 50; i++)
        assert_int_equal(n_rows_after(m, "{\"x\":1,\"y\":[2,3]},"), n);
    matcher_close(m);
    grammar_unref(grammar);
}

TEST(rows, recursion_at_either_end_needs_no_new_rows)
{
    for (int is_left = 0; is_left < 2; is_left++) {
        struct err err;
        struct grammar_builder *b = grammar_builder_open(&err);
        uint32_t a = grammar_text(b, "a", 1), list = grammar_rule(b);
        uint32_t more[] = {is_left ? list : a, is_left ? a : list};
        grammar_produce(b, list, more, 2);
        grammar_produce(b, list, NULL, 0);
        struct grammar *grammar = grammar_finish(b, list, &err);
        struct matcher *m = matcher_open(grammar, NULL, NULL, 0, &err);
        uint32_t n = n_rows_after(m, "aaaa");
        assert_int_equal(n_rows_after(m, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), n);
        matcher_close(m);
        grammar_unref(grammar);
    }
}

TEST(rows, ambiguity_has_a_limit)
{
    struct err err = {0};
    struct grammar_builder *b = grammar_builder_open(&err);
    uint32_t root = grammar_rule(b), a = grammar_text(b, "a", 1);
    for (int i = 0; i < 2500; i++) {
        char text[16];
        int n = snprintf(text, sizeof text, "%d", i);
        uint32_t rule = grammar_rule(b);
        grammar_produce(b, rule, (uint32_t[]){a, grammar_text(b, text, (size_t)n)}, 2);
        grammar_produce(b, root, &rule, 1);
    }
    struct grammar *grammar = grammar_finish(b, root, &err);
    assert_non_null(grammar);
    assert_null(matcher_open(grammar, NULL, NULL, 0, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    grammar_unref(grammar);
}
