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

struct tokenizer *fixture_as_hf(const char *name)
{
    struct err err = {0};
    const struct tokenizer *native = fixture_generation(name);
    char *json = write_hf(native, native->is_tekken ? byte_steps : spm_steps, true);
    struct tokenizer *tok = tokenizer_from_hf("tokenizer.json", json, strlen(json), &err);
    if (!tok)
        fail_msg("%s: %s", name, err.text);
    free(json);
    return tok;
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

/* A small vocabulary: three control tokens, the bytes, and a few pieces. */
static char *small(bool is_spm)
{
    struct buf json;
    struct err err = {0};
    char text[64], name[8];
    buf_init(&json, 1 << 20);
    const char *head =
        "{\"added_tokens\": [{\"id\": 0, \"content\": \"<unk>\", \"special\": true}, "
        "{\"id\": 1, \"content\": \"<s>\", \"special\": true}, "
        "{\"id\": 2, \"content\": \"</s>\", \"special\": true}], ";
    const char *steps = is_spm ? metaspace : byte_steps;
    assert_true(buf_add(&json, head, strlen(head), &err));
    assert_true(buf_add(&json, steps + 1, strlen(steps) - 2, &err));
    const char *model = ", \"model\": {\"type\": \"BPE\", \"unk_token\": \"<unk>\", "
                        "\"ignore_merges\": true, \"vocab\": {\"<unk>\": 0, \"<s>\": 1, ";
    assert_true(buf_add(&json, model, strlen(model), &err));
    for (int b = 0; b < 256; b++) {
        char c[3];
        fixture_byte_char(b, c);
        snprintf(name, sizeof name, "<0x%02X>", (unsigned)b);
        bool quote = !is_spm && (b == '"' || b == '\\');
        snprintf(text, sizeof text, "\"%s%s\": %d, ", quote ? "\\" : "", is_spm ? name : c, b + 3);
        assert_true(buf_add(&json, text, strlen(text), &err));
    }
    const char *tail = is_spm
                           ? "\"\xe2\x96\x81\": 259, \"a\": 260, \"b\": 261, \"\xe2\x96\x81"
                             "a\": 262, \"ab\": 263}, \"merges\": [\"a b\", \"\xe2\x96\x81 a\"], "
                             "\"byte_fallback\": true}}"
                           : "\"ab\": 259, \"\xc4\xa0"
                             "ab\": 260}, \"merges\": [[\"a\", \"b\"], [\"\xc4\xa0\", \"ab\"]]}}";
    assert_true(buf_add(&json, tail, strlen(tail), &err));
    return json.data;
}

static struct tokenizer *open_hf(const char *json, struct err *err)
{
    return tokenizer_from_hf("t.json", json, strlen(json), err);
}

#define PATTERN "\"Regex\": \"\\\\w+\""

/* The small byte-level vocabulary with the pattern of tekken. */
static char *small_bytes(void)
{
    char *json = small(false), *pattern, member[1024];
    json_t *s = json_string(SPLIT_PATTERN);
    pattern = json_dumps(s, JSON_ENCODE_ANY);
    snprintf(member, sizeof member, "\"Regex\": %s", pattern);
    char *edited = edit_text(json, PATTERN, member);
    json_decref(s);
    free(pattern);
    free(json);
    return edited;
}

TEST(hf_tokenizer, follows_the_order_of_merges)
{
    struct err err = {0};
    char *json = small(true), *swapped = edit_text(json, "\"a b\", \"\xe2\x96\x81 a\"",
                                                   "[\"\xe2\x96\x81\", \"a\"], \"a b\"");
    struct tokenizer *first = open_hf(json, &err), *second = open_hf(swapped, &err);
    const int32_t ab_first[] = {259, 263}, space_first[] = {262, 261};
    assert_ids(first, "ab first", "ab", 2, ab_first, 2);
    assert_ids(second, "space first", "ab", 2, space_first, 2);
    assert_int_equal(tokenizer_bos(first), 1);
    assert_int_equal(tokenizer_eos(first), 2);
    assert_int_equal(tokenizer_traits(first)->version, 0);
    tokenizer_close(first);
    tokenizer_close(second);
    free(swapped);
    free(json);
    json = small_bytes();
    first = open_hf(json, &err);
    if (!first)
        fail_msg("%s", err.text);
    assert_string_equal(tokenizer_describe(first), "byte-level BPE, 261 tokens");
    const int32_t words[] = {260, 259, 3 + 'c'};
    assert_ids(first, "words", " ababc", 6, (const int32_t[]){260, 259, 3 + 'c'}, 3);
    assert_ids(first, "same", " ababc", 6, words, 3);
    tokenizer_close(first);
    free(json);
}

/* Control tokens and names of bytes are no text, user-defined pieces are. */
TEST(hf_tokenizer, finds_only_user_defined_tokens_in_text)
{
    struct err err = {0};
    char *json = small(true);
    char *added = edit_text(json, "\"special\": true}], ",
                            "\"special\": true}, {\"id\": 264, \"content\": \"[REF]\"}, "
                            "{\"id\": 265, \"content\": \"[X]\", \"special\": true}], ");
    struct tokenizer *tok = open_hf(added, &err);
    if (!tok)
        fail_msg("%s", err.text);
    const char *text = "[REF][X]<s>";
    const int32_t want[] = {259, 264, 3 + '[', 3 + 'X', 3 + ']', 3 + '<', 3 + 's', 3 + '>'};
    assert_ids(tok, "names", text, strlen(text), want, 8);
    assert_int_equal(tokenizer_control(tok, "[X]"), 265);
    assert_int_equal(tokenizer_control(tok, "[REF]"), -1);
    tokenizer_close(tok);
    free(added);
    free(json);
}

struct change {
    const char *old, *new;
    enum err_code code;
    const char *want; /* NULL: it is accepted */
};

/* Expects each change to be answered by that message. */
static void check_changes(char *json, const struct change *changes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct err err = {0}, want = {0};
        char *edited = edit_text(json, changes[i].old, changes[i].new);
        struct tokenizer *tok = open_hf(edited, &err);
        if (changes[i].want) {
            err_set(&want, changes[i].code, "t.json: %s", changes[i].want);
            err_remedy(&want, ERR_FORMAT, "correct the file or download it again");
        }
        if (strcmp(err.text, want.text) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", changes[i].new, err.text, want.text);
        assert_int_equal(err.code, changes[i].code);
        tokenizer_close(tok);
        free(edited);
    }
    free(json);
}

#define LAST "\"ab\": 263}"

TEST(hf_tokenizer, refuses_bad_vocabularies)
{
    static const struct change changes[] = {
        {"\"model\"", "\"modal\"", ERR_FORMAT, "model: missing"},
        {"\"vocab\"", "\"vocal\"", ERR_FORMAT, "model.vocab: missing"},
        {"\"vocab\": {", "\"vocab\": 5, \"x\": {", ERR_FORMAT,
         "model.vocab: expected an object of tokens and their ids"},
        {"\"added_tokens\": [", "\"added_tokens\": {}, \"x\": [", ERR_FORMAT,
         "added_tokens: expected a list"},
        {LAST, "\"ab\": 267}", ERR_FORMAT,
         "model.vocab.ab: id 267, but there are at most 266 tokens"},
        {LAST, "\"ab\": 265}", ERR_FORMAT, "model.vocab: 264 tokens, but none has id 263"},
        {LAST, "\"ab\": 262}", ERR_FORMAT,
         "model.vocab.ab: id 262 is that of \"\xe2\x96\x81"
         "a\" too"},
        {LAST, "\"ab\": -1}", ERR_FORMAT,
         "model.vocab.ab: expected a whole number from 0 to 2097151"},
        {LAST, "\"ab\": 4294967296}", ERR_FORMAT,
         "model.vocab.ab: expected a whole number from 0 to 2097151"},
        {LAST, "\"ab\": \"263\"}", ERR_FORMAT,
         "model.vocab.ab: expected a whole number from 0 to 2097151"},
        {"\"id\": 2,", "\"id\": 1,", ERR_FORMAT, "added_tokens[2]: id 1 is that of \"<s>\" too"},
        {"\"id\": 2,", "\"id\": 260,", ERR_FORMAT, "added_tokens[2]: id 260 is that of \"a\" too"},
        {"\"id\": 2, \"content\": \"</s>\"", "\"id\": 1, \"content\": \"<s>\"", ERR_FORMAT,
         "added_tokens[2]: id 1 is that of \"<s>\" too"},
        {"\"id\": 2,", "", ERR_FORMAT, "added_tokens[2].id: missing"},
        {"\"content\": \"</s>\",", "", ERR_FORMAT, "added_tokens[2].content: missing"},
        {"\"</s>\", \"special\": true", "\"</s>\", \"special\": 1", ERR_FORMAT,
         "added_tokens[2].special: expected true or false"},
        {"\"content\": \"</s>\"", "\"content\": \"<s>\"", ERR_FORMAT,
         "model.vocab: token 2 occurs twice"},
        {"\"<0x41>\"", "\"<0x4>\"", ERR_FORMAT, "model.vocab: piece <0x41> is missing"},
        {LAST, "\"\": 263}", ERR_FORMAT, "model.vocab: piece 263: 0 bytes; expected 1 to 65536"},
    };
    check_changes(small(true), changes, sizeof changes / sizeof *changes);
}

TEST(hf_tokenizer, refuses_bad_merges)
{
    static const struct change changes[] = {
        {"\"merges\"", "\"merge\"", ERR_FORMAT, "model.merges: missing"},
        {"\"merges\": [", "\"merges\": {}, \"x\": [", ERR_FORMAT, "model.merges: expected a list"},
        {"[\"a b\", ", "[", ERR_FORMAT, "model.merges: none makes token 263"},
        {"\"a b\"", "\"ab\"", ERR_FORMAT,
         "model.merges[0]: expected two tokens with one space between"},
        {"\"a b\"", "\"a  b\"", ERR_FORMAT,
         "model.merges[0]: expected two tokens with one space between"},
        {"\"a b\"", "5", ERR_FORMAT, "model.merges[0]: expected two tokens"},
        {"\"a b\"", "[\"a\"]", ERR_FORMAT, "model.merges[0]: expected two tokens"},
        {"\"a b\"", "[\"a\", 5]", ERR_FORMAT, "model.merges[0][1]: expected a string"},
        {"\"a b\"", "[\"a\", \"\\u0000\"]", ERR_FORMAT,
         "model.merges[0][1]: expected a string without \\u0000"},
        {"\"a b\"", "\"a c\"", ERR_FORMAT,
         "model.merges[0]: the right one is no token of the vocabulary"},
        {"\"a b\"", "\"c b\"", ERR_FORMAT,
         "model.merges[0]: the left one is no token of the vocabulary"},
        {"\"a b\"", "\"b a\"", ERR_FORMAT,
         "model.merges[0]: what they make is no token of the vocabulary"},
        {"\"a b\"", "\"a b\", \"a b\"", ERR_FORMAT, "model.merges[1]: these two are listed before"},
        /* A merge with nothing makes what it is made of. */
        {"\"a b\"", "\"ab \"", ERR_FORMAT, "model.merges[0]: one of the two tokens is empty"},
        {"\"a b\"", "[\"\", \"ab\"]", ERR_FORMAT,
         "model.merges[0]: one of the two tokens is empty"},
        /* Converters list what makes a control token; no text does. */
        {LAST ", \"merges\": [", "\"ab\": 263, \"<s\": 264, \">\": 265}, \"merges\": [\"<s >\", ",
         ERR_FORMAT, "model.merges: none makes token 264"},
        {LAST ", \"merges\": [",
         "\"ab\": 263, \"s>\": 264, \"<\": 265, \"s\": 266, \">\": 267}, "
         "\"merges\": [\"< s>\", \"s >\", ",
         ERR_NONE, NULL},
    };
    check_changes(small(true), changes, sizeof changes / sizeof *changes);
}

TEST(hf_tokenizer, refuses_bad_byte_level_vocabularies)
{
    static const struct change changes[] = {
        {"\"ab\": 259", "\"a b\": 259", ERR_FORMAT,
         "model.vocab: token 259: not written in byte characters"},
        {"\"ab\": 259", "\"\": 259", ERR_FORMAT, "model.vocab: token 259 is empty"},
        {"\"b\": 101", "\"bb\": 101", ERR_FORMAT, "model.vocab: no token for byte 0x62"},
        {"[\"a\", \"b\"]", "[\"a\", \"b b\"]", ERR_FORMAT,
         "model.merges[0]: not written in byte characters"},
        {"\"ignore_merges\": true", "\"ignore_merges\": false", ERR_UNSUPPORTED,
         "pre_tokenizer: neither the vocabulary nor the pattern is tekken's; other byte-level "
         "tokenizers are not read"},
        {"\"ab\"", "\"ab\"", ERR_NONE, NULL},
    };
    check_changes(small_bytes(), changes, sizeof changes / sizeof *changes);
}

/* The first tokens are tekken's, but not all of them: its pattern is not taken for granted. */
TEST(hf_tokenizer, takes_no_small_vocabulary_for_tekken)
{
    static const struct change changes[] = {
        {"\"ab\": 259, \"\xc4\xa0"
         "ab\": 260}, \"merges\": [[\"a\", \"b\"], [\"\xc4\xa0\", \"ab\"]]",
         "\"\xc4\xa0\xc4\xa0\": 259, \"\xc4\xa0t\": 260, \"er\": 261, \"in\": 262}, \"merges\": "
         "[\"\xc4\xa0 \xc4\xa0\", \"\xc4\xa0 t\", \"e r\", \"i n\"]",
         ERR_UNSUPPORTED,
         "pre_tokenizer: neither the vocabulary nor the pattern is tekken's; other byte-level "
         "tokenizers are not read"},
    };
    check_changes(small(false), changes, 1);
}

TEST(hf_tokenizer, refuses_absurd_sizes)
{
    struct err err = {0};
    struct buf json;
    char *good = small(true), *at = strstr(good, "\"ab\": 263}");
    buf_init(&json, 64 << 20);
    assert_true(buf_add(&json, good, (size_t)(at - good), &err));
    for (int i = 0; i < LIMIT_VOCAB; i++) {
        char member[32];
        snprintf(member, sizeof member, "\"z%d\": %d, ", i, i + 263);
        assert_true(buf_add(&json, member, strlen(member), &err));
    }
    assert_true(buf_add(&json, at, strlen(at), &err));
    assert_null(open_hf(json.data, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_string_equal(err.text, "t.json: model.vocab: 2097418 tokens; expected 1 to 2097152");
    buf_free(&json);
    free(good);
}

TEST(hf_tokenizer, survives_any_failed_allocation)
{
    char *files[] = {small(true), small_bytes()};
    for (int i = 0; i < 2; i++) {
        struct tokenizer *tok = NULL;
        for (size_t n = 0; !tok; n++) {
            struct err err = {0};
            mem_fail_after(n);
            tok = open_hf(files[i], &err);
            bool failed = mem_n_failed() > 0;
            mem_fail_never();
            assert_int_equal(tok != NULL, !failed);
            assert_int_equal(err.code, tok ? ERR_NONE : ERR_LIMIT);
        }
        tokenizer_close(tok);
        free(files[i]);
    }
}
