/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "test.h"
#include "text/hf_int.h"

#define MARK "\xe2\x96\x81"

struct sample {
    const char *json;
    bool add_space;
    const char *want; /* NULL: it is accepted */
};

/* Runs one check on a document and compares its message. */
static void compare(bool ok, const struct err *err, const char *json, const char *want)
{
    if (ok != !want || strcmp(err->text, want ? want : "") != 0)
        fail_msg("%s: \"%s\"", json, err->text);
}

TEST(hf_steps, of_sentencepiece)
{
    static const struct sample samples[] = {
        {"{}", false, NULL},
        {"{\"normalizer\": null, \"pre_tokenizer\": null}", false, NULL},
        {"{\"normalizer\": {\"type\": \"Prepend\", \"prepend\": \"" MARK "\"}}", true, NULL},
        {"{\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": []}}", false, NULL},
        {"{\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"" MARK
         "\", \"split\": false}}",
         true, NULL},
        {"{\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"" MARK
         "\", \"split\": false, \"prepend_scheme\": \"never\"}}",
         false, NULL},
        {"{\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"" MARK
         "\", \"split\": false, \"add_prefix_space\": false}}",
         false, NULL},
        {"{\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"" MARK "\"}}", false,
         "t.json: pre_tokenizer: split: only false is read"},
        {"{\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"_\"}}", false,
         "t.json: pre_tokenizer: step \"Metaspace\" is not read; use tekken.json or "
         "tokenizer.model of this model"},
        {"{\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": "
         "\"Digits\"}]}}",
         false,
         "t.json: pre_tokenizer.pretokenizers[0]: step \"Digits\" is not read; use tekken.json or "
         "tokenizer.model of this model"},
        {"{\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": 5}}", false,
         "t.json: normalizer: step \"Sequence\" is not read; use tekken.json or "
         "tokenizer.model of this model"},
        {"{\"normalizer\": {\"type\": \"NFKC\"}}", false,
         "t.json: normalizer: step \"NFKC\" is not read; use tekken.json or "
         "tokenizer.model of this model"},
        {"{\"normalizer\": 5}", false,
         "t.json: normalizer: step \"\" is not read; use tekken.json or "
         "tokenizer.model of this model"},
        {"{\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"Regex\": \" \"}, "
         "\"content\": \"" MARK "\"}}",
         false,
         "t.json: normalizer: step \"Replace\" is not read; use tekken.json or "
         "tokenizer.model of this model"},
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct err err = {0};
        bool add_space = true;
        struct json_doc *doc = json_parse("t.json", samples[i].json, strlen(samples[i].json), &err);
        assert_non_null(doc);
        struct json root = json_root(doc);
        bool ok = hf_check_spm(&root, &add_space, &err);
        compare(ok, &err, samples[i].json, samples[i].want);
        if (ok)
            assert_int_equal(add_space, samples[i].add_space);
        json_close(doc);
    }
}

TEST(hf_steps, of_models)
{
    static const struct sample samples[] = {
        {"{\"byte_fallback\": true}", true, NULL},
        {"{\"type\": \"BPE\", \"dropout\": null, \"byte_fallback\": true, "
         "\"end_of_word_suffix\": \"\"}",
         true, NULL},
        {"{\"type\": \"BPE\", \"dropout\": 0.5}", false, "t.json: merges are dropped at random"},
        {"{\"type\": \"Unigram\"}", false, "t.json: type \"Unigram\"; only BPE is read"},
        {"{\"type\": 5}", false, "t.json: type: expected a string"},
        {"{\"end_of_word_suffix\": \"</w>\"}", false,
         "t.json: end_of_word_suffix: only models without one are read"},
        {"[]", false, "t.json: expected an object"},
        {"{\"pre_tokenizer\": {\"type\": \"ByteLevel\"}}", false, NULL},
        {"{\"byte_fallback\": false, \"pre_tokenizer\": {\"type\": \"Whitespace\"}}", false,
         "t.json: neither byte-level nor with byte_fallback; no other tokenizers are read"},
        {"{\"byte_fallback\": 1}", false, "t.json: byte_fallback: expected true or false"},
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct err err = {0};
        bool is_spm = false;
        struct json_doc *doc = json_parse("t.json", samples[i].json, strlen(samples[i].json), &err);
        assert_non_null(doc);
        struct json root = json_root(doc); /* both in one here */
        bool ok = hf_check_model(&root, &err) && hf_family(&root, &root, &is_spm, &err);
        compare(ok, &err, samples[i].json, samples[i].want);
        assert_int_equal(is_spm, samples[i].add_space);
        json_close(doc);
    }
}

/* What passes stands in hf_tokenizer_test.c. */
TEST(hf_steps, of_other_byte_level_tokenizers)
{
    static const char *const bad[] = {
        "{}",
        "{\"ignore_merges\": true}",
        "{\"ignore_merges\": true, \"pre_tokenizer\": {\"type\": \"ByteLevel\"}}",
        "{\"ignore_merges\": true, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": "
        "[5, 5]}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        struct json_doc *doc = json_parse("t.json", bad[i], strlen(bad[i]), &err);
        struct json root = json_root(doc);
        compare(hf_check_pattern(&root, &root, &err), &err, bad[i],
                "t.json: pre_tokenizer: neither the vocabulary nor the pattern is tekken's; other "
                "byte-level tokenizers are not read");
        json_close(doc);
    }
}
