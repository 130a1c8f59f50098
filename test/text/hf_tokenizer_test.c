/* SPDX-License-Identifier: Apache-2.0 */
/* The golden vectors through Hugging Face's form of the same vocabularies, written as its
 * converters write it, and files that are wrong in one place. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "edit.h"
#include "test.h"
#include "text/tokenizer_fixture.h"
#include "text/tokenizer_int.h"

/* The text of a token as the file writes it. */
static void spell(const struct tokenizer *tok, int32_t id, struct buf *out)
{
    struct err err = {0};
    buf_clear(out);
    if (!tok->is_tekken || tok->kinds[id] != TOKEN_NORMAL) {
        assert_true(tokenizer_piece(tok, id, out, &err));
        return;
    }
    uint32_t n;
    const char *s = vocab_string(&tok->vocab, (uint32_t)id, &n);
    for (uint32_t i = 0; i < n; i++) {
        char c[3];
        fixture_byte_char((uint8_t)s[i], c);
        assert_true(buf_add(out, c, strlen(c), &err));
    }
}

struct pair {
    int64_t key[3];
    int32_t left, right;
};

static int by_key(const void *pa, const void *pb)
{
    const struct pair *a = pa, *b = pb;
    for (int i = 0; i < 3; i++)
        if (a->key[i] != b->key[i])
            return a->key[i] < b->key[i] ? -1 : 1;
    return 0;
}

/* Every way to make a token of two: for tekken by rank, then by those of the parts
 * (make_tekken.py); else by score, then the longer left part first (generate_merges() of
 * transformers).  There, names of control tokens take part. */
static struct pair *all_pairs(const struct tokenizer *tok, size_t *n_pairs)
{
    size_t n_places = 1 << 20, n = 0;
    struct pair *list = calloc(n_places, sizeof *list);
    for (int32_t id = 0; id < tokenizer_n_vocab(tok); id++) {
        uint32_t len;
        const char *s = vocab_string(&tok->vocab, (uint32_t)id, &len);
        if (tok->is_tekken && tok->kinds[id] != TOKEN_NORMAL)
            continue;
        for (uint32_t k = 1; k < len; k++) {
            struct pair pair = {.left = vocab_find(&tok->pieces, &tok->vocab, s, k),
                                .right = vocab_find(&tok->pieces, &tok->vocab, s + k, len - k)};
            if (pair.left < 0 || pair.right < 0)
                continue;
            assert_true(n < n_places);
            pair.key[0] = tok->is_tekken ? (int64_t)id : tok->ranks[id];
            pair.key[1] = tok->is_tekken ? pair.left : -(int64_t)k;
            pair.key[2] = tok->is_tekken ? pair.right : (int64_t)k - len;
            list[n++] = pair;
        }
    }
    qsort(list, n, sizeof *list, by_key);
    *n_pairs = n;
    return list;
}

static json_t *merge_list(const struct tokenizer *tok, bool as_lists)
{
    size_t n;
    struct pair *pairs = all_pairs(tok, &n);
    struct buf left, right;
    json_t *merges = json_array();
    buf_init(&left, 1 << 20);
    buf_init(&right, 1 << 20);
    for (size_t i = 0; i < n; i++) {
        spell(tok, pairs[i].left, &left);
        spell(tok, pairs[i].right, &right);
        json_array_append_new(merges, as_lists ? json_pack("[ss]", left.data, right.data)
                                               : json_sprintf("%s %s", left.data, right.data));
    }
    buf_free(&left);
    buf_free(&right);
    free(pairs);
    return merges;
}

static const char spm_steps[] =
    "{\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": ["
    "{\"type\": \"Prepend\", \"prepend\": \"\xe2\x96\x81\"},"
    "{\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"\xe2\x96\x81\"}]},"
    "\"pre_tokenizer\": null}";
static const char metaspace[] =
    "{\"normalizer\": null, \"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": "
    "\"\xe2\x96\x81\", \"prepend_scheme\": \"first\", \"split\": false}}";
/* Nothing like the pattern of tekken: it is not to be believed. */
static const char byte_steps[] =
    "{\"normalizer\": null, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": ["
    "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"\\\\w+\"}, \"behavior\": \"Isolated\"},"
    "{\"type\": \"ByteLevel\", \"add_prefix_space\": false}]}}";

/* Writes the tokenizer.json of a vocabulary.  Owned: free(). */
static char *write_hf(const struct tokenizer *tok, const char *steps, bool as_lists)
{
    json_error_t e;
    struct buf text;
    json_t *root = json_loads(steps, 0, &e), *vocab = json_object(), *added = json_array();
    buf_init(&text, 1 << 20);
    for (int32_t id = 0; id < tokenizer_n_vocab(tok); id++) {
        uint8_t kind = tok->kinds[id];
        spell(tok, id, &text);
        json_object_set_new(vocab, text.data, json_integer(id));
        if (kind == TOKEN_CONTROL || kind == TOKEN_USER || kind == TOKEN_UNKNOWN)
            json_array_append_new(added, json_pack("{s:i, s:s, s:b}", "id", id, "content",
                                                   text.data, "special", kind != TOKEN_USER));
    }
    json_object_set_new(root, "added_tokens", added);
    json_object_set_new(root, "model",
                        json_pack("{s:s, s:n, s:s?, s:b, s:b, s:o, s:o}", "type", "BPE", "dropout",
                                  "unk_token", tok->is_tekken ? NULL : "<unk>", "byte_fallback",
                                  !tok->is_tekken, "ignore_merges", tok->is_tekken, "vocab", vocab,
                                  "merges", merge_list(tok, as_lists)));
    char *json = json_dumps(root, JSON_COMPACT);
    assert_non_null(json);
    json_decref(root);
    buf_free(&text);
    return json;
}

/* Expects that the Hugging Face form of a vocabulary does what the native one does. */
static void check_same(const char *native, const char *golden, const char *steps, bool as_lists,
                       const char *about)
{
    struct err err = {0};
    const struct tokenizer *want = fixture_generation(native);
    char *json = write_hf(want, steps, as_lists);
    struct tokenizer *tok = tokenizer_from_hf("tokenizer.json", json, strlen(json), &err);
    if (!tok)
        fail_msg("%s: %s", native, err.text);
    assert_string_equal(tokenizer_describe(tok), about);
    assert_golden_texts(tok, golden);
    assert_int_equal(tokenizer_n_vocab(tok), tokenizer_n_vocab(want));
    assert_int_equal(tokenizer_bos(tok), tokenizer_bos(want));
    assert_int_equal(tokenizer_eos(tok), tokenizer_eos(want));
    for (int32_t id = 0; id < tokenizer_n_vocab(tok); id++)
        assert_int_equal(tok->kinds[id], want->kinds[id]);
    assert_int_equal(tokenizer_traits(tok)->version, tokenizer_traits(want)->version);
    tokenizer_close(tok);
    free(json);
}

TEST(hf_tokenizer, encodes_spm_as_the_reference)
{
    check_same("spm-v1", "text-spm-v1", spm_steps, false, "SentencePiece, 32000 pieces");
    check_same("spm-v3", "text-spm-v3", metaspace, true, "SentencePiece, 32768 pieces");
}

TEST(hf_tokenizer, encodes_tekken_as_the_reference)
{
    check_same("tekken-v13", "text-tekken", byte_steps, false, "tekken, 131072 tokens");
    check_same("tekken-v15-image", "text-tekken", byte_steps, true, "tekken, 131072 tokens");
}
