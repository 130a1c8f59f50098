/* SPDX-License-Identifier: Apache-2.0 */
/* What the reference's vectors in tokenizer_test.c leave open. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/utf8.h"
#include "test.h"
#include "text/tokenizer_fixture.h"
#include "text/tokenizer_int.h"

/* Whatever the ids are, every prefix of the text is UTF-8. */
TEST(text_decoder, text_is_always_utf8)
{
    static const char *const names[] = {"tekken", "spm-v1"};
    static const int32_t first_byte[] = {1000, 3};
    uint64_t seed = 1;
    for (size_t round = 0; round < 2000; round++) {
        size_t which = round % 2;
        struct text_decoder decoder;
        struct buf out;
        struct err err = {0};
        buf_init(&out, 1 << 20);
        text_decoder_init(&decoder, fixture_tokenizer(names[which]));
        for (int i = 0; i < 60; i++) {
            uint32_t r = test_random(&seed);
            int32_t id =
                r % 4 ? first_byte[which] + (int32_t)(r >> 8 & 255) : (int32_t)(r >> 8) % 3000;
            assert_true(text_decoder_add(&decoder, id, &out, &err));
            assert_true(decoder.n_held < UTF8_MAX);
            assert_true(utf8_valid(out.len ? out.data : "", out.len));
        }
        assert_true(text_decoder_end(&decoder, &out, &err));
        assert_int_equal(decoder.n_held, 0);
        assert_true(utf8_valid(out.data, out.len));
        buf_free(&out);
    }
}

static void assert_decodes(const struct tokenizer *tok, const int32_t *ids, size_t n,
                           const char *want)
{
    struct text_decoder decoder;
    struct buf out;
    struct err err = {0};
    buf_init(&out, 1000);
    assert_true(buf_add(&out, "", 0, &err));
    text_decoder_init(&decoder, tok);
    for (size_t i = 0; i < n; i++)
        assert_true(text_decoder_add(&decoder, ids[i], &out, &err));
    assert_true(text_decoder_end(&decoder, &out, &err));
    assert_string_equal(out.data, want);
    buf_free(&out);
}

TEST(text_decoder, strips_the_space_that_the_model_adds)
{
    struct err err = {0};
    size_t n;
    char *bytes = test_read("test/data/stories260K/tok512.model", &n);
    struct tokenizer *tok = tokenizer_from_spm("tok512.model", bytes, n, &err);
    assert_non_null(tok);
    /* " a", " ", " a" */
    const int32_t ids[] = {261, 410, 410, 261};
    assert_true(tok->add_space && tok->trim_spaces);
    assert_decodes(tok, ids, 4, "a   a");
    /* This model never has a space at the start of a text. */
    assert_decodes(tok, ids + 1, 3, "a");
    tok->trim_spaces = false;
    assert_decodes(tok, ids + 1, 3, "  a");
    tok->add_space = false;
    assert_decodes(tok, ids + 1, 3, "   a");
    tokenizer_close(tok);
    free(bytes);
}

TEST(text_decoder, reports_a_full_buffer)
{
    static const struct {
        const char *name;
        int32_t ids[3];
    } cases[] = {{"spm-v1", {22557, 22557, 22557}}, {"spm-v1", {0, 0, 0}},
                 {"spm-v1", {243, 243, 243}},       {"spm-v1", {68, 68, 68}},
                 {"spm-v1", {243, 22557, 1}},       {"tekken", {22177, 22177, 22177}},
                 {"tekken", {1128, 1128, 1128}},    {"tekken", {1240, 1, 1240}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text_decoder decoder;
        struct buf out;
        struct err err = {0};
        bool ok = true;
        buf_init(&out, 1);
        text_decoder_init(&decoder, fixture_tokenizer(cases[i].name));
        for (size_t k = 0; k < 3; k++)
            ok &= text_decoder_add(&decoder, cases[i].ids[k], &out, &err);
        ok &= text_decoder_end(&decoder, &out, &err);
        assert_false(ok);
        assert_int_equal(err.code, ERR_LIMIT);
        buf_free(&out);
    }
}
