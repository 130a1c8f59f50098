/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "data/gguf.h"
#include "data/utf8.h"
#include "test.h"
#include "text/tokenizer_fixture.h"
#include "text/tokenizer_int.h"

/* A GGUF file that is written entry by entry. */
struct file {
    struct buf bytes;
    uint64_t n_kvs;
};

static void put(struct buf *out, const void *bytes, size_t n)
{
    struct err err = {0};
    assert_true(buf_add(out, bytes, n, &err));
}

static void put_number(struct buf *out, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        put(out, &(char){(char)(value >> (8 * i))}, 1);
}

static void put_string(struct buf *out, const char *s)
{
    put_number(out, strlen(s), 8);
    put(out, s, strlen(s));
}

/* Starts an entry; its value follows. */
static struct buf *put_key(struct file *f, const char *key, enum gguf_type type)
{
    char full[64];
    snprintf(full, sizeof full, "tokenizer.ggml.%s", key);
    f->n_kvs++;
    put_string(&f->bytes, full);
    put_number(&f->bytes, type, 4);
    return &f->bytes;
}

static void put_array(struct file *f, const char *key, enum gguf_type item, uint64_t n)
{
    struct buf *out = put_key(f, key, GGUF_ARRAY);
    put_number(out, item, 4);
    put_number(out, n, 8);
}

static void put_header(struct buf *out, uint64_t n_kvs)
{
    put(out, "GGUF", 4);
    put_number(out, 3, 4);
    put_number(out, 0, 8);
    put_number(out, n_kvs, 8);
}

/* Opens the file and frees it. */
static struct tokenizer *open_file(struct file *f, struct err *err)
{
    struct gguf gguf;
    struct buf whole;
    struct tokenizer *tok = NULL;
    buf_init(&whole, 16 << 20);
    put_header(&whole, f->n_kvs);
    put(&whole, f->bytes.data, f->bytes.len);
    assert_true(gguf_parse(&gguf, "t.gguf", (const uint8_t *)whole.data, whole.len, err));
    tok = tokenizer_from_gguf(&gguf, err);
    gguf_close(&gguf);
    buf_free(&whole);
    buf_free(&f->bytes);
    return tok;
}

/* Expects exactly that message; one of a damaged file goes on with its remedy. */
static void refuse(struct file *f, enum err_code code, const char *want)
{
    struct err err = {0}, with = {0};
    err_set(&with, code, "%s", want);
    err_remedy(&with, ERR_FORMAT, "download it again");
    if (open_file(f, &err))
        fail_msg("accepted, but should say: %s", want);
    assert_string_equal(err.text, with.text);
    assert_int_equal(err.code, code);
}

struct options {
    const char *model, *pre;
    uint64_t n_types, n_scores; /* how many fewer than tokens */
    int32_t last_type;
    const char *last;
    bool bare; /* no tokens */
};

/* A SentencePiece vocabulary: unknown, two ends, the bytes, " a", and one more. */
static void put_llama(struct file *f, const struct options *o)
{
    enum { N = 3 + 256 + 2 };
    *f = (struct file){0};
    buf_init(&f->bytes, 16 << 20);
    put_string(put_key(f, "model", GGUF_STRING), "llama");
    put_array(f, "tokens", GGUF_STRING, N);
    put_string(&f->bytes, "<unk>");
    put_string(&f->bytes, "<s>");
    put_string(&f->bytes, "</s>");
    for (int b = 0; b < 256; b++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", (unsigned)b);
        put_string(&f->bytes, name);
    }
    put_string(&f->bytes, "\xe2\x96\x81"
                          "a");
    put_string(&f->bytes, o->last ? o->last : "a");
    put_array(f, "scores", GGUF_F32, N - o->n_scores);
    for (uint64_t i = 0; i < N - o->n_scores; i++)
        put_number(&f->bytes, 0, 4);
    put_array(f, "token_type", GGUF_I32, N - o->n_types);
    for (uint64_t i = 0; i < N - o->n_types; i++)
        put_number(&f->bytes,
                   i == 0                       ? 2
                   : i < 3                      ? 3
                   : i < 259                    ? 6
                   : i == N - 1 && o->last_type ? (uint64_t)(uint32_t)o->last_type
                                                : 1,
                   4);
}

TEST(gguf_vocab, reads_the_bundled_model)
{
    struct err err = {0};
    struct gguf gguf;
    assert_true(gguf_open(&gguf, "models/stories260K.gguf", &err));
    struct tokenizer *tok = tokenizer_from_gguf(&gguf, &err);
    gguf_close(&gguf);
    assert_non_null(tok);
    assert_string_equal(tokenizer_describe(tok), "SentencePiece, 512 pieces");
    assert_int_equal(tokenizer_bos(tok), 1);
    assert_int_equal(tokenizer_eos(tok), 2);
    /* How that model starts its stories: test/data/stories260K, stories260K-f32.tokens.txt. */
    const int32_t want[] = {403, 407, 261, 378, 432, 383, 286};
    assert_ids(tok, "story", "Once upon a time, there was", 27, want, 7);

    /* Both files of that vocabulary agree but for extra spaces, which GGUF says nothing of. */
    char *text = test_read("test/data/tokenizers/LICENCE-mistral-common.txt", NULL);
    struct tokenizer *model = tokenizer_open("test/data/stories260K/tok512.model", &err);
    assert_non_null(model);
    for (const char *word = text; *word; word += strcspn(word, " \n"), word += *word != 0) {
        struct token_ids ids = {0};
        size_t n_word = strcspn(word, " \n");
        assert_true(tokenizer_encode(model, word, n_word, &ids, &err));
        assert_ids(tok, "word", word, n_word, ids.ids, ids.n);
        token_ids_free(&ids);
    }
    tokenizer_close(model);
    tokenizer_close(tok);
    free(text);
}

TEST(gguf_vocab, reads_flags)
{
    struct file f;
    struct err err = {0};
    put_llama(&f, &(struct options){0});
    struct tokenizer *tok = open_file(&f, &err);
    assert_non_null(tok);
    const int32_t with[] = {259}, without[] = {260};
    assert_ids(tok, "by default", "a", 1, with, 1);
    tokenizer_close(tok);

    put_llama(&f, &(struct options){0});
    put_number(put_key(&f, "add_space_prefix", GGUF_BOOL), 0, 1);
    put_number(put_key(&f, "remove_extra_whitespaces", GGUF_BOOL), 1, 1);
    put_number(put_key(&f, "bos_token_id", GGUF_U32), 2, 4);
    put_number(put_key(&f, "eos_token_id", GGUF_U32), UINT32_MAX, 4);
    put_array(&f, "precompiled_charsmap", GGUF_U8, 0);
    tok = open_file(&f, &err);
    assert_non_null(tok);
    assert_ids(tok, "without", "  a  ", 5, without, 1);
    assert_int_equal(tokenizer_bos(tok), 2);
    assert_int_equal(tokenizer_eos(tok), -1);
    tokenizer_close(tok);
}

TEST(gguf_vocab, refuses_bad_llama_vocabularies)
{
    struct file f;
    put_llama(&f, &(struct options){.n_scores = 1});
    refuse(&f, ERR_FORMAT, "t.gguf: tokenizer.ggml.scores: 260 items for 261 tokens");
    put_llama(&f, &(struct options){.n_types = 1});
    refuse(&f, ERR_FORMAT, "t.gguf: tokenizer.ggml.token_type: 260 items for 261 tokens");
    put_llama(&f, &(struct options){.last_type = 7});
    refuse(&f, ERR_FORMAT, "t.gguf: tokenizer.ggml.tokens: piece 260: unknown type 7");
    put_llama(&f, &(struct options){.last_type = -1});
    refuse(&f, ERR_FORMAT, "t.gguf: tokenizer.ggml.tokens: piece 260: unknown type 4294967295");
    put_llama(&f, &(struct options){.last = "\xff"});
    refuse(&f, ERR_FORMAT, "t.gguf: tokenizer.ggml.tokens: piece 260: not UTF-8");
    put_llama(&f, &(struct options){.last = "\xe2\x96\x81"
                                            "a"});
    refuse(&f, ERR_FORMAT, "t.gguf: tokenizer.ggml.tokens: token 260 occurs twice");
    put_llama(&f, &(struct options){0});
    put_number(put_key(&f, "bos_token_id", GGUF_U32), 261, 4);
    refuse(&f, ERR_FORMAT, "t.gguf: beginning of text 261 is no control token");
    put_llama(&f, &(struct options){0});
    put_array(&f, "precompiled_charsmap", GGUF_U8, 1);
    put_number(&f.bytes, 1, 1);
    refuse(&f, ERR_UNSUPPORTED,
           "t.gguf: tokenizer.ggml.precompiled_charsmap: only vocabularies that leave text as it "
           "is are read");
}

static void put_model(struct file *f, const char *model, const char *pre)
{
    *f = (struct file){0};
    buf_init(&f->bytes, 16 << 20);
    put(&f->bytes, "", 0);
    if (model)
        put_string(put_key(f, "model", GGUF_STRING), model);
    if (pre)
        put_string(put_key(f, "pre", GGUF_STRING), pre);
}

TEST(gguf_vocab, names_what_it_cannot_read)
{
    struct file f;
    put_model(&f, NULL, NULL);
    refuse(&f, ERR_NOT_FOUND, "t.gguf: no vocabulary inside; name a tokenizer file");
    put_model(&f, "no_vocab", NULL);
    refuse(&f, ERR_NOT_FOUND, "t.gguf: no vocabulary inside; name a tokenizer file");
    put_model(&f, "bert", NULL);
    refuse(&f, ERR_UNSUPPORTED,
           "t.gguf: tokenizer.ggml.model: \"bert\"; only \"llama\" and \"gpt2\" are read");
    put_model(&f, "gpt2", "llama-bpe");
    refuse(&f, ERR_UNSUPPORTED,
           "t.gguf: tokenizer.ggml.pre: \"llama-bpe\"; only \"tekken\" is read");
    put_model(&f, "gpt2", NULL);
    refuse(&f, ERR_FORMAT, "t.gguf: tokenizer.ggml.pre: missing");
    put_model(&f, "llama", NULL);
    refuse(&f, ERR_FORMAT, "t.gguf: tokenizer.ggml.tokens: missing");
    put_model(&f, "llama", NULL);
    put_array(&f, "tokens", GGUF_STRING, 0);
    refuse(&f, ERR_LIMIT, "t.gguf: tokenizer.ggml.tokens: 0 items; expected 1 to 2097152");
    put_model(&f, "gpt2", "tekken");
    put_array(&f, "tokens", GGUF_STRING, 1);
    put_string(&f.bytes, "a");
    refuse(&f, ERR_FORMAT, "t.gguf: tokenizer.ggml.token_type: missing");
}

/* A tekken vocabulary: n_control control tokens, the bytes, " t", and one more. */
static void put_tekken(struct file *f, int n_control, const char *last, uint32_t last_type)
{
    int n = n_control + 256 + 2;
    put_model(f, "gpt2", "tekken");
    put_array(f, "tokens", GGUF_STRING, (uint64_t)n);
    for (int i = 0; i < n_control; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s", i == 1 ? "<s>" : i == 2 ? "</s>" : "");
        if (!*name)
            snprintf(name, sizeof name, "<SPECIAL_%d>", i);
        put_string(&f->bytes, name);
    }
    for (int b = 0; b < 256; b++) {
        char name[3];
        fixture_byte_char(b, name);
        put_string(&f->bytes, name);
    }
    put_string(&f->bytes, "\xc4\xa0t");
    put_string(&f->bytes, last);
    put_array(f, "token_type", GGUF_I32, (uint64_t)n);
    for (int i = 0; i < n; i++)
        put_number(&f->bytes, i < n_control ? 3 : i == n - 1 ? last_type : 1, 4);
}

TEST(gguf_vocab, reads_a_tekken_vocabulary)
{
    struct file f;
    struct err err = {0};
    put_tekken(&f, 5, "er", 1);
    struct tokenizer *tok = open_file(&f, &err);
    assert_non_null(tok);
    assert_string_equal(tokenizer_describe(tok), "tekken, 263 tokens");
    assert_int_equal(tokenizer_bos(tok), 1);
    assert_int_equal(tokenizer_eos(tok), 2);
    assert_int_equal(tokenizer_control(tok, "<SPECIAL_4>"), 4);
    const int32_t want[] = {5 + 256, 5 + 257, 5 + 0, 5 + 173, 5 + 127};
    char text[] = " ter";
    assert_ids(tok, "merged", text, 4, want, 2);
    /* Every byte comes back as itself. */
    for (int b = 0; b < 256; b++) {
        struct buf out;
        buf_init(&out, 10);
        assert_true(tokenizer_piece(tok, 5 + b, &out, &err));
        assert_int_equal(out.len, 1);
        assert_int_equal((uint8_t)out.data[0], b);
        buf_free(&out);
    }
    tokenizer_close(tok);
}

/* A user-defined token is text when it is decoded, but text never becomes one. */
TEST(gguf_vocab, keeps_user_defined_tokens_out_of_text)
{
    struct file f;
    struct err err = {0};
    put_tekken(&f, 5, "er", 4);
    struct tokenizer *tok = open_file(&f, &err);
    assert_non_null(tok);
    const int32_t want[] = {5 + 'e', 5 + 'r'};
    assert_ids(tok, "text", "er", 2, want, 2);
    assert_false(tokenizer_is_control(tok, 262));
    tokenizer_close(tok);
    put_tekken(&f, 5, "[PAD]", 5);
    tok = open_file(&f, &err);
    assert_non_null(tok);
    assert_true(tokenizer_is_control(tok, 262));
    tokenizer_close(tok);
}

TEST(gguf_vocab, refuses_bad_tekken_vocabularies)
{
    struct file f;
    static const struct {
        const char *last;
        uint32_t type;
        const char *want;
    } cases[] = {
        {" t", 1, "token 262: not written in byte characters"},
        {"\xff", 1, "token 262: not written in byte characters"},
        {"\xc5\x84", 1, "token 262: not written in byte characters"},
        {"", 1, "token 262 is empty"},
        {"\xc4\xa0t", 1, "token 262 occurs twice"},
        {"x", 0, "token 262: unknown type 0"},
        {"x", 6, "token 262: unknown type 6"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char want[128];
        snprintf(want, sizeof want, "t.gguf: tokenizer.ggml.tokens: %s", cases[i].want);
        put_tekken(&f, 5, cases[i].last, cases[i].type);
        refuse(&f, ERR_FORMAT, want);
    }
    put_model(&f, "gpt2", "tekken");
    put_array(&f, "tokens", GGUF_STRING, 1);
    put_string(&f.bytes, "a");
    put_array(&f, "token_type", GGUF_I32, 1);
    put_number(&f.bytes, 1, 4);
    refuse(&f, ERR_FORMAT, "t.gguf: tokenizer.ggml.tokens: no token for byte 0x00");
}

/* Writes a vocabulary as the converters do: all of a kind of array, one after another. */
static void put_vocabulary(struct file *f, const struct tokenizer *tok)
{
    struct err err = {0};
    struct buf text;
    uint64_t n = (uint64_t)tokenizer_n_vocab(tok);
    put_model(f, tok->is_tekken ? "gpt2" : "llama", tok->is_tekken ? "tekken" : "default");
    put_array(f, "tokens", GGUF_STRING, n);
    buf_init(&text, 1 << 20);
    for (int32_t id = 0; id < (int32_t)n; id++) {
        uint32_t len;
        const char *s = vocab_string(&tok->vocab, (uint32_t)id, &len);
        buf_clear(&text);
        assert_true(buf_add(&text, "", 0, &err));
        if (!tok->is_tekken || tok->kinds[id] != TOKEN_NORMAL)
            assert_true(tokenizer_piece(tok, id, &text, &err));
        for (uint32_t i = 0; tok->is_tekken && tok->kinds[id] == TOKEN_NORMAL && i < len; i++) {
            char c[3];
            fixture_byte_char((uint8_t)s[i], c);
            assert_true(buf_add(&text, c, strlen(c), &err));
        }
        put_string(&f->bytes, text.data);
    }
    buf_free(&text);
    put_array(f, "token_type", GGUF_I32, n);
    for (size_t id = 0; id < n; id++)
        put_number(&f->bytes, tok->kinds[id], 4);
    if (tok->is_tekken)
        return;
    put_array(f, "scores", GGUF_F32, n);
    for (size_t id = 0; id < n; id++) { /* ranks are the bits of a negative score or of none */
        uint32_t rank = tok->ranks[id];
        put_number(&f->bytes, rank >> 31 ? rank : ~rank & 0x7fffffffu, 4);
    }
}

struct tokenizer *fixture_as_gguf(const char *name)
{
    struct file f;
    struct err err = {0};
    put_vocabulary(&f, fixture_generation(name));
    struct tokenizer *tok = open_file(&f, &err);
    if (!tok)
        fail_msg("%s: %s", name, err.text);
    return tok;
}

TEST(gguf_vocab, encodes_as_the_reference)
{
    static const struct {
        const char *name, *golden;
        int version; /* what the control tokens and pieces say */
    } cases[] = {{"spm-v1", "text-spm-v1", 1},
                 {"spm-v7", "text-spm-v7", 7},
                 {"tekken-v3", "text-tekken", 7},
                 {"tekken-v13", "text-tekken", 13}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tokenizer *tok = fixture_as_gguf(cases[i].name);
        assert_golden_texts(tok, cases[i].golden);
        assert_int_equal(tokenizer_traits(tok)->version, cases[i].version);
        tokenizer_close(tok);
    }
}

TEST(gguf_vocab, reads_the_chat_template)
{
    static const char template[] = "{{ bos_token }}[SYSTEM_PROMPT] <think>";
    struct file f;
    struct err err = {0};
    put_tekken(&f, 5, "er", 1);
    f.n_kvs++;
    put_string(&f.bytes, "tokenizer.chat_template");
    put_number(&f.bytes, GGUF_STRING, 4);
    put_string(&f.bytes, template);
    struct tokenizer *tok = open_file(&f, &err);
    assert_non_null(tok);
    assert_int_equal(tokenizer_traits(tok)->version, 7);
    assert_true(tokenizer_traits(tok)->has_template);
    assert_true(tokenizer_traits(tok)->has_think_tag);
    tokenizer_close(tok);
    put_tekken(&f, 5, "er", 1);
    f.n_kvs++;
    put_string(&f.bytes, "tokenizer.chat_template");
    put_number(&f.bytes, GGUF_U32, 4);
    put_number(&f.bytes, 5, 4);
    assert_null(open_file(&f, &err));
    assert_int_equal(err.code, ERR_FORMAT);
}

TEST(gguf_vocab, survives_any_failed_allocation)
{
    struct gguf gguf;
    struct err err = {0};
    struct tokenizer *tok = NULL;
    assert_true(gguf_open(&gguf, "models/stories260K.gguf", &err));
    for (size_t n = 0; !tok; n++) {
        err = (struct err){0};
        mem_fail_after(n);
        tok = tokenizer_from_gguf(&gguf, &err);
        bool failed = mem_n_failed() > 0;
        mem_fail_never();
        assert_int_equal(tok != NULL, !failed);
        assert_int_equal(err.code, tok ? ERR_NONE : ERR_LIMIT);
    }
    tokenizer_close(tok);
    gguf_close(&gguf);
}
