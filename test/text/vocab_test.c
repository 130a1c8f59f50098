/* SPDX-License-Identifier: Apache-2.0 */
#include "text/vocab_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "test.h"

TEST(vocab, finds_what_the_index_knows)
{
    struct vocab vocab;
    struct vocab_index index;
    struct err err = {0};
    enum { N = 20000 };
    assert_true(vocab_init(&vocab, N, &err));
    assert_true(vocab_index_init(&index, N, &err));
    for (uint32_t i = 0; i < N; i++) {
        char s[32];
        /* Lengths 1 to 21: every path of the hash, with common beginnings and ends. */
        int n = snprintf(s, sizeof s, "%u%.*s%u", i % 7, (int)(i % 16), "aaaaaaaaaaaaaaaa", i);
        assert_true(vocab_add(&vocab, s, (size_t)n, &err));
        if (i % 2 == 0)
            assert_true(vocab_index_add(&index, &vocab, i));
    }
    for (uint32_t i = 0; i < N; i++) {
        uint32_t n;
        const char *s = vocab_string(&vocab, i, &n);
        assert_int_equal(vocab_find(&index, &vocab, s, n), i % 2 ? -1 : (int32_t)i);
    }
    assert_int_equal(vocab_find(&index, &vocab, "a string longer than any", 24), -1);
    vocab_index_free(&index);
    vocab_free(&vocab);
}

TEST(vocab, refuses_an_equal_string)
{
    struct vocab vocab;
    struct vocab_index index;
    struct err err = {0};
    assert_true(vocab_init(&vocab, 4, &err));
    assert_true(vocab_index_init(&index, 4, &err));
    assert_true(vocab_add(&vocab, "x", 1, &err) && vocab_add(&vocab, "xx", 2, &err));
    assert_true(vocab_add(&vocab, "x", 1, &err) && vocab_add(&vocab, "", 0, &err));
    assert_true(vocab_index_add(&index, &vocab, 0));
    assert_true(vocab_index_add(&index, &vocab, 1));
    assert_false(vocab_index_add(&index, &vocab, 2));
    assert_true(vocab_index_add(&index, &vocab, 3));
    assert_int_equal(vocab_find(&index, &vocab, "x", 1), 0);
    assert_int_equal(vocab_find(&index, &vocab, "", 0), 3);
    vocab_index_free(&index);
    vocab_free(&vocab);
}

/* Strings chosen to meet in one slot are refused before they make every search slow. */
TEST(vocab, refuses_too_many_of_one_hash)
{
    struct vocab vocab;
    struct vocab_index index;
    struct err err = {0};
    enum { N = 1000 };
    int32_t n_in = 0;
    assert_true(vocab_init(&vocab, N, &err));
    assert_true(vocab_index_init(&index, N, &err));
    for (int i = 0; vocab.n < N; i++) {
        char s[16];
        int n = snprintf(s, sizeof s, "%d", i);
        if (vocab_hash(s, (size_t)n) >> 32 & index.mask)
            continue;
        assert_true(vocab_add(&vocab, s, (size_t)n, &err));
        n_in += vocab_index_add(&index, &vocab, vocab.n - 1);
    }
    assert_int_equal(n_in, 512);
    for (int32_t id = 0; id < N; id++) {
        uint32_t n;
        const char *s = vocab_string(&vocab, (uint32_t)id, &n);
        assert_int_equal(vocab_find(&index, &vocab, s, n), id < n_in ? id : -1);
    }
    vocab_index_free(&index);
    vocab_free(&vocab);
}

TEST(vocab, has_limits)
{
    struct vocab vocab;
    struct err err = {0};
    assert_false(vocab_init(&vocab, (size_t)LIMIT_VOCAB + 1, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    vocab_free(&vocab);

    assert_true(vocab_init(&vocab, 2, &err));
    char *big = calloc(1, LIMIT_TOKEN_BYTES + 1);
    assert_true(vocab_add(&vocab, big, LIMIT_TOKEN_BYTES, &err));
    assert_false(vocab_add(&vocab, big, LIMIT_TOKEN_BYTES + 1, &err));
    assert_string_equal(err.text, "token 1: 65537 bytes; at most 65536 are read");
    assert_int_equal(vocab.n, 1);
    free(big);
    vocab_free(&vocab);
}

TEST(vocab, hash_depends_on_every_byte)
{
    for (size_t n = 1; n < 40; n++) {
        char s[40] = {0};
        uint64_t first = vocab_hash(s, n);
        assert_int_not_equal(first, vocab_hash(s, n - 1));
        for (size_t i = 0; i < n; i++) {
            s[i] = 1;
            assert_int_not_equal(vocab_hash(s, n), first);
            s[i] = 0;
        }
    }
}
