/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "edit.h"
#include "test.h"
#include "text/hf_int.h"

/* A vocabulary of a few control tokens. */
static struct tokenizer *controls(void)
{
    static const char *const names[] = {"<s>", "</s>", "[IMG]", "[MASK]"};
    struct err err = {0};
    struct tokenizer *tok = tokenizer_new(5, &err);
    assert_non_null(tok);
    tok->is_tekken = true;
    for (size_t i = 0; i < 4; i++)
        assert_true(tokenizer_add(tok, TOKEN_CONTROL, names[i], strlen(names[i]), &err));
    assert_true(tokenizer_add(tok, TOKEN_NORMAL, "a", 1, &err));
    assert_true(tokenizer_index(tok, &err));
    tok->bos = 0;
    tok->eos = 1;
    return tok;
}

static char folder[512];

static void put_file(const char *name, const char *text)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    test_write(path, text, strlen(text));
}

static void start(void)
{
    snprintf(folder, sizeof folder, "%s", edit_folder("beside"));
}

TEST(hf_beside, takes_the_template_where_it_is)
{
    static const struct {
        const char *file, *text;
        bool has_template;
        int version;
    } cases[] = {
        {"chat_template.json", "{\"chat_template\": \"[CALL_ID]\"}", true, 11},
        {"tokenizer_config.json", "{\"chat_template\": \"[ARGS]\"}", true, 13},
        {"tokenizer_config.json",
         "{\"chat_template\": [{\"name\": \"rag\", \"template\": \"[ARGS]\"}, {\"name\": "
         "\"default\", \"template\": \"[SYSTEM_PROMPT]\"}]}",
         true, 7},
        {"tokenizer_config.json",
         "{\"chat_template\": [{\"name\": \"rag\", \"template\": \"[ARGS]\"}]}", true, 11},
        {"chat_template.jinja", "[AVAILABLE_TOOLS]", true, 3},
        {"chat_template.jinja", "", true, 3},
    };
    struct err err = {0};
    struct tokenizer *tok = controls();
    start();
    assert_true(hf_read_beside(tok, folder, true, &err));
    assert_false(tok->traits.has_template);
    /* Each is preferred to those before. */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_file(cases[i].file, cases[i].text);
        if (!hf_read_beside(tok, folder, true, &err))
            fail_msg("%s", err.text);
        assert_int_equal(tok->traits.has_template, cases[i].has_template);
        assert_int_equal(tok->traits.version, cases[i].version);
    }
    tokenizer_close(tok);
}

TEST(hf_beside, leaves_native_files_their_version_and_ends)
{
    struct err err = {0};
    struct tokenizer *tok = controls();
    start();
    tok->traits.version = 7;
    put_file("tokenizer_config.json",
             "{\"chat_template\": \"[ARGS] <think>\", \"eos_token\": \"[MASK]\"}");
    put_file("config.json", "{\"vision_config\": {}}");
    assert_true(hf_read_beside(tok, folder, false, &err));
    assert_true(tok->traits.has_template);
    assert_true(tok->traits.has_think_tag);
    assert_int_equal(tok->traits.version, 7);
    assert_int_equal(tok->eos, 1);
    assert_int_equal(tok->traits.image.patch_size, 0);
    tokenizer_close(tok);
}

TEST(hf_beside, takes_the_ends_of_a_text)
{
    struct err err = {0};
    struct tokenizer *tok = controls();
    start();
    put_file("tokenizer_config.json",
             "{\"bos_token\": null, \"eos_token\": {\"content\": \"[MASK]\", \"lstrip\": false}}");
    assert_true(hf_read_beside(tok, folder, true, &err));
    assert_int_equal(tok->bos, 0);
    assert_int_equal(tok->eos, 3);
    put_file("tokenizer_config.json", "{\"bos_token\": \"</s>\"}");
    assert_true(hf_read_beside(tok, folder, true, &err));
    assert_int_equal(tok->bos, 1);
    tokenizer_close(tok);
}

/* The configurations of Mistral Small 3.1 and Pixtral 12B, shortened. */
TEST(hf_beside, takes_the_size_of_pictures)
{
    struct err err = {0};
    struct tokenizer *tok = controls();
    start();
    put_file("config.json", "{\"spatial_merge_size\": 2, \"vision_config\": {\"image_size\": 1540, "
                            "\"patch_size\": 14, \"model_type\": \"pixtral\"}}");
    assert_true(hf_read_beside(tok, folder, true, &err));
    assert_int_equal(tok->traits.image.patch_size, 14);
    assert_int_equal(tok->traits.image.max_size, 1540);
    assert_int_equal(tok->traits.image.merge, 2);
    put_file("config.json", "{\"vision_config\": {\"image_size\": 1024, \"patch_size\": 16}}");
    assert_true(hf_read_beside(tok, folder, true, &err));
    assert_int_equal(tok->traits.image.patch_size, 16);
    assert_int_equal(tok->traits.image.max_size, 1024);
    assert_int_equal(tok->traits.image.merge, 1);
    tokenizer_close(tok);
}

TEST(hf_beside, refuses_bad_neighbours)
{
    static const struct {
        const char *file, *text, *want;
    } cases[] = {
        {"tokenizer_config.json", "{", "tokenizer_config.json: line 1"},
        {"tokenizer_config.json", "{\"chat_template\": 5}",
         "tokenizer_config.json: chat_template: expected a string; correct"},
        {"tokenizer_config.json", "{\"chat_template\": [{\"name\": \"default\"}]}",
         "tokenizer_config.json: chat_template[0].template: missing"},
        {"tokenizer_config.json", "{\"eos_token\": \"x\"}",
         "tokenizer_config.json: eos_token: \"x\" is no control token"},
        {"tokenizer_config.json", "{\"eos_token\": {}}",
         "tokenizer_config.json: eos_token.content: missing"},
        {"tokenizer_config.json", "{\"eos_token\": []}",
         "tokenizer_config.json: eos_token: expected a string"},
        {"chat_template.json", "[", "chat_template.json: line 1"},
        {"config.json", "{\"vision_config\": {\"patch_size\": 0}}",
         "config.json: vision_config.patch_size: expected a whole number from 1 to 1024"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char want[600];
        struct err err = {0};
        struct tokenizer *tok = controls();
        start();
        put_file(cases[i].file, cases[i].text);
        assert_false(hf_read_beside(tok, folder, true, &err));
        snprintf(want, sizeof want, "%s/%s", folder, cases[i].want);
        if (strncmp(err.text, want, strlen(want)) != 0)
            fail_msg("got \"%s\", want \"%s\"", err.text, want);
        tokenizer_close(tok);
    }
}

TEST(hf_beside, survives_any_failed_allocation)
{
    bool ok = false;
    start();
    put_file("chat_template.jinja", "[ARGS]");
    put_file("tokenizer_config.json", "{\"eos_token\": \"[MASK]\"}");
    put_file("chat_template.json", "{\"chat_template\": \"[CALL_ID]\"}");
    put_file("config.json", "{\"vision_config\": {}}");
    for (size_t n = 0; !ok; n++) {
        struct err err = {0};
        struct tokenizer *tok = controls();
        mem_fail_after(n);
        ok = hf_read_beside(tok, folder, true, &err);
        bool failed = mem_n_failed() > 0;
        mem_fail_never();
        assert_int_equal(ok, !failed);
        assert_int_equal(err.code, ok ? ERR_NONE : ERR_LIMIT);
        tokenizer_close(tok);
    }
}
