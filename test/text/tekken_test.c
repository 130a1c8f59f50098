/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "data/json.h"
#include "test.h"
#include "text/tokenizer_fixture.h"

/* Writes a file with the 256 bytes and two merged tokens. */
static void small(struct buf *json, const char *version, const char *names, int n_special)
{
    struct buf lines;
    struct err err = {0};
    fixture_byte_lines(&lines);
    assert_true(buf_add(&lines, "IHQ=\nZXI=\n", 10, &err)); /* " t", "er" */
    fixture_tekken(json, version, names, n_special, lines.data);
    buf_free(&lines);
}

static struct tokenizer *open_json(const struct buf *json, struct err *err)
{
    return tokenizer_from_tekken("t.json", json->data, json->len, err);
}

/* Expects that the file is refused with exactly that message, to which a bad file's remedy is
 * added, and frees it. */
static void refuse(struct buf *json, enum err_code code, const char *want)
{
    struct err err = {0}, with = {0};
    err_set(&with, code, "%s", want);
    err_remedy(&with, ERR_FORMAT, JSON_REMEDY);
    assert_null(open_json(json, &err));
    assert_string_equal(err.text, with.text);
    assert_int_equal(err.code, code);
    buf_free(json);
}

/* Replaces the first old by new. */
static void edit(struct buf *json, const char *old, const char *new)
{
    struct err err = {0};
    struct buf out;
    char *at = strstr(json->data, old);
    assert_non_null(at);
    buf_init(&out, json->max);
    assert_true(buf_add(&out, json->data, (size_t)(at - json->data), &err));
    assert_true(buf_add(&out, new, strlen(new), &err));
    assert_true(buf_add(&out, at + strlen(old), strlen(at + strlen(old)), &err));
    buf_free(json);
    *json = out;
}

TEST(tekken, reads_a_file_without_control_tokens)
{
    struct buf json;
    struct err err = {0};
    small(&json, "v7", NULL, 30);
    struct tokenizer *tok = open_json(&json, &err);
    assert_non_null(tok);
    assert_string_equal(tokenizer_describe(tok), "tekken v7, 288 tokens");
    assert_int_equal(tokenizer_control(tok, "[TOOL_CONTENT]"), 19);
    assert_int_equal(tokenizer_control(tok, "<SPECIAL_20>"), 20);
    assert_int_equal(tokenizer_eos(tok), 2);
    const int32_t want[] = {30 + 256, 30 + 257};
    assert_ids(tok, "merged", " ter", 4, want, 2);
    tokenizer_close(tok);
    buf_free(&json);
}

TEST(tekken, fills_ids_that_the_list_leaves_out)
{
    struct buf json;
    struct err err = {0};
    small(&json, "v13", "[{\"token_str\": \"<s>\"}, {\"rank\": 3, \"token_str\": \"[X]\"}]", 5);
    struct tokenizer *tok = open_json(&json, &err);
    assert_non_null(tok);
    assert_int_equal(tokenizer_bos(tok), 0);
    assert_int_equal(tokenizer_eos(tok), -1);
    assert_int_equal(tokenizer_control(tok, "<SPECIAL_2>"), 2);
    assert_int_equal(tokenizer_control(tok, "[X]"), 3);
    assert_int_equal(tokenizer_control(tok, "<SPECIAL_4>"), 4);
    assert_int_equal(tokenizer_control(tok, "<unk>"), -1);
    tokenizer_close(tok);
    buf_free(&json);
}

/* Released files have some 20 000 entries behind the last one in use. */
TEST(tekken, ignores_surplus_entries)
{
    struct buf json;
    struct err err = {0};
    small(&json, "v3", NULL, 20);
    edit(&json, "\"default_vocab_size\": 278", "\"default_vocab_size\": 277");
    edit(&json, "ZXI=", "???");
    struct tokenizer *tok = open_json(&json, &err);
    assert_non_null(tok);
    assert_int_equal(tokenizer_n_vocab(tok), 277);
    tokenizer_close(tok);
    buf_free(&json);
}

TEST(tekken, refuses_a_bad_config)
{
    static const struct {
        const char *old, *new;
        enum err_code code;
        const char *want;
    } cases[] = {
        {"\"v3\"", "\"3\"", ERR_FORMAT, "config.version: expected a version such as \"v3\""},
        {"\"v3\"", "\"v\"", ERR_FORMAT, "config.version: expected a version such as \"v3\""},
        {"\"v3\"", "\"v3x\"", ERR_FORMAT, "config.version: expected a version such as \"v3\""},
        {"\"v3\"", "\"v99999\"", ERR_FORMAT, "config.version: expected a version such as \"v3\""},
        {"\"v3\"", "3", ERR_FORMAT, "config.version: expected a string"},
        {"\"config\"", "\"conf\"", ERR_FORMAT, "config: missing"},
        {"\"default_vocab_size\": 278", "\"default_vocab_size\": 279", ERR_FORMAT,
         "vocab: expected a list of at least 259 tokens"},
        {"\"default_vocab_size\": 278", "\"default_vocab_size\": 2097153", ERR_FORMAT,
         "config.default_vocab_size: expected a whole number from 256 to 2097152"},
        {"special_tokens\": 20", "special_tokens\": 23", ERR_FORMAT,
         "config.default_num_special_tokens: expected a whole number from 0 to 22"},
        {"special_tokens\": 20", "special_tokens\": 19", ERR_FORMAT,
         "19 special tokens; expected 20 or more"},
        {"|\\\\s+\"", "\"", ERR_UNSUPPORTED,
         "config.pattern: not the pattern of any known tekken file; use a newer version"},
        {"\"vocab\"", "\"words\"", ERR_FORMAT, "vocab: missing"},
        {"\"vocab\": [", "\"x\": {}, \"vocab\": 3, \"y\": [", ERR_FORMAT,
         "vocab: expected a list of at least 258 tokens"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf json;
        char want[256];
        small(&json, "v3", NULL, 20);
        edit(&json, cases[i].old, cases[i].new);
        snprintf(want, sizeof want, "t.json: %s", cases[i].want);
        refuse(&json, cases[i].code, want);
    }
}

TEST(tekken, refuses_bad_entries)
{
    static const struct {
        const char *old, *new, *want;
    } cases[] = {
        {"\"rank\": 256,", "\"rank\": 257,", "t.json: vocab[256]: rank 257; expected 256"},
        {"\"rank\": 256,", "", "t.json: vocab[256].rank: missing"},
        {"\"token_bytes\": \"IHQ=\"", "\"x\": 1", "t.json: vocab[256].token_bytes: missing"},
        {"\"IHQ=\"", "5", "t.json: vocab[256].token_bytes: expected a string"},
        {"IHQ=", "IHQ", "t.json: vocab[256].token_bytes: expected base64"},
        {"IHQ=", "IH=Q", "t.json: vocab[256].token_bytes: expected base64"},
        {"IHQ=", "I===", "t.json: vocab[256].token_bytes: expected base64"},
        {"IHQ=", "IH-_", "t.json: vocab[256].token_bytes: expected base64"},
        {"IHQ=", "====", "t.json: vocab[256].token_bytes: expected base64"},
        {"IHQ=", "", "t.json: vocab[256].token_bytes: 0 characters; expected 4 to 131072"},
        {"AA==", "AQ==", "t.json: vocab[0].token_bytes: expected the single byte 0x00"},
        {"/w==", "//8=", "t.json: vocab[255].token_bytes: expected the single byte 0xFF"},
        {"IHQ=", "/w==", "t.json: token 276 occurs twice"},
        {"IHQ=", "ZXI=", "t.json: token 277 occurs twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf json;
        small(&json, "v3", NULL, 20);
        edit(&json, cases[i].old, cases[i].new);
        refuse(&json, strstr(cases[i].want, "expected 4 to") ? ERR_LIMIT : ERR_FORMAT,
               cases[i].want);
    }
}

TEST(tekken, refuses_a_token_past_the_limit)
{
    struct buf json;
    struct err err = {0};
    size_t n = (LIMIT_TOKEN_BYTES + 5) / 3 * 4 /* base64 of 65541 bytes */;
    char *big = calloc(1, 2 * LIMIT_TOKEN_BYTES + 5);
    memset(big, 'A', n);
    small(&json, "v3", NULL, 20);
    edit(&json, "IHQ=", big);
    refuse(&json, ERR_LIMIT, "t.json: token 276: 65541 bytes; at most 65536 are read");
    memset(big, 'A', 2 * LIMIT_TOKEN_BYTES + 4);
    small(&json, "v3", NULL, 20);
    edit(&json, "IHQ=", big);
    assert_null(open_json(&json, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    buf_free(&json);
    free(big);
}

TEST(tekken, refuses_bad_control_tokens)
{
    static const struct {
        const char *names, *want;
    } cases[] = {
        {NULL, "t.json: special_tokens: missing; version 13 needs them"},
        {"5", "t.json: special_tokens: expected a list of at most 3 tokens"},
        {"[1, 2, 3, 4]", "t.json: special_tokens: expected a list of at most 3 tokens"},
        {"[{}]", "t.json: special_tokens[0].token_str: missing"},
        {"[1]", "t.json: special_tokens[0]: expected an object"},
        {"[{\"token_str\": \"a\"}, {\"token_str\": \"a\"}]", "t.json: token 1 occurs twice"},
        {"[{\"token_str\": \"<SPECIAL_2>\"}]", "t.json: token 2 occurs twice"},
        {"[{\"token_str\": \"a\", \"rank\": 1}, {\"token_str\": \"b\", \"rank\": 0}]",
         "t.json: special_tokens[1]: rank 0 comes too late"},
        {"[{\"token_str\": \"a\", \"rank\": 3}]",
         "t.json: special_tokens[0].rank: expected a whole number from 0 to 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf json;
        small(&json, "v13", cases[i].names, 3);
        refuse(&json, strstr(cases[i].want, "expected 4 to") ? ERR_LIMIT : ERR_FORMAT,
               cases[i].want);
    }
}

TEST(tekken, refuses_other_json)
{
    struct err err = {0};
    static const char json[] = "{\"version\": \"1.0\", \"added_tokens\": [], \"model\": {}}";
    assert_null(tokenizer_from_tekken("t.json", json, sizeof json - 1, &err));
    assert_string_equal(err.text, "t.json: config: missing; " JSON_REMEDY);
    assert_null(tokenizer_from_tekken("t.json", "[]", 2, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    assert_null(tokenizer_from_tekken("t.json", "{", 1, &err));
    assert_int_equal(err.code, ERR_FORMAT);
}

TEST(tekken, survives_any_failed_allocation)
{
    struct buf json;
    struct tokenizer *tok = NULL;
    small(&json, "v13", "[{\"token_str\": \"<s>\"}]", 2);
    for (size_t n = 0; !tok; n++) {
        struct err err = {0};
        mem_fail_after(n);
        tok = open_json(&json, &err);
        bool failed = mem_n_failed() > 0;
        mem_fail_never();
        assert_int_equal(tok != NULL, !failed);
        assert_int_equal(err.code, tok ? ERR_NONE : ERR_LIMIT);
    }
    tokenizer_close(tok);
    buf_free(&json);
}
