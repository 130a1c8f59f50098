/* SPDX-License-Identifier: Apache-2.0 */
/* Walks with and without slices against stepping through the bytes of every token. */
#include <string.h>

#include "test.h"
#include "text/json_grammar.h"
#include "text/lexer_int.h"
#include "text/tokenizer_fixture.h"

static const struct token_trie *trie(void)
{
    static struct token_trie *opened;
    struct err err;
    if (!opened)
        opened = token_trie_open(fixture_tokenizer("tekken"), &err);
    assert_non_null(opened);
    return opened;
}

static bool has_token(const struct lex_walk *walk, uint32_t id)
{
    if (walk->mask)
        return trie_bit(walk->mask, id);
    for (uint32_t i = 0; i < walk->n_inside; i++)
        if (walk->ids[i] == id)
            return true;
    return false;
}

/* Whether the bytes stay in terminals; *crosses says whether they may also cross an end. */
static bool stays(struct lexer *lexer, uint32_t state, const char *s, size_t n, bool *crosses)
{
    struct err err;
    *crosses = false;
    for (size_t i = 0; i < n; i++) {
        uint32_t to = lexer_next(lexer, state, (uint8_t)s[i], &err);
        state = to & ~LEX_CROSS;
        if (state == LEX_DEAD)
            return false;
        if (to & LEX_CROSS && i + 1 < n && lex_follows(&lexer->states[state], (uint8_t)s[i + 1]))
            *crosses = true;
    }
    return true;
}

static bool is_below(const struct lexer *lexer, const struct lex_walk *walk, uint32_t id)
{
    for (uint32_t i = 0; i < walk->n_crosses; i++) {
        const struct node_set *set = &lexer->node_sets[walk->crosses[i].nodes];
        const struct trie_part *part =
            set->part ? &lexer->trie->slices[set->part - 1].rest : &lexer->trie->all;
        for (uint32_t k = 0; k < set->n; k++)
            for (uint32_t at = set->nodes[k] + 1;
                 at < set->nodes[k] + trie_size(&part->nodes[set->nodes[k]]); at++)
                if (trie_token(&part->nodes[at]) == id)
                    return true;
    }
    return false;
}

static void check(struct lexer *lexer, uint32_t state)
{
    struct err err = {0};
    uint32_t id;
    assert_true(lexer_walk(lexer, state, 0, &id, &err));
    struct lex_walk walk = lexer->walks[id];
    int n_looked = 0;
    for (uint32_t token = 0; token < trie()->n_vocab; token++) {
        size_t n;
        bool crosses = false;
        const char *s = token_trie_bytes(trie(), (int32_t)token, &n);
        bool fits = s && stays(lexer, state, s, n, &crosses);
        if (has_token(&walk, token) != fits)
            fail_msg("state %u, token %u: %d", state, token, fits);
        if (crosses && n_looked++ < 50 && !is_below(lexer, &walk, token))
            fail_msg("state %u, token %u crosses", state, token);
    }
    /* Kept and the same when it is made again. */
    uint32_t again, n_inside = walk.n_inside, n_crosses = walk.n_crosses;
    assert_true(lexer_walk(lexer, state, 0, &again, &err));
    assert_int_equal(id, again);
    lexer_drop_walks(lexer);
    assert_true(lexer_use_trie(lexer, trie(), &err));
    assert_true(lexer_walk(lexer, state, 0, &again, &err));
    assert_int_equal(lexer->walks[again].n_inside, n_inside);
    assert_int_equal(lexer->walks[again].n_crosses, n_crosses);
}

TEST(lexer_walk, finds_the_tokens_that_stay_and_those_that_cross)
{
    static const struct {
        const char *pattern, *text;
        int slice;
    } cases[] = {
        {"\"[^\"\\\\\\x00-\\x1f\\x7f]*\"", "\"", 0},
        {"\"[^\"\\\\]{0,35}\"", "\"ab", 1},
        {"\"[^\"\\\\]{0,35}\"", "\"abcdefgh", 2},
        {"\"[^\"\\\\]{0,35}\"", "\"01234567890123456789012345678", -1},
        {"-?[0-9]+(\\.[0-9]+)?", "12", -1},
        {"[a-z ]+", "a", -1},
        {"\"[^\"]*\"", "\"\xc3", -1},
        {"[^,]+", "x", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        struct json_symbols j;
        json_symbols(&j, grammar_builder_open(&err), false);
        uint32_t regex =
            regex_parse(j.set, cases[i].pattern, strlen(cases[i].pattern), REGEX_WHOLE, &err);
        uint32_t item = grammar_terminal(j.b, regex);
        uint32_t root = json_array_of(&j, item, 0, GRAMMAR_FOREVER);
        struct grammar *grammar = grammar_finish(j.b, root, &err);
        struct lexer *lexer = grammar->lexer;
        uint32_t at, number = 0;
        while (grammar->terminals[number].regex != regex)
            number++;
        assert_true(lexer_use_trie(lexer, trie(), &err));
        assert_true(lexer_state(lexer, &(struct lex_pair){number, regex}, 1, &at, &err));
        for (const char *s = cases[i].text; *s; s++)
            at = lexer_next(lexer, at, (uint8_t)*s, &err) & ~LEX_CROSS;
        int slice;
        assert_true(lexer_slice(lexer, at, &slice, &err));
        if (slice != cases[i].slice)
            fail_msg("%s behind %s: slice %d", cases[i].pattern, cases[i].text, slice);
        check(lexer, at);
        grammar_unref(grammar);
    }
}
