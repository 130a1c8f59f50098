/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "test.h"
#include "text/tokenizer_fixture.h"

#define NOT_ONE "not a tokenizer; give tekken.json, tokenizer.model, tokenizer.json or a .gguf file"
#define TOK512  "test/data/stories260K/tok512.model"

/* Appends a field: a whole number, or n bytes. */
static void put_varint(struct buf *out, uint64_t v)
{
    struct err err = {0};
    do {
        char byte = (char)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
        assert_true(buf_add(out, &byte, 1, &err));
    } while (v >>= 7);
}

static void put_number(struct buf *out, uint32_t field, uint64_t v)
{
    put_varint(out, (uint64_t)field << 3);
    put_varint(out, v);
}

static void put_bytes(struct buf *out, uint32_t field, const void *bytes, size_t n)
{
    struct err err = {0};
    put_varint(out, (uint64_t)field << 3 | 2);
    put_varint(out, n);
    assert_true(buf_add(out, bytes, n, &err));
}

static void put_piece(struct buf *out, const char *s, size_t n, float score, uint64_t type)
{
    struct buf piece;
    struct err err = {0};
    buf_init(&piece, 1 << 20);
    put_bytes(&piece, 1, s, n);
    put_varint(&piece, 2 << 3 | 5);
    assert_true(buf_add(&piece, &score, sizeof score, &err));
    put_number(&piece, 3, type);
    put_bytes(out, 1, piece.data, piece.len);
    buf_free(&piece);
}

/* A model with the pieces that every one has, and the settings that are read. */
static void put_model(struct buf *out)
{
    buf_init(out, 4 << 20);
    put_piece(out, "<unk>", 5, 0, 2);
    put_piece(out, "<s>", 3, 0, 3);
    put_piece(out, "</s>", 4, 0, 3);
    for (int b = 0; b < 256; b++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", b);
        put_piece(out, name, 6, 0, 6);
    }
    put_piece(out, "a", 1, -1, 1);
}

static void put_trainer(struct buf *out, uint32_t field, uint64_t value)
{
    struct buf trainer;
    buf_init(&trainer, 100);
    put_number(&trainer, 3, 2);
    put_number(&trainer, 35, 1);
    if (field)
        put_number(&trainer, field, value);
    put_bytes(out, 2, trainer.data, trainer.len);
    buf_free(&trainer);
}

static struct tokenizer *open_model(const struct buf *model, struct err *err)
{
    /* An exact copy, so that a sanitizer sees a read past the end. */
    char *copy = malloc(model->len + !model->len);
    memcpy(copy, model->len ? model->data : "", model->len);
    struct tokenizer *tok = tokenizer_from_spm("t.model", copy, model->len, err);
    free(copy);
    return tok;
}

/* Expects that model is refused with a message that holds want, and frees it. */
static void refuse(struct buf *model, enum err_code code, const char *want)
{
    struct err err = {0};
    if (open_model(model, &err))
        fail_msg("accepted, but should say: %s", want);
    if (!strstr(err.text, want) || strncmp(err.text, "t.model: ", 9) != 0)
        fail_msg("got \"%s\", want \"%s\"", err.text, want);
    assert_int_equal(err.code, code);
    buf_free(model);
}

TEST(spm_model, reads_the_least_there_can_be)
{
    struct buf model;
    struct err err = {0};
    put_model(&model);
    put_trainer(&model, 0, 0);
    struct tokenizer *tok = open_model(&model, &err);
    assert_non_null(tok);
    assert_string_equal(tokenizer_describe(tok), "SentencePiece, 260 pieces");
    assert_int_equal(tokenizer_bos(tok), 1);
    assert_int_equal(tokenizer_eos(tok), 2);
    /* The defaults of the format: a space in front, none at the end. */
    const int32_t want[] = {3 + 0xe2, 3 + 0x96, 3 + 0x81, 259};
    assert_ids(tok, "defaults", "a ", 2, want, 4);
    tokenizer_close(tok);
    buf_free(&model);
}

TEST(spm_model, reads_a_model_trained_elsewhere)
{
    struct err err = {0};
    size_t n;
    char *bytes = test_read(TOK512, &n);
    struct tokenizer *tok = tokenizer_from_spm("tok512.model", bytes, n, &err);
    assert_non_null(tok);
    /* As the model of this vocabulary starts its stories: stories260K-f32.tokens.txt. */
    const int32_t want[] = {403, 407, 261, 378, 432, 383, 286};
    assert_ids(tok, "story", "Once upon a time, there was", 27, want, 7);
    tokenizer_close(tok);
    free(bytes);
}

TEST(spm_model, refuses_what_would_need_another_algorithm)
{
    struct buf model;
    put_model(&model);
    put_trainer(&model, 3, 1);
    refuse(&model, ERR_UNSUPPORTED, "model type 1; only BPE (2) is read");
    put_model(&model);
    put_trainer(&model, 35, 0);
    refuse(&model, ERR_UNSUPPORTED, "its unknown characters are not bytes");
    put_model(&model);
    put_trainer(&model, 24, 1);
    refuse(&model, ERR_UNSUPPORTED, "its words end with their space");
    put_model(&model);
    put_trainer(&model, 0, 0);
    put_bytes(&model, 3, "\x12\x01x", 3);
    refuse(&model, ERR_UNSUPPORTED, "it normalises characters");
    put_model(&model);
    put_trainer(&model, 0, 0);
    put_bytes(&model, 5, "\x12\x01x", 3);
    refuse(&model, ERR_UNSUPPORTED, "it normalises characters");
    put_model(&model);
    put_trainer(&model, 0, 0);
    put_bytes(&model, 3, "\x28\x00", 2);
    refuse(&model, ERR_UNSUPPORTED, "its spaces stay spaces");
    put_model(&model);
    put_piece(&model, "b", 1, 0, 5);
    put_trainer(&model, 0, 0);
    refuse(&model, ERR_UNSUPPORTED, "piece 260: unused pieces are not read");
}

TEST(spm_model, refuses_settings_that_make_no_sense)
{
    struct buf model;
    put_model(&model);
    put_trainer(&model, 41, 3);
    refuse(&model, ERR_FORMAT, "beginning of text 3 is no control token");
    put_model(&model);
    put_trainer(&model, 42, 260);
    refuse(&model, ERR_FORMAT, "end of text 260 is no control token");
    put_model(&model);
    put_bytes(&model, 2, "\x18\x02\x98\x02\x01\xe2\x02\x01\xff", 9);
    refuse(&model, ERR_FORMAT, "the text of the unknown piece is not UTF-8");
    /* Right number, wrong wire type. */
    put_model(&model);
    put_number(&model, 1, 7);
    refuse(&model, ERR_FORMAT, "field 1 has wire type 0 instead of 2");
    put_model(&model);
    put_bytes(&model, 2, "\x1a\x01x", 3);
    refuse(&model, ERR_FORMAT, "trainer: field 3 has wire type 2 instead of 0");
    put_model(&model);
    put_bytes(&model, 2, "\xe0\x02\x01", 3);
    refuse(&model, ERR_FORMAT, "trainer: field 44 has wire type 0 instead of 2");
    put_model(&model);
    put_bytes(&model, 3, "\x1a\x01x", 3);
    refuse(&model, ERR_FORMAT, "normalizer: field 3 has wire type 2 instead of 0");
    put_model(&model);
    put_bytes(&model, 3, "\x10\x01", 2);
    refuse(&model, ERR_FORMAT, "normalizer: field 2 has wire type 0 instead of 2");
    buf_init(&model, 100);
    put_trainer(&model, 0, 0);
    refuse(&model, ERR_FORMAT, NOT_ONE);
}

TEST(spm_model, what_has_no_piece_is_no_tokenizer)
{
    static const char *const others[] = {"#include <stdio.h>", "Not Found", "\n\nA text\n", "\n",
                                         "\x0a\x00\x0a\x00"};
    struct buf model;
    struct err err = {0};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        buf_init(&model, 100);
        assert_true(buf_add(&model, others[i], strlen(others[i]), &err));
        refuse(&model, ERR_FORMAT, NOT_ONE);
    }
    put_model(&model);
    model.len--; /* inside the last piece */
    refuse(&model, ERR_FORMAT, "a field of 10 bytes with 9 left; download it again");
}

TEST(spm_model, refuses_pieces_that_make_no_sense)
{
    struct buf model;
    static const char *const wrong[] = {"\x08\x01", "\x12\x01x", "\x1a\x01x", "\x0a\x05x"};
    for (size_t i = 0; i < 4; i++) {
        put_model(&model);
        put_trainer(&model, 0, 0);
        put_bytes(&model, 1, wrong[i], strlen(wrong[i]));
        refuse(&model, ERR_FORMAT, "piece 260: ");
    }
    put_model(&model);
    put_trainer(&model, 0, 0);
    put_piece(&model, "b", 1, 0, UINT64_MAX);
    refuse(&model, ERR_FORMAT, "piece 260: unknown type 4294967295");
    put_model(&model);
    put_trainer(&model, 0, 0);
    put_piece(&model, "b", 1, NAN, 1);
    refuse(&model, ERR_FORMAT, "piece 260: its score is not a number");
}

TEST(spm_model, refuses_more_pieces_than_the_limit)
{
    struct buf model;
    buf_init(&model, 16 << 20);
    for (uint32_t i = 0; i <= LIMIT_VOCAB; i++)
        put_bytes(&model, 1, "\x0a", 2); /* a piece with an empty text */
    put_trainer(&model, 0, 0);
    refuse(&model, ERR_LIMIT, "2097153 tokens; at most 2097152 are read");
}

/* No cut of a real model is taken for a whole one or read past its end. */
TEST(spm_model, refuses_every_truncation)
{
    struct buf model;
    struct err err = {0};
    size_t n, n_opened = 0;
    char *bytes = test_read(TOK512, &n);
    buf_init(&model, n);
    assert_true(buf_add(&model, bytes, n, &err));
    for (model.len = 0; model.len < n; model.len++) {
        struct tokenizer *tok = open_model(&model, &err);
        n_opened += tok != NULL;
        tokenizer_close(tok);
    }
    /* Only the normaliser, the last field, is not needed. */
    assert_int_equal(n_opened, 1);
    buf_free(&model);
    free(bytes);
}

TEST(spm_model, survives_any_failed_allocation)
{
    size_t n_bytes;
    char *bytes = test_read(TOK512, &n_bytes);
    struct tokenizer *tok = NULL;
    for (size_t n = 0; !tok; n++) {
        struct err err = {0};
        mem_fail_after(n);
        tok = tokenizer_from_spm("tok512.model", bytes, n_bytes, &err);
        bool failed = mem_n_failed() > 0;
        mem_fail_never();
        assert_int_equal(tok != NULL, !failed);
        assert_int_equal(err.code, tok ? ERR_NONE : ERR_LIMIT);
    }
    tokenizer_close(tok);
    free(bytes);
}
