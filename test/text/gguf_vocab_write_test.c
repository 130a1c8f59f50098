/* SPDX-License-Identifier: Apache-2.0 */
#include "text/gguf_vocab_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/gguf_write.h"
#include "test.h"
#include "text/tokenizer_fixture.h"
#include "text/tokenizer_int.h"

struct file {
    struct buf bytes;
    struct gguf gguf;
};

static void write_file(struct file *f, const struct tokenizer *tok, uint32_t n_vocab)
{
    struct gguf_head head;
    struct err err = {0};
    gguf_head_init(&head);
    buf_init(&f->bytes, 1 << 26);
    if (!gguf_put_vocab(&head, tok, n_vocab, &err) || !gguf_head_finish(&head, &f->bytes, &err))
        fail_msg("%s", err.text);
    gguf_head_free(&head);
    assert_true(gguf_parse(&f->gguf, "v.gguf", (const uint8_t *)f->bytes.data, f->bytes.len, &err));
}

static struct tokenizer *open_file(struct file *f)
{
    struct err err = {0};
    struct tokenizer *tok = tokenizer_from_gguf(&f->gguf, &err);
    if (!tok)
        fail_msg("%s", err.text);
    return tok;
}

static void close_file(struct file *f)
{
    gguf_close(&f->gguf);
    buf_free(&f->bytes);
}

static void assert_same_tokens(const struct tokenizer *got, const struct tokenizer *want)
{
    assert_int_equal(got->vocab.n, want->vocab.n);
    assert_int_equal(got->bos, want->bos);
    assert_int_equal(got->eos, want->eos);
    assert_memory_equal(got->kinds, want->kinds, want->vocab.n);
    assert_memory_equal(got->vocab.at, want->vocab.at, 4 * ((size_t)want->vocab.n + 1));
    assert_memory_equal(got->vocab.bytes.data, want->vocab.bytes.data, want->vocab.bytes.len);
    assert_int_equal(tokenizer_traits(got)->version, tokenizer_traits(want)->version);
}

/* The reference's ids come out of the written file, too. */
TEST(gguf_vocab_write, encodes_as_the_reference)
{
    static const struct {
        const char *name, *golden;
    } cases[] = {{"spm-v1", "text-spm-v1"},           {"spm-v3", "text-spm-v3"},
                 {"spm-v7", "text-spm-v7"},           {"tekken-v3", "text-tekken"},
                 {"tekken-v11-image", "text-tekken"}, {"tekken-v13", "text-tekken"},
                 {"tekken-v15-image", "text-tekken"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct tokenizer *want = fixture_generation(cases[i].name);
        struct file f;
        write_file(&f, want, want->vocab.n);
        struct tokenizer *tok = open_file(&f);
        assert_same_tokens(tok, want);
        assert_golden_texts(tok, cases[i].golden);
        tokenizer_close(tok);
        close_file(&f);
    }
}

/* A list of merges becomes scores, or the order of the ids. */
TEST(gguf_vocab_write, keeps_what_merges_say)
{
    static const struct {
        const char *name, *golden;
    } cases[] = {{"spm-v3", "text-spm-v3"}, {"tekken-v13", "text-tekken"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tokenizer *hf = fixture_as_hf(cases[i].name);
        struct file f;
        write_file(&f, hf, hf->vocab.n);
        struct tokenizer *tok = open_file(&f);
        assert_golden_texts(tok, cases[i].golden);
        tokenizer_close(tok);
        tokenizer_close(hf);
        close_file(&f);
    }
}

/* The first merges of tekken, as the published tokenizer.json of Mistral Nemo lists them, and
 * that every token of several bytes has one. */
TEST(gguf_vocab_write, derives_the_merges_of_tekken)
{
    static const char *const first[] = {"\xc4\xa0 \xc4\xa0", "\xc4\xa0 t", "e r", "i n"};
    const struct tokenizer *tok = fixture_generation("tekken-v13");
    struct file f;
    uint32_t n_longer = 0;
    write_file(&f, tok, tok->vocab.n);
    const struct gguf_kv *merges = gguf_find(&f.gguf, "tokenizer.ggml.merges");
    assert_non_null(merges);
    for (uint32_t id = 0; id < tok->vocab.n; id++)
        n_longer += tok->kinds[id] == TOKEN_NORMAL && tok->vocab.at[id + 1] - tok->vocab.at[id] > 1;
    assert_int_equal(merges->n_items, n_longer);
    const uint8_t *at = merges->data;
    for (int i = 0; i < 4; i++) {
        const char *s;
        size_t n;
        gguf_next_string(&at, &s, &n);
        assert_int_equal(n, strlen(first[i]));
        assert_memory_equal(s, first[i], n);
    }
    close_file(&f);
}

TEST(gguf_vocab_write, fills_up_and_refuses)
{
    const struct tokenizer *tok = fixture_generation("spm-v1");
    struct gguf_head head;
    struct err err = {0};
    struct file f;
    write_file(&f, tok, 32002);
    struct tokenizer *more = open_file(&f);
    assert_int_equal(tokenizer_n_vocab(more), 32002);
    assert_true(tokenizer_is_control(more, 32001));
    assert_golden_texts(more, "text-spm-v1");
    tokenizer_close(more);
    close_file(&f);
    gguf_head_init(&head);
    assert_false(gguf_put_vocab(&head, tok, 31999, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    gguf_head_free(&head);
    write_file(&f, NULL, 10);
    assert_null(tokenizer_from_gguf(&f.gguf, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    close_file(&f);
}

TEST(gguf_vocab_write, failing_allocations)
{
    const struct tokenizer *all[] = {fixture_generation("spm-v1"),
                                     fixture_generation("tekken-v13")};
    for (int i = 0; i < 2; i++) {
        size_t n = 0;
        for (bool ok = false; !ok; n++) {
            struct gguf_head head;
            struct err err = {0};
            gguf_head_init(&head);
            mem_fail_after(n);
            ok = gguf_put_vocab(&head, all[i], all[i]->vocab.n, &err);
            mem_fail_never();
            gguf_head_free(&head);
            assert_true(ok || err.code == ERR_LIMIT);
        }
        assert_true(n > 3);
    }
}
