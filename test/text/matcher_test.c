/* SPDX-License-Identifier: Apache-2.0 */
#include "text/matcher.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "text/json_grammar.h"
#include "text/token_trie.h"
#include "text/toy_vocabulary.h"

static struct grammar *json(bool is_unique)
{
    struct err err = {0};
    struct json_symbols j;
    struct grammar_builder *b = grammar_builder_open(&err);
    json_symbols(&j, b, is_unique);
    struct grammar *grammar = grammar_finish(b, j.value, &err);
    if (!grammar)
        fail_msg("%s", err.text);
    return grammar;
}

static bool accepts(struct grammar *grammar, const char *text)
{
    struct err err = {0};
    bool ends = false;
    struct matcher *m = matcher_open(grammar, NULL, NULL, 0, &err);
    bool fits = matcher_accept_bytes(m, text, strlen(text), NULL, &err);
    assert_true(!fits || matcher_can_end(m, &ends, &err));
    matcher_close(m);
    return ends;
}

TEST(matcher, reads_json)
{
    static const struct {
        const char *text;
        bool want;
    } cases[] = {
        {"{}", true},
        {"[]", true},
        {"null", true},
        {"-0.5e+10", true},
        {"01", false},
        {"{\"a\": [1, 2, {\"b\": \"\\u00e9\\ud83d\\ude00\"}], \"c\":null}", true},
        {"{\n  \"a\": 1,\n  \"b\": 2\n}", true},
        {"\"\\ud83d\"", false},
        {"\"a\nb\"", false},
        {"[1,]", false},
        {"{\"a\"}", false},
        {"", false},
        {"[[[[[[[[[[1]]]]]]]]]]", true},
        {"[1", false},
        {"1 ", false},
    };
    struct grammar *grammar = json(false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (accepts(grammar, cases[i].text) != cases[i].want)
            fail_msg("%s", cases[i].text);
    assert_true(accepts(grammar, "{\"a\":1,\"a\":2}"));
    grammar_unref(grammar);
}

TEST(matcher, names_of_an_object_differ)
{
    struct grammar *grammar = json(true);
    assert_true(accepts(grammar, "{\"a\":1,\"b\":2,\"\":{\"a\":3}}"));
    assert_false(accepts(grammar, "{\"a\":1,\"b\":2,\"a\":3}"));
    assert_false(accepts(grammar, "{\"a\":{\"x\":1,\"x\":2}}"));
    assert_true(accepts(grammar, "[{\"a\":1},{\"a\":1}]"));
    assert_true(accepts(grammar, "{\"ab\":1,\"a\":2,\"abc\":3}"));
    grammar_unref(grammar);
}

TEST(matcher, says_how_far_bytes_fit)
{
    struct err err = {0};
    size_t n_good;
    struct grammar *grammar = json(false);
    struct matcher *m = matcher_open(grammar, NULL, NULL, 0, &err);
    assert_false(matcher_accept_bytes(m, "[1,x]", 5, &n_good, &err));
    assert_int_equal(n_good, 3);
    assert_int_equal(matcher_n_accepted(m), 0);
    assert_true(matcher_accept_bytes(m, "[1,", 3, &n_good, &err));
    assert_int_equal(n_good, 3);
    matcher_close(m);
    grammar_unref(grammar);
}

TEST(matcher, a_long_list_takes_time_in_proportion)
{
    struct err err = {0};
    bool yes;
    struct grammar_builder *b = grammar_builder_open(&err);
    /* list ::= item list | item, as grammars written by hand have it */
    uint32_t item = grammar_text(b, "1,", 2), list = grammar_rule(b);
    uint32_t more[] = {item, list};
    grammar_produce(b, list, more, 2);
    grammar_produce(b, list, &item, 1);
    uint32_t parts[] = {grammar_text(b, "[", 1), list, grammar_text(b, "]", 1)};
    struct grammar *grammar = grammar_finish(b, grammar_sequence(b, parts, 3), &err);
    struct matcher *m = matcher_open(grammar, NULL, NULL, 0, &err);
    assert_true(matcher_accept_bytes(m, "[", 1, NULL, &err));
    for (int i = 0; i < 100000; i++)
        assert_true(matcher_accept_bytes(m, "1,", 2, NULL, &err));
    assert_true(matcher_accept_bytes(m, "]", 1, NULL, &err));
    assert_true(matcher_is_complete(m, &yes, &err));
    assert_true(yes);
    matcher_close(m);
    grammar_unref(grammar);
}

TEST(matcher, counts_without_copies)
{
    struct err err = {0};
    struct json_symbols j;
    struct grammar_builder *b = grammar_builder_open(&err);
    json_symbols(&j, b, false);
    struct grammar *grammar = grammar_finish(b, json_array_of(&j, j.word, 3, 1000000), &err);
    assert_false(accepts(grammar, "[null,null]"));
    assert_true(accepts(grammar, "[null,null,true]"));
    assert_in_range(grammar_bytes(grammar), 1, 300000);
    grammar_unref(grammar);
}

/* <call> name <args> JSON, as often as wanted, or text; then the end. */
static struct grammar *calls(void)
{
    struct err err = {0};
    struct json_symbols j;
    struct grammar_builder *b = grammar_builder_open(&err);
    json_symbols(&j, b, false);
    int32_t call_id = 9, args_id = 10;
    uint32_t parts[] = {grammar_control(b, &call_id, 1), grammar_text(b, "f", 1),
                        grammar_control(b, &args_id, 1), j.object};
    uint32_t one = grammar_sequence(b, parts, 4);
    uint32_t text = grammar_terminal(b, regex_any_text(j.set));
    uint32_t all[] = {text, grammar_repeat(b, one, 0, GRAMMAR_FOREVER)};
    struct grammar *grammar = grammar_finish(b, grammar_sequence(b, all, 2), &err);
    if (!grammar)
        fail_msg("%s", err.text);
    return grammar;
}

static bool bit(const uint32_t *mask, int32_t id)
{
    return mask[id >> 5] >> (id & 31) & 1;
}

TEST(matcher, control_tokens_go_by_id_and_ends_by_state)
{
    struct err err = {0};
    int32_t ends[] = {TOY_END, 3}, control;
    uint32_t mask[32];
    struct mask_info info;
    bool yes;
    struct tokenizer *tok = toy_tokenizer();
    struct token_trie *trie = token_trie_open(tok, &err);
    struct grammar *grammar = calls();
    struct matcher *m = matcher_open(grammar, trie, ends, 2, &err);
    assert_true(matcher_mask(m, mask, &info, &err));
    assert_true(bit(mask, 9) && bit(mask, TOY_END) && bit(mask, 3) && !bit(mask, 10));
    assert_true(matcher_accept(m, TOY_CONTROLS + 'x', &err));
    assert_true(matcher_mask(m, mask, &info, &err));
    assert_true(bit(mask, 9) && bit(mask, TOY_END));
    assert_false(matcher_accept(m, 10, &err));
    assert_int_equal(err.code, ERR_ARG);
    assert_true(matcher_accept(m, 9, &err));
    assert_true(matcher_mask(m, mask, &info, &err));
    assert_int_equal(info.n_allowed, 1);
    assert_true(bit(mask, TOY_CONTROLS + 'f'));
    assert_false(matcher_accept(m, TOY_END, &err));
    struct buf forced;
    buf_init(&forced, 100);
    assert_true(matcher_forced(m, &forced, &control, &err));
    assert_int_equal(control, -1);
    assert_string_equal(forced.data, "f");
    assert_true(matcher_accept(m, TOY_CONTROLS + 'f', &err));
    assert_true(matcher_forced(m, &forced, &control, &err));
    assert_int_equal(control, 10);
    assert_true(matcher_accept(m, 10, &err));
    assert_true(matcher_accept_bytes(m, "{}", 2, NULL, &err));
    assert_true(matcher_mask(m, mask, &info, &err));
    assert_int_equal(info.n_allowed, 3); /* a call or an end */
    assert_true(matcher_accept(m, 3, &err));
    assert_true(matcher_is_complete(m, &yes, &err));
    assert_true(yes);
    assert_true(matcher_mask(m, mask, &info, &err));
    assert_int_equal(info.n_allowed, 0);
    assert_false(matcher_accept(m, 9, &err));
    matcher_rollback(m, 1);
    assert_true(matcher_accept(m, 9, &err));
    matcher_close(m);
    buf_free(&forced);
    grammar_unref(grammar);
    token_trie_close(trie);
    tokenizer_close(tok);
}

/* Steps at random from masks; a copy that goes elsewhere and back, and one that replays, stay
 * the same. */
static void wander(struct grammar *grammar, const struct token_trie *trie, uint64_t seed)
{
    struct err err = {0};
    int32_t end = TOY_END, ids[40];
    uint32_t mask[32], other[32], replayed[32];
    int n = 0;
    struct matcher *m = matcher_open(grammar, trie, &end, 1, &err);
    struct matcher *fork = matcher_fork(m, &err);
    for (; n < 40; n++) {
        assert_true(matcher_mask(m, mask, NULL, &err));
        int32_t id = (int32_t)(test_random(&seed) % token_trie_n_vocab(trie));
        while (!bit(mask, id))
            id = (int32_t)(test_random(&seed) % token_trie_n_vocab(trie));
        if (id == TOY_END)
            break;
        ids[n] = id;
        assert_true(matcher_accept(m, id, &err));
        assert_true(matcher_accept(fork, id, &err));
        if (!(n % 5)) { /* away and back */
            struct matcher *copy = matcher_fork(fork, &err);
            int k = 0;
            while (k < 3 && matcher_mask(fork, other, NULL, &err)) {
                int32_t away = (int32_t)(test_random(&seed) % token_trie_n_vocab(trie));
                k += bit(other, away) && away != TOY_END && matcher_accept(fork, away, &err);
                if (bit(other, TOY_END))
                    break;
            }
            matcher_rollback(fork, (size_t)k);
            assert_true(matcher_mask(copy, other, NULL, &err));
            matcher_close(copy);
            assert_true(matcher_mask(m, mask, NULL, &err));
            assert_memory_equal(mask, other, token_trie_mask_words(trie) * sizeof *mask);
        }
        assert_true(matcher_mask(m, mask, NULL, &err));
        assert_true(matcher_mask(fork, other, NULL, &err));
        assert_memory_equal(mask, other, token_trie_mask_words(trie) * sizeof *mask);
    }
    struct matcher *again = matcher_open(grammar, trie, &end, 1, &err);
    for (int i = 0; i < n; i++)
        assert_true(matcher_accept(again, ids[i], &err));
    assert_true(matcher_mask(m, mask, NULL, &err));
    assert_true(matcher_mask(again, replayed, NULL, &err));
    assert_memory_equal(mask, replayed, token_trie_mask_words(trie) * sizeof *mask);
    assert_int_equal(matcher_n_accepted(m), n);
    matcher_close(m);
    matcher_close(fork);
    matcher_close(again);
}

TEST(matcher, rollback_fork_and_replay_agree)
{
    struct err err = {0};
    struct tokenizer *tok = toy_tokenizer();
    struct token_trie *trie = token_trie_open(tok, &err);
    for (uint64_t seed = 1; seed < 20; seed++) {
        struct grammar *grammar = seed % 3 ? json(seed % 2) : calls();
        for (uint64_t k = 0; k < 5; k++)
            wander(grammar, trie, seed * 100 + k);
        grammar_unref(grammar);
    }
    token_trie_close(trie);
    tokenizer_close(tok);
}

struct user {
    struct grammar *grammar;
    const struct token_trie *trie;
    uint64_t seed;
};

static void *use(void *arg)
{
    struct user *user = arg;
    for (uint64_t k = 0; k < 10; k++)
        wander(user->grammar, user->trie, user->seed + k);
    grammar_unref(user->grammar);
    return NULL;
}

TEST(matcher, several_threads_share_a_grammar)
{
    struct err err = {0};
    pthread_t threads[4];
    struct user users[4];
    struct tokenizer *tok = toy_tokenizer();
    struct token_trie *trie = token_trie_open(tok, &err);
    struct grammar *grammar = json(true);
    for (uint64_t i = 0; i < 4; i++) {
        users[i] = (struct user){grammar_ref(grammar), trie, 1000 * i};
        assert_int_equal(pthread_create(&threads[i], NULL, use, &users[i]), 0);
    }
    grammar_unref(grammar);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    token_trie_close(trie);
    tokenizer_close(tok);
}

TEST(matcher, refuses_an_end_outside_the_vocabulary_and_a_second_vocabulary)
{
    struct err err = {0};
    int32_t end = 1000000;
    struct tokenizer *tok = toy_tokenizer();
    struct token_trie *trie = token_trie_open(tok, &err), *other = token_trie_open(tok, &err);
    struct grammar *grammar = json(false);
    assert_null(matcher_open(grammar, trie, &end, 1, &err));
    assert_int_equal(err.code, ERR_ARG);
    matcher_close(matcher_open(grammar, trie, NULL, 0, &err));
    assert_null(matcher_open(grammar, other, NULL, 0, &err));
    assert_string_equal(err.text, "a grammar serves one vocabulary only");
    grammar_unref(grammar);
    token_trie_close(trie);
    token_trie_close(other);
    tokenizer_close(tok);
}
