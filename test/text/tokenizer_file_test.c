/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"
#include "text/tokenizer_fixture.h"
#include "text/traits.h"

#define DATA "test/data/"

/* Copies a fixture into a folder of this run. */
static void copy(const char *folder, const char *name, const char *from)
{
    char path[600];
    size_t n;
    char *bytes = test_read(from, &n);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    test_write(path, bytes, n);
    free(bytes);
}

static void assert_opens(const char *path, const char *want)
{
    struct err err = {0};
    struct tokenizer *tok = tokenizer_open(path, &err);
    if (!tok)
        fail_msg("%s", err.text);
    assert_string_equal(tokenizer_describe(tok), want);
    tokenizer_close(tok);
}

static void assert_fails(const char *path, enum err_code code, const char *want)
{
    struct err err = {0};
    assert_null(tokenizer_open(path, &err));
    assert_int_equal(err.code, code);
    if (!strstr(err.text, want))
        fail_msg("got \"%s\", want \"%s\"", err.text, want);
}

TEST(tokenizer_file, tells_files_apart_by_content)
{
    struct buf json, lines;
    fixture_byte_lines(&lines);
    fixture_tekken(&json, "v3", NULL, 20, lines.data);
    assert_opens(test_write(test_tmp("a"), json.data, json.len), "tekken v3, 276 tokens");
    assert_opens("models/stories260K.gguf", "SentencePiece, 512 pieces");
    assert_opens(DATA "stories260K/tok512.model", "SentencePiece, 512 pieces");
    assert_fails(test_write(test_tmp("b"), "", 0), ERR_FORMAT, "b: empty; download it again");
    assert_fails(
        test_write(test_tmp("c"), "Not Found", 9), ERR_FORMAT,
        "c: not a tokenizer; give tekken.json, tokenizer.model, tokenizer.json or a .gguf file");
    assert_fails(DATA "README.md", ERR_FORMAT, "README.md: not a tokenizer; give");
    assert_fails(test_write(test_tmp("d"), "GGUF", 4), ERR_FORMAT,
                 "d: the file is cut short; download it again");
    assert_fails(test_write(test_tmp("e.gguf"), "G", 1), ERR_FORMAT,
                 "e.gguf: not a GGUF file; download it again");
    assert_fails(test_write(test_tmp("f.json"), " [", 2), ERR_FORMAT,
                 "near end of file; correct the file or download it again");
    assert_fails(test_tmp("missing"), ERR_NOT_FOUND, "missing");
    buf_free(&json);
    buf_free(&lines);
}

/* Each file that is added is preferred to those before. */
TEST(tokenizer_file, chooses_the_best_of_a_folder)
{
    struct buf json, lines;
    char folder[512];
    snprintf(folder, sizeof folder, "%s", test_tmp("tokenizer-choice"));
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_fails(folder, ERR_NOT_FOUND,
                 "no tokenizer; expected tekken.json, tokenizer.model, tokenizer.json or a .gguf");
    copy(folder, "README.md", DATA "tokenizers/README.md");
    copy(folder, "tokenizer.model.bak", DATA "tokenizers/README.md");
    copy(folder, "x.model.v", DATA "tokenizers/README.md");
    copy(folder, "x.model.v3m1x", DATA "tokenizers/README.md");
    assert_fails(folder, ERR_NOT_FOUND, "no tokenizer");

    char path[600];
    copy(folder, "b.gguf", DATA "tokenizers/README.md");
    copy(folder, "a.gguf", "models/stories260K.gguf");
    copy(folder, ".gguf", DATA "tokenizers/README.md");
    assert_opens(folder, "SentencePiece, 512 pieces");
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    test_write(path, "{\"model\": {}}", 13);
    assert_fails(folder, ERR_UNSUPPORTED, "tokenizer.json: model: neither byte-level nor with");
    copy(folder, "tokenizer.model", DATA "tokenizers/tokenizer.model.v1");
    assert_opens(folder, "SentencePiece, 32000 pieces");
    copy(folder, "x.model.v3", DATA "tokenizers/mistral_instruct_tokenizer_240323.model.v3");
    assert_opens(folder, "SentencePiece, 32768 pieces");
    copy(folder, "x.model.v7m1", DATA "stories260K/tok512.model");
    assert_opens(folder, "SentencePiece, 512 pieces");
    fixture_byte_lines(&lines);
    fixture_tekken(&json, "v3", NULL, 20, lines.data);
    snprintf(path, sizeof path, "%s/tekken.json", folder);
    test_write(path, json.data, json.len);
    assert_opens(folder, "tekken v3, 276 tokens");
    buf_free(&json);
    buf_free(&lines);
}

/* The vocabulary is that of the fuzz corpus; text and neighbours are found from the file too. */
TEST(tokenizer_file, opens_a_hugging_face_folder)
{
    struct err err = {0};
    char folder[512], path[600];
    snprintf(folder, sizeof folder, "%s", test_tmp("hf"));
    assert_int_equal(mkdir(folder, 0700), 0);
    copy(folder, "tokenizer.json", "fuzz/corpus/hf_tokenizer/byte_level.json");
    snprintf(path, sizeof path, "%s/tokenizer_config.json", folder);
    const char *config = "{\"chat_template\": \"[SYSTEM_PROMPT]\", \"bos_token\": \"<unk>\"}";
    test_write(path, config, strlen(config));
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    const char *const ways[] = {folder, path};
    for (int i = 0; i < 2; i++) {
        struct tokenizer *tok = tokenizer_open(ways[i], &err);
        if (!tok)
            fail_msg("%s", err.text);
        assert_string_equal(tokenizer_describe(tok), "byte-level BPE, 261 tokens");
        assert_int_equal(tokenizer_bos(tok), 0);
        assert_int_equal(tokenizer_traits(tok)->version, 7);
        tokenizer_close(tok);
    }
    snprintf(path, sizeof path, "%s/tokenizer_config.json", folder);
    test_write(path, "{", 1);
    assert_fails(folder, ERR_FORMAT, "tokenizer_config.json: line 1");
}

/* The same bytes are the reference's v2 and the v3 of a released model. */
TEST(tokenizer_file, believes_the_name_where_v2_and_v3_are_alike)
{
    static const struct {
        const char *name, *from;
        int want;
    } cases[] = {
        {"tokenizer.model.v3", "mistral_instruct_tokenizer_240323.model.v3", 3},
        {"tokenizer.model", "mistral_instruct_tokenizer_240323.model.v3", 3},
        {"x.model.v2", "mistral_instruct_tokenizer_240323.model.v3", 2},
        {"y.model.v2", "mistral_instruct_tokenizer_241114.model.v7", 7},
    };
    char folder[512], path[600];
    snprintf(folder, sizeof folder, "%s", test_tmp("alike"));
    assert_int_equal(mkdir(folder, 0700), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        snprintf(path, sizeof path, DATA "tokenizers/%s", cases[i].from);
        copy(folder, cases[i].name, path);
        snprintf(path, sizeof path, "%s/%s", folder, cases[i].name);
        struct tokenizer *tok = tokenizer_open(path, &err);
        assert_non_null(tok);
        assert_int_equal(tokenizer_traits(tok)->version, cases[i].want);
        tokenizer_close(tok);
    }
}
