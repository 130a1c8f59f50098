/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "test.h"
#include "text/spm_int.h"

static struct tokenizer *with_bytes(int n_bytes, size_t n_more)
{
    struct err err = {0};
    struct tokenizer *tok = spm_new((size_t)n_bytes + n_more, &err);
    assert_non_null(tok);
    for (int b = 0; b < n_bytes; b++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", (unsigned)b);
        assert_true(spm_add(tok, name, 6, 0, TOKEN_BYTE, &err));
    }
    return tok;
}

TEST(spm_vocab, refuses_bad_pieces)
{
    static const struct {
        const char *s;
        float score;
        uint32_t kind;
        const char *want;
    } bad[] = {
        {"b", 0, 0, "piece 256: unknown type 0"},
        {"b", 0, 7, "piece 256: unknown type 7"},
        {"", 0, 1, "piece 256: 0 bytes; expected 1 to 65536"},
        {"\xff", 0, 1, "piece 256: not UTF-8"},
        {"\xe2\x96", 0, 3, "piece 256: not UTF-8"},
        {"b", NAN, 1, "piece 256: its score is not a number"},
        {"b", -INFINITY, 1, "piece 256: its score is not a number"},
        {"<0x00>", 0, 6, "piece 256: byte <0x00> occurs twice"},
        {"<0x0a>", 0, 6, "piece 256: a byte is named like <0x0A>"},
        {"<0x0A]", 0, 6, "piece 256: a byte is named like <0x0A>"},
        {"[0x0A>", 0, 6, "piece 256: a byte is named like <0x0A>"},
        {"A", 0, 6, "piece 256: a byte is named like <0x0A>"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        struct tokenizer *tok = with_bytes(256, 1);
        assert_false(spm_add(tok, bad[i].s, strlen(bad[i].s), bad[i].score, bad[i].kind, &err));
        assert_string_equal(err.text, bad[i].want);
        tokenizer_close(tok);
    }
}

TEST(spm_vocab, has_limits)
{
    struct err err = {0};
    struct tokenizer *tok = with_bytes(256, 2);
    char *big = malloc(LIMIT_TOKEN_BYTES + 1);
    memset(big, 'x', LIMIT_TOKEN_BYTES + 1);
    assert_false(spm_add(tok, big, LIMIT_TOKEN_BYTES + 1, 0, TOKEN_NORMAL, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_true(spm_add(tok, big, LIMIT_TOKEN_BYTES, 0, TOKEN_NORMAL, &err));
    assert_true(spm_add(tok, big, 256, 0, TOKEN_USER, &err));
    assert_false(spm_finish(tok, &err));
    assert_string_equal(err.text, "piece 257: user-defined, 256 bytes; at most 255 are read");
    tokenizer_close(tok);
    free(big);
}

TEST(spm_vocab, needs_every_byte)
{
    struct err err = {0};
    struct tokenizer *tok = with_bytes(255, 0);
    assert_false(spm_finish(tok, &err));
    assert_string_equal(err.text, "piece <0xFF> is missing");
    tokenizer_close(tok);
}

TEST(spm_vocab, refuses_a_piece_twice)
{
    static const uint32_t kinds[][2] = {{1, 1}, {1, 4}, {3, 3}, {5, 1}};
    for (size_t i = 0; i < 4; i++) {
        struct err err = {0};
        struct tokenizer *tok = with_bytes(256, 2);
        assert_true(spm_add(tok, "x", 1, 0, kinds[i][0], &err));
        assert_true(spm_add(tok, "x", 1, 0, kinds[i][1], &err));
        assert_false(spm_finish(tok, &err));
        assert_int_equal(err.code, ERR_FORMAT);
        assert_string_equal(err.text, "token 257 occurs twice");
        tokenizer_close(tok);
    }
}

/* The name of a control token may be an ordinary piece as well. */
TEST(spm_vocab, keeps_names_and_pieces_apart)
{
    struct err err = {0};
    struct tokenizer *tok = with_bytes(256, 2);
    assert_true(spm_add(tok, "x", 1, 0, TOKEN_CONTROL, &err));
    assert_true(spm_add(tok, "x", 1, 0, TOKEN_NORMAL, &err));
    assert_true(spm_finish(tok, &err));
    assert_int_equal(tokenizer_control(tok, "x"), 256);
    tokenizer_close(tok);
}

TEST(spm_vocab, ranks_are_in_the_order_of_scores)
{
    static const float scores[] = {3e38f, 1.5f, 1.0f, 1e-40f, 0.0f, -1e-40f, -1.0f, -2.0f, -1e9f};
    struct err err = {0};
    struct tokenizer *tok = spm_new(10, &err);
    for (size_t i = 0; i < 9; i++) {
        assert_true(spm_add(tok, &"abcdefghi"[i], 1, scores[i], TOKEN_NORMAL, &err));
        if (i)
            assert_true(tok->ranks[i - 1] < tok->ranks[i]);
    }
    assert_true(spm_add(tok, "j", 1, -0.0f, TOKEN_NORMAL, &err));
    assert_int_equal(tok->ranks[9], tok->ranks[4]);
    tokenizer_close(tok);
}

TEST(spm_vocab, shows_the_mark_in_pieces)
{
    struct err err = {0};
    struct buf out;
    struct tokenizer *tok = with_bytes(256, 1);
    buf_init(&out, 100);
    assert_true(spm_add(tok, SPACE_MARK "a" SPACE_MARK SPACE_MARK "b", 11, 0, TOKEN_NORMAL, &err));
    assert_true(tokenizer_piece(tok, 256, &out, &err));
    assert_string_equal(out.data, SPACE_MARK "a" SPACE_MARK SPACE_MARK "b");
    buf_free(&out);
    tokenizer_close(tok);
}

/* The released file of Mistral 7B v0.3 has the control tokens of v2, where v3 has [IMG]. */
TEST(spm_vocab, finds_its_version_among_the_control_tokens)
{
    static const struct {
        const char *names[3];
        int want;
    } cases[] = {
        {{"[INST]", "[TOOL_CALLS]", "[control_8]"}, 3},
        {{"[INST]", "[TOOL_CALLS]", "[PREFIX]"}, 3},
        {{"[TOOL_CALLS]", "[IMG_BREAK]", "[SYSTEM_PROMPT]"}, 7},
        {{"[INST]", "<s>", "</s>"}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        struct tokenizer *tok = with_bytes(256, 3);
        for (int k = 0; k < 3; k++) {
            const char *name = cases[i].names[k];
            assert_true(spm_add(tok, name, strlen(name), 0, TOKEN_CONTROL, &err));
        }
        assert_true(spm_finish(tok, &err));
        assert_int_equal(tok->traits.version, cases[i].want);
        tokenizer_close(tok);
    }
}
