/* SPDX-License-Identifier: Apache-2.0 */
/* The reference tokenizer's own answers, and the fixtures of the other tests here. */
#include "text/tokenizer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "data/utf8.h"
#include "test.h"
#include "text/tokenizer_fixture.h"
#include "text/tokenizer_int.h"

static const char dir[] = "test/data/tokenizers/";
#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

/* Undoes base64; for the raw bytes of the vectors.  Owned: free(). */
static char *from_base64(const char *s, size_t *n)
{
    static const char digits[] = BASE64;
    char *out = calloc(1, strlen(s));
    uint32_t bits = 0;
    *n = 0;
    for (size_t i = 0; s[i] && s[i] != '='; i++) {
        bits = bits << 6 | (uint32_t)(strchr(digits, s[i]) - digits);
        if (i % 4)
            out[(*n)++] = (char)(bits >> (6 - 2 * (i % 4)));
    }
    return out;
}

static void add(struct buf *buf, const char *s)
{
    struct err err = {0};
    assert_true(buf_add(buf, s, strlen(s), &err));
}

static void add_json(struct buf *buf, const char *s)
{
    json_t *string = json_string(s);
    char *text = json_dumps(string, JSON_ENCODE_ANY);
    add(buf, text);
    free(text);
    json_decref(string);
}

void fixture_byte_lines(struct buf *lines)
{
    static const char digits[] = BASE64;
    buf_init(lines, 1 << 20);
    for (int b = 0; b < 256; b++) {
        const char line[] = {digits[b >> 2], digits[(b & 3) << 4], '=', '=', '\n', 0};
        add(lines, line);
    }
}

void fixture_tekken(struct buf *json, const char *version, const char *names, int n_special,
                    const char *lines)
{
    char text[256];
    int n = 0;
    for (const char *s = lines; *s; s++)
        n += *s == '\n';
    buf_init(json, 32 << 20);
    add(json, "{\"config\": {\"pattern\": ");
    add_json(json, SPLIT_PATTERN);
    snprintf(text, sizeof text,
             ", \"num_vocab_tokens\": 150000, \"default_vocab_size\": %d, "
             "\"default_num_special_tokens\": %d, \"version\": \"%s\"},\n\"vocab\": [",
             n + n_special, n_special, version);
    add(json, text);
    for (int rank = 0; rank < n; rank++) {
        size_t len = strcspn(lines, "\n");
        snprintf(text, sizeof text,
                 "%s{\"rank\": %d, \"token_bytes\": \"%.*s\", \"token_str\": %s}\n",
                 rank ? "," : "", rank, (int)len, lines, rank ? "null" : "\"\\u0000\"");
        add(json, text);
        lines += len + 1;
    }
    add(json, "]");
    if (names) {
        add(json, ", \"special_tokens\": ");
        add(json, names);
    }
    add(json, ", \"version\": 1, \"type\": \"Tekken\"}");
}

const struct tokenizer *fixture_tokenizer(const char *name)
{
    static const struct {
        const char *name, *file;
    } files[] = {
        {"spm-v1", "tokenizer.model.v1"},
        {"spm-v3", "mistral_instruct_tokenizer_240323.model.v3"},
        {"spm-v7", "mistral_instruct_tokenizer_241114.model.v7"},
    };
    static struct tokenizer *open[3];
    struct err err = {0};
    /* All of them have the same text; this one also names every token in decode.json. */
    if (strcmp(name, "tekken") == 0)
        return fixture_generation("tekken-v15-image");
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(name, files[i].name) != 0)
            continue;
        char path[256];
        snprintf(path, sizeof path, "%s%s", dir, files[i].file);
        if (!open[i])
            open[i] = tokenizer_open(path, &err);
        if (!open[i])
            fail_msg("%s", err.text);
        return open[i];
    }
    fail_msg("no fixture %s", name);
    return NULL;
}

void assert_ids(const struct tokenizer *tok, const char *name, const char *text, size_t n,
                const int32_t *want, size_t n_want)
{
    struct token_ids got = {0};
    struct err err = {0};
    if (!tokenizer_encode(tok, text, n, &got, &err))
        fail_msg("%s: %s", name, err.text);
    for (size_t i = 0; i < n_want && i < got.n; i++)
        if (got.ids[i] != want[i])
            fail_msg("%s: id %zu is %d, not %d", name, i, got.ids[i], want[i]);
    if (got.n != n_want)
        fail_msg("%s: %zu ids, not %zu", name, got.n, n_want);
    token_ids_free(&got);
}

static json_t *golden(const char *file)
{
    char path[256];
    json_error_t e;
    snprintf(path, sizeof path, "test/data/golden/%s.json", file);
    json_t *doc = json_load_file(path, JSON_ALLOW_NUL, &e);
    if (!doc)
        fail_msg("%s: %s", path, e.text);
    return doc;
}

static int32_t *id_list(const json_t *list, size_t *n)
{
    *n = json_array_size(list);
    int32_t *ids = calloc(*n + 1, sizeof *ids);
    for (size_t i = 0; i < *n; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
    return ids;
}

/* The text of a vector: as such, repeated, or raw bytes.  Owned: free(). */
static char *vector_text(const json_t *v, size_t *n)
{
    const json_t *text = json_object_get(v, "text"), *repeat = json_object_get(v, "repeat");
    if (text || !repeat) {
        if (!text)
            return from_base64(json_string_value(json_object_get(v, "bytes_b64")), n);
        *n = json_string_length(text);
        char *copy = calloc(1, *n + 1);
        memcpy(copy, json_string_value(text), *n);
        return copy;
    }
    const json_t *unit = json_array_get(repeat, 0);
    size_t n_unit = json_string_length(unit);
    size_t count = (size_t)json_integer_value(json_array_get(repeat, 1));
    *n = n_unit * count;
    char *copy = calloc(1, *n + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(copy + i * n_unit, json_string_value(unit), n_unit);
    return copy;
}

/* Decodes ids in one go and compares. */
static void assert_text(const struct tokenizer *tok, const char *name, const int32_t *ids, size_t n,
                        const char *want, size_t n_want)
{
    struct text_decoder decoder;
    struct buf out;
    struct err err = {0};
    buf_init(&out, LIMIT_TEXT_BYTES);
    text_decoder_init(&decoder, tok);
    for (size_t i = 0; i < n; i++)
        assert_true(text_decoder_add(&decoder, ids[i], &out, &err));
    assert_true(text_decoder_end(&decoder, &out, &err));
    if (out.len != n_want || (n_want && memcmp(out.data, want, n_want) != 0))
        fail_msg("%s: decoded \"%s\", not \"%s\"", name, out.data ? out.data : "", want);
    buf_free(&out);
}

void assert_golden_texts(const struct tokenizer *tok, const char *file)
{
    json_t *doc = golden(file), *vectors = json_object_get(doc, "vectors");
    assert_int_equal(json_array_size(vectors), 83);
    for (size_t i = 0; i < json_array_size(vectors); i++) {
        const json_t *v = json_array_get(vectors, i), *decoded = json_object_get(v, "decoded");
        const char *name = json_string_value(json_object_get(v, "name"));
        size_t n, n_ids;
        char *text = vector_text(v, &n);
        int32_t *ids = id_list(json_object_get(v, "ids"), &n_ids);
        assert_ids(tok, name, text, n, ids, n_ids);
        assert_text(tok, name, ids, n_ids, decoded ? json_string_value(decoded) : text,
                    decoded ? json_string_length(decoded) : n);
        free(text);
        free(ids);
    }
    json_decref(doc);
}

TEST(tokenizer, encodes_spm_v1_as_the_reference)
{
    assert_golden_texts(fixture_tokenizer("spm-v1"), "text-spm-v1");
}

TEST(tokenizer, encodes_spm_v3_as_the_reference)
{
    assert_golden_texts(fixture_tokenizer("spm-v3"), "text-spm-v3");
}

TEST(tokenizer, encodes_spm_v7_as_the_reference)
{
    assert_golden_texts(fixture_tokenizer("spm-v7"), "text-spm-v7");
}

TEST(tokenizer, encodes_tekken_as_the_reference)
{
    assert_golden_texts(fixture_tokenizer("tekken"), "text-tekken");
}

/* The reference joins the bytes of all ids before it looks for characters. */
static void assert_keep(const struct tokenizer *tok, const json_t *v, const int32_t *ids, size_t n)
{
    struct buf raw, text;
    struct err err = {0};
    const char *want = json_string_value(json_object_get(v, "keep"));
    buf_init(&raw, 1 << 20);
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < n; i++)
        assert_true(tokenizer_piece(tok, ids[i], &raw, &err));
    for (size_t i = 0, len; i < raw.len; i += len) {
        uint32_t code;
        bool ok = utf8_decode(raw.data + i, raw.len - i, &code, &len) == UTF8_OK;
        assert_true(buf_add(&text, ok ? raw.data + i : "\xef\xbf\xbd", ok ? len : 3, &err));
    }
    assert_int_equal(text.len, json_string_length(json_object_get(v, "keep")));
    assert_memory_equal(text.data, want, text.len);
    buf_free(&raw);
    buf_free(&text);
}

TEST(tokenizer, keeps_control_tokens_in_pieces_as_the_reference)
{
    json_t *doc = golden("decode"), *vectors = json_object_get(doc, "vectors");
    assert_int_equal(json_array_size(vectors), 36);
    for (size_t i = 0; i < json_array_size(vectors); i++) {
        const json_t *v = json_array_get(vectors, i);
        size_t n;
        int32_t *ids = id_list(json_object_get(v, "ids"), &n);
        assert_keep(fixture_tokenizer(json_string_value(json_object_get(v, "tokenizer"))), v, ids,
                    n);
        free(ids);
    }
    json_decref(doc);
}

/* The text so far must be what the reference has by then; a U+FFFD may come earlier. */
static void assert_so_far(const char *name, size_t step, const struct buf *got,
                          const struct buf *want)
{
    bool ok = got->len >= want->len && memcmp(got->data, want->data, want->len) == 0;
    for (size_t i = want->len; ok && i < got->len; i += 3)
        ok = memcmp(got->data + i, "\xef\xbf\xbd", 3) == 0;
    if (!ok)
        fail_msg("%s: after step %zu \"%s\", not \"%s\"", name, step, got->data, want->data);
}

static void check_stream(const json_t *v)
{
    const json_t *stream = json_object_get(v, "stream"), *ignore = json_object_get(v, "ignore");
    const char *name = json_string_value(json_object_get(v, "name"));
    struct text_decoder decoder;
    struct buf got, want;
    struct err err = {0};
    size_t n;
    int32_t *ids = id_list(json_object_get(v, "ids"), &n);
    buf_init(&got, 1 << 20);
    buf_init(&want, 1 << 20);
    text_decoder_init(&decoder,
                      fixture_tokenizer(json_string_value(json_object_get(v, "tokenizer"))));
    for (size_t k = 0; k <= n; k++) {
        const json_t *part = json_array_get(stream, k);
        assert_true(buf_add(&want, json_string_value(part), json_string_length(part), &err));
        assert_true(buf_add(&got, "", 0, &err));
        assert_true(k < n ? text_decoder_add(&decoder, ids[k], &got, &err)
                          : text_decoder_end(&decoder, &got, &err));
        assert_true(utf8_valid(got.data, got.len));
        assert_so_far(name, k, &got, &want);
    }
    assert_int_equal(got.len, json_string_length(ignore));
    assert_memory_equal(got.data, json_string_value(ignore), got.len);
    buf_free(&got);
    buf_free(&want);
    free(ids);
}

TEST(tokenizer, streams_text_as_the_reference)
{
    json_t *doc = golden("decode"), *vectors = json_object_get(doc, "vectors");
    for (size_t i = 0; i < json_array_size(vectors); i++)
        check_stream(json_array_get(vectors, i));
    json_decref(doc);
}

TEST(tokenizer, tells_facts)
{
    const struct tokenizer *spm = fixture_tokenizer("spm-v3"),
                           *tekken = fixture_tokenizer("tekken");
    assert_string_equal(tokenizer_describe(spm), "SentencePiece, 32768 pieces");
    assert_string_equal(tokenizer_describe(tekken), "tekken v15, 131072 tokens");
    assert_int_equal(tokenizer_n_vocab(spm), 32768);
    assert_int_equal(tokenizer_n_vocab(tekken), 131072);
    assert_int_equal(tokenizer_bos(spm), 1);
    assert_int_equal(tokenizer_eos(tekken), 2);
    assert_int_equal(tokenizer_control(spm, "[TOOL_CALLS]"), 5);
    assert_int_equal(tokenizer_control(tekken, "[TOOL_CALLS]"), 9);
    assert_int_equal(tokenizer_control(tekken, "<SPECIAL_31>"), 31);
    /* An ordinary token, the unknown token and a byte have no control name. */
    assert_int_equal(tokenizer_control(tekken, "er"), -1);
    assert_int_equal(tokenizer_control(spm, "<unk>"), -1);
    assert_int_equal(tokenizer_control(spm, "<0x0A>"), -1);
    assert_true(tokenizer_is_control(tekken, 999));
    assert_false(tokenizer_is_control(tekken, 1000));
    assert_false(tokenizer_is_control(tekken, -1));
    assert_false(tokenizer_is_control(tekken, INT32_MAX));
}

TEST(tokenizer, unknown_ids_add_nothing)
{
    struct text_decoder decoder;
    struct buf out;
    struct err err = {0};
    buf_init(&out, 100);
    text_decoder_init(&decoder, fixture_tokenizer("tekken"));
    const int32_t bad[] = {-1, INT32_MIN, 131072, INT32_MAX};
    for (size_t i = 0; i < 4; i++) {
        assert_true(tokenizer_piece(decoder.tok, bad[i], &out, &err));
        assert_true(text_decoder_add(&decoder, bad[i], &out, &err));
    }
    assert_int_equal(out.len, 0);
    buf_free(&out);
}

TEST(tokenizer, text_never_gives_a_control_token)
{
    /* Each name of each control token, as text. */
    const char *names_of[] = {"spm-v1", "spm-v3", "spm-v7", "tekken"};
    for (size_t k = 0; k < 4; k++) {
        const struct tokenizer *tok = fixture_tokenizer(names_of[k]);
        for (int32_t id = 0; id < 1027 && id < tokenizer_n_vocab(tok); id++) {
            struct token_ids ids = {0};
            struct buf name;
            struct err err = {0};
            buf_init(&name, 1000);
            assert_true(tokenizer_piece(tok, id, &name, &err));
            if (tokenizer_is_control(tok, id))
                assert_true(tokenizer_encode(tok, name.data, name.len, &ids, &err));
            for (size_t i = 0; i < ids.n; i++)
                assert_false(tokenizer_is_control(tok, ids.ids[i]));
            token_ids_free(&ids);
            buf_free(&name);
        }
    }
}

TEST(tokenizer, failed_encoding_leaves_the_list)
{
    struct token_ids ids = {0};
    struct err err = {0};
    const char *names_of[] = {"spm-v3", "tekken"};
    assert_true(token_ids_add(&ids, 7, &err));
    for (size_t k = 0; k < 2; k++) {
        const struct tokenizer *tok = fixture_tokenizer(names_of[k]);
        const char text[] = "some words \xff that are here";
        assert_false(tokenizer_encode(tok, text, (size_t)LIMIT_TEXT_BYTES + 1, &ids, &err));
        assert_int_equal(err.code, ERR_LIMIT);
        bool ok = false;
        for (size_t n = 0; !ok; n++) {
            mem_fail_after(n);
            ok = tokenizer_encode(tok, text, sizeof text - 1, &ids, &err);
            bool failed = mem_n_failed() > 0;
            mem_fail_never();
            assert_int_equal(ok, !failed);
            if (!ok) {
                assert_int_equal(err.code, ERR_LIMIT);
                assert_int_equal(ids.n, 1);
            }
        }
        assert_true(ids.n > 1);
        ids.n = 1;
    }
    token_ids_free(&ids);
}

TEST(tokenizer, closes_nothing)
{
    tokenizer_close(NULL);
}

/* Names chosen to meet in one slot of the index, which has 2048 for so many. */
TEST(tokenizer, refuses_names_made_to_be_slow)
{
    enum { N = 1000 };
    struct err err = {0};
    struct tokenizer *tok = tokenizer_new(N, &err);
    assert_non_null(tok);
    for (int i = 0; tok->vocab.n < N; i++) {
        char s[16];
        int n = snprintf(s, sizeof s, "%d", i);
        if (!(vocab_hash(s, (size_t)n) >> 32 & 2047))
            assert_true(tokenizer_add(tok, TOKEN_CONTROL, s, (size_t)n, &err));
    }
    assert_false(tokenizer_index(tok, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    assert_string_equal(err.text, "token 512 hashes as too many others do");
    tokenizer_close(tok);
}
