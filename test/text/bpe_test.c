/* SPDX-License-Identifier: Apache-2.0 */
#include "text/bpe_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"
#include "text/tokenizer_fixture.h"

/* The definition: look at all neighbours each time, merge the best, leftmost first. */
static size_t merge_slowly(const struct tokenizer *tok, const char *s, size_t n, int32_t *ids)
{
    size_t at[128], n_parts = 0;
    for (size_t i = 0; i < n; i++)
        at[n_parts++] = i;
    at[n_parts] = n;
    for (;;) {
        int32_t best = -1;
        size_t where = 0;
        for (size_t i = 0; i + 1 < n_parts; i++) {
            int32_t id = vocab_find(&tok->pieces, &tok->vocab, s + at[i], at[i + 2] - at[i]);
            if (id >= 0 && (best < 0 || id < best)) {
                best = id;
                where = i;
            }
        }
        if (best < 0)
            break;
        memmove(at + where + 1, at + where + 2, (n_parts - where - 1) * sizeof *at);
        n_parts--;
    }
    for (size_t i = 0; i < n_parts; i++)
        ids[i] = vocab_find(&tok->pieces, &tok->vocab, s + at[i], at[i + 1] - at[i]);
    return n_parts;
}

TEST(bpe, merges_as_the_definition)
{
    const struct tokenizer *tok = fixture_tokenizer("tekken");
    static const char alphabet[] = "eeetain  orss\xc3\xa9\xe4\xb8\xad--aaa";
    uint64_t seed = 1;
    struct token_ids got = {0};
    struct bpe bpe;
    struct err err = {0};
    /* Words must stay where they are while they may be remembered. */
    static char words[20000][64];
    assert_true(bpe_init(&bpe, tok, sizeof words, &got, &err));
    for (size_t round = 0; round < 20000; round++) {
        int32_t want[64];
        size_t n = 1 + test_random(&seed) % (round % 8 ? 8 : 63), before = got.n;
        for (size_t i = 0; i < n; i++)
            words[round][i] = alphabet[test_random(&seed) % (sizeof alphabet - 1)];
        size_t n_want = merge_slowly(tok, words[round], n, want);
        assert_true(bpe_word(&bpe, words[round], n, &err));
        assert_int_equal(got.n - before, n_want);
        assert_memory_equal(got.ids + before, want, n_want * sizeof *want);
    }
    bpe_free(&bpe);
    token_ids_free(&got);
}

TEST(bpe, takes_no_quadratic_time)
{
    enum { N = 1000000 };
    const struct tokenizer *tok = fixture_tokenizer("tekken");
    struct token_ids got = {0};
    struct err err = {0};
    char *text = malloc(N);
    /* Tens of seconds at least, if it were quadratic; no clock is needed to notice. */
    static const char *const units[] = {"a", " ", "\n", "\xff", "ab", "!", "e\xcc\x81"};
    for (size_t k = 0; k < sizeof units / sizeof *units; k++) {
        for (size_t i = 0; i < N; i++)
            text[i] = units[k][i % strlen(units[k])];
        got.n = 0;
        assert_true(tokenizer_encode(tok, text, N, &got, &err));
        assert_true(got.n > 1000);
    }
    free(text);
    token_ids_free(&got);
}

TEST(bpe, reports_missing_memory)
{
    struct token_ids got = {0};
    struct bpe bpe;
    struct err err = {0};
    bool ok = false;
    for (size_t n = 0; !ok; n++) {
        mem_fail_after(n);
        ok = bpe_init(&bpe, fixture_tokenizer("tekken"), 10, &got, &err) &&
             bpe_word(&bpe, "qzxqzx", 6, &err);
        bool failed = mem_n_failed() > 0;
        mem_fail_never();
        assert_int_equal(ok, !failed);
        assert_int_equal(err.code, ok && !n ? ERR_NONE : ERR_LIMIT);
        bpe_free(&bpe);
    }
    token_ids_free(&got);
}
