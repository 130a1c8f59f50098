/* SPDX-License-Identifier: Apache-2.0 */
#include "text/prompt_format.h"

#include <stdio.h>
#include <string.h>

#include "test.h"
#include "text/tokenizer_fixture.h"
#include "text/tokenizer_int.h"

TEST(prompt_format, finds_the_control_tokens)
{
    struct prompt_format format;
    struct err err = {0};
    assert_true(prompt_format_init(&format, fixture_generation("spm-v7"), 0, &err));
    assert_int_equal(format.version, 7);
    assert_false(format.is_tekken);
    assert_int_equal(format.ids[CONTROL_CALLS], 5);
    assert_int_equal(format.ids[CONTROL_THINK], -1);
    assert_true(prompt_format_init(&format, fixture_generation("tekken-v15-image"), 0, &err));
    assert_int_equal(format.version, 15);
    assert_true(format.is_tekken);
    assert_int_equal(format.ids[CONTROL_BOS], 1);
    assert_int_equal(format.ids[CONTROL_EOS], 2);
    assert_int_equal(format.ids[CONTROL_CALLS], 9);
    assert_int_equal(format.ids[CONTROL_END_SETTINGS], 37);
    for (int i = 0; i < N_CONTROLS; i++) {
        const char *name = prompt_control_name((enum prompt_control)i);
        assert_int_equal(format.ids[i], tokenizer_control(format.tok, name));
    }
}

TEST(prompt_format, takes_another_version)
{
    struct prompt_format format;
    struct err err = {0};
    assert_true(prompt_format_init(&format, fixture_generation("spm-v2"), 2, &err));
    assert_int_equal(format.version, 2);
    assert_true(prompt_format_init(&format, fixture_generation("spm-v1"), 1, &err));
    assert_int_equal(format.ids[CONTROL_INST], -1);
    /* Without the setting, v15 needs no tokens for it. */
    assert_true(prompt_format_init(&format, fixture_generation("tekken-v13"), 15, &err));
    assert_int_equal(format.ids[CONTROL_SETTINGS], -1);
}

TEST(prompt_format, takes_the_ends_that_the_files_choose)
{
    struct prompt_format format;
    struct err err = {0};
    struct tokenizer *tok = tokenizer_open("models/stories260K.gguf", &err);
    assert_non_null(tok);
    tok->bos = 2;
    tok->eos = 1;
    assert_true(prompt_format_init(&format, tok, 1, &err));
    assert_int_equal(format.ids[CONTROL_BOS], 2);
    assert_int_equal(format.ids[CONTROL_EOS], 1);
    tok->eos = -1;
    assert_false(prompt_format_init(&format, tok, 1, &err));
    assert_non_null(strstr(err.text, "needs the control token </s>"));
    tokenizer_close(tok);
}

static void refuse(const struct tokenizer *tok, int version, const char *want)
{
    struct prompt_format format;
    struct err err = {0};
    assert_false(prompt_format_init(&format, tok, version, &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_string_equal(err.text, want);
}

TEST(prompt_format, refuses_what_a_vocabulary_cannot_say)
{
    struct err err = {0};
    struct tokenizer *tok = tokenizer_open("models/stories260K.gguf", &err);
    assert_non_null(tok);
    refuse(tok, 0, "the vocabulary (SentencePiece, 512 pieces) belongs to no known prompt format");
    refuse(tok, 4, "prompt format v4 is not known; v1, v2, v3, v7, v11, v13 and v15 are");
    refuse(tok, -1, "prompt format v-1 is not known; v1, v2, v3, v7, v11, v13 and v15 are");
    refuse(tok, 3,
           "prompt format v3 needs the control token [INST], which the vocabulary (SentencePiece, "
           "512 pieces) lacks");
    tokenizer_close(tok);
}
