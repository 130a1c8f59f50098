/* SPDX-License-Identifier: Apache-2.0 */
#include "text/token_trie.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/utf8.h"
#include "test.h"
#include "text/token_trie_int.h"
#include "text/tokenizer_fixture.h"

/* Walks a part from its root with the bytes of each node.  seen: [n_vocab] tokens met. */
static void walk(const struct token_trie *trie, const struct trie_part *part, uint8_t *seen)
{
    char bytes[TRIE_MAX_BYTES + 1];
    int depth = 0;
    for (uint32_t i = 0; i < part->n; i++) {
        const struct trie_node *node = &part->nodes[i];
        assert_in_range(depth, 0, TRIE_MAX_BYTES - 1);
        assert_in_range(trie_size(node), 1, part->n - i);
        bytes[depth] = (char)node->token_byte;
        if (trie_token(node) != TRIE_NO_TOKEN) {
            size_t n;
            const char *s = token_trie_bytes(trie, (int32_t)trie_token(node), &n);
            assert_int_equal(n, depth + 1);
            assert_memory_equal(s, bytes, n);
            seen[trie_token(node)]++;
        }
        depth = trie_size(node) == 1 ? depth - (int)(node->size_pop & 255) : depth + 1;
    }
    assert_int_equal(depth, 0);
}

static bool is_in(const uint32_t *mask, uint32_t id)
{
    return mask[id >> 5] >> (id & 31) & 1;
}

static void check(const struct tokenizer *tok)
{
    struct err err = {0};
    struct token_trie *trie = token_trie_open(tok, &err);
    uint32_t n_vocab = token_trie_n_vocab(trie), n_text = 0;
    uint8_t *seen = mem_new(n_vocab, 1, &err), *rest = mem_new(n_vocab, 1, &err);
    assert_int_equal(n_vocab, tokenizer_n_vocab(tok));
    assert_int_equal(token_trie_mask_words(trie), (n_vocab + 31) / 32);
    walk(trie, &trie->all, seen);
    for (uint32_t i = 0; i < trie->n_twins; i++) {
        assert_int_equal(seen[trie->twins[2 * i]], 1);
        assert_int_equal(seen[trie->twins[2 * i + 1]]++, 0);
    }
    for (uint32_t id = 0; id < n_vocab; id++) {
        size_t n;
        const char *s = token_trie_bytes(trie, (int32_t)id, &n);
        assert_int_equal(seen[id], s ? 1 : 0);
        assert_int_equal(is_in(trie->text, id), s ? 1 : 0);
        assert_false(s && tokenizer_is_control(tok, (int32_t)id));
        n_text += s ? 1 : 0;
    }
    assert_int_equal(n_text, trie->n_text);
    for (int k = 0; k < TRIE_SLICES; k++) {
        memset(rest, 0, n_vocab);
        walk(trie, &trie->slices[k].rest, rest);
        for (uint32_t i = 0; i < trie->n_twins; i++)
            rest[trie->twins[2 * i + 1]] += rest[trie->twins[2 * i]];
        for (uint32_t id = 0; id < n_vocab; id++)
            assert_int_equal(is_in(trie->slices[k].mask, id) + rest[id], is_in(trie->text, id));
    }
    free(seen);
    free(rest);
    token_trie_close(trie);
}

TEST(token_trie, holds_every_text_token_once)
{
    check(fixture_tokenizer("tekken"));
    check(fixture_tokenizer("spm-v3"));
}

TEST(token_trie, slices_are_whole_plain_characters)
{
    struct err err = {0};
    struct token_trie *trie = token_trie_open(fixture_tokenizer("tekken"), &err);
    for (uint32_t id = 0; id < token_trie_n_vocab(trie); id++) {
        size_t n, n_chars = 0;
        const char *s = token_trie_bytes(trie, (int32_t)id, &n);
        bool is_plain = s && utf8_valid(s, n);
        for (size_t i = 0; i < n; i++) {
            is_plain = is_plain && (uint8_t)s[i] >= 32 && !strchr("\"\\\x7f", s[i]);
            n_chars += (s[i] & 0xC0) != 0x80;
        }
        for (int k = 0; k < TRIE_SLICES; k++)
            assert_int_equal(is_in(trie->slices[k].mask, id),
                             is_plain && n_chars <= trie->slices[k].max_chars);
    }
    token_trie_close(trie);
}

TEST(token_trie, knows_bytes_and_no_control_tokens)
{
    struct err err = {0};
    size_t n;
    const struct tokenizer *spm = fixture_tokenizer("spm-v3");
    struct token_trie *trie = token_trie_open(spm, &err);
    assert_null(token_trie_bytes(trie, tokenizer_eos(spm), &n));
    assert_null(token_trie_bytes(trie, tokenizer_control(spm, "[TOOL_CALLS]"), &n));
    assert_null(token_trie_bytes(trie, -1, &n));
    assert_null(token_trie_bytes(trie, tokenizer_n_vocab(spm), &n));
    /* <0x0A> is the byte, and a piece with U+2581 has a space. */
    struct token_ids ids = {0};
    assert_true(tokenizer_encode(spm, "a\nb", 3, &ids, &err));
    const char *s = token_trie_bytes(trie, ids.ids[0], &n);
    assert_memory_equal(s, " a", 2);
    s = token_trie_bytes(trie, ids.ids[1], &n);
    assert_int_equal(n, 1);
    assert_int_equal(*s, '\n');
    token_ids_free(&ids);
    token_trie_close(trie);
    token_trie_close(NULL);
}
