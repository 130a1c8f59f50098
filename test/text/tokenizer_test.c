/* SPDX-License-Identifier: Apache-2.0 */
/* The reference tokenizer's own answers, and the fixtures of the other tests here. */
#include "text/tokenizer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "data/utf8.h"
#include "test.h"
#include "text/tokenizer_fixture.h"

static const char dir[] = "test/data/tokenizers/";

/* Undoes base64; for the raw bytes of the vectors.  Owned: free(). */
static char *from_base64(const char *s, size_t *n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
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
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
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
        snprintf(text, sizeof text, "%s{\"rank\": %d, \"token_bytes\": \"%.*s\", \"token_str\": %s}\n",
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

static struct tokenizer *open_tekken(void)
{
    /* The names of version 13 that golden vectors use. */
    static const char names[] =
        "[{\"rank\": 0, \"token_str\": \"<unk>\", \"is_control\": true}, {\"rank\": 1, \"token_str\": "
        "\"<s>\", \"is_control\": true}]";
    (void)names;
    struct buf json;
    struct err err = {0};
    char *lines = test_read("test/data/tokenizers/tekken-vocab.b64", NULL);
    fixture_tekken(&json, "v3", NULL, 1000, lines);
    struct tokenizer *tok = tokenizer_from_tekken("tekken.json", json.data, json.len, &err);
    if (!tok)
        fail_msg("%s", err.text);
    buf_free(&json);
    free(lines);
    return tok;
}

const struct tokenizer *fixture_tokenizer(const char *name)
{
    static const struct {
        const char *name, *file;
    } files[] = {{"spm-v1", "tokenizer.model.v1"},
                 {"spm-v3", "mistral_instruct_tokenizer_240323.model.v3"},
                 {"spm-v7", "mistral_instruct_tokenizer_241114.model.v7"},
                 {"tekken", NULL}};
    static struct tokenizer *open[4];
    struct err err = {0};
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(name, files[i].name) != 0)
            continue;
        char path[256];
        snprintf(path, sizeof path, "%s%s", dir, files[i].file ? files[i].file : "");
        if (!open[i])
            open[i] = files[i].file ? tokenizer_open(path, &err) : open_tekken();
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

static void check_texts(const char *tokenizer)
{
    char file[32];
    snprintf(file, sizeof file, "text-%s", tokenizer);
    json_t *doc = golden(file), *vectors = json_object_get(doc, "vectors");
    const struct tokenizer *tok = fixture_tokenizer(tokenizer);
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
    check_texts("spm-v1");
}

TEST(tokenizer, encodes_spm_v3_as_the_reference)
{
    check_texts("spm-v3");
}

TEST(tokenizer, encodes_spm_v7_as_the_reference)
{
    check_texts("spm-v7");
}

TEST(tokenizer, encodes_tekken_as_the_reference)
{
    check_texts("tekken");
}
