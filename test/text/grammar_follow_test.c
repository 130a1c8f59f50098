/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "test.h"
#include "text/grammar_int.h"

static void want_follow(const struct grammar *grammar, uint32_t symbol, const char *want)
{
    const struct terminal *terminal = &grammar->terminals[grammar->symbols[symbol].start];
    for (uint32_t b = 1; b < 256; b++)
        if ((terminal->follow[b >> 6] >> (b & 63) & 1) != (strchr(want, (int)b) != NULL))
            fail_msg("symbol %u, byte %c", symbol, (char)b);
}

TEST(grammar_follow, knows_what_comes_behind_terminals)
{
    struct err err;
    struct grammar_builder *b = grammar_builder_open(&err);
    struct regex_set *set = grammar_regexes(b);
    uint32_t a = grammar_text(b, "a", 1), x = grammar_text(b, "x", 1), y = grammar_text(b, "yz", 2);
    uint32_t maybe = grammar_terminal(b, regex_optional(set, regex_byte_range(set, 'b', 'c')));
    uint32_t comma = grammar_text(b, ",", 1), end = grammar_text(b, ".", 1);
    int32_t id = 5;
    uint32_t control = grammar_control(b, &id, 1);
    struct grammar_member members[] = {{x, GRAMMAR_EMPTY, false, false}, {y, a, false, false}};
    struct grammar_list spec = {.fixed = members,
                                .n_fixed = 1,
                                .free = members + 1,
                                .n_free = 1,
                                .separator = comma,
                                .max = 3};
    uint32_t list = grammar_list(b, &spec);
    uint32_t times = grammar_repeat(b, end, 1, 3);
    uint32_t all[] = {a, maybe, list, times, control};
    struct grammar *grammar = grammar_finish(b, grammar_sequence(b, all, 5), &err);
    assert_non_null(grammar);
    want_follow(grammar, a, "bcxy.,");
    want_follow(grammar, maybe, "xy.");
    want_follow(grammar, x, ",.");
    want_follow(grammar, y, "a");
    want_follow(grammar, comma, "xy");
    want_follow(grammar, end, "."); /* control tokens are no bytes */
    grammar_unref(grammar);
}
