/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/utf8.h"
#include "test.h"
#include "text/spm_int.h"
#include "text/tokenizer_fixture.h"

/* The definition, over the whole text at once: no cutting into parts, no memory. */
static size_t encode_slowly(const struct tokenizer *tok, const char *text, size_t n, int32_t *ids)
{
    char s[256];
    size_t at[257], n_parts = 0, n_ids = 0;
    s[0] = ' ';
    memcpy(s + 1, text, n++);
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t code;
        utf8_decode(s + i, n - i, &code, &len);
        at[n_parts++] = i;
    }
    at[n_parts] = n;
    for (;;) {
        int32_t best = -1;
        size_t where = 0;
        for (size_t i = 0; i + 1 < n_parts; i++) {
            int32_t id = vocab_find(&tok->pieces, &tok->vocab, s + at[i], at[i + 2] - at[i]);
            if (id >= 0 && (best < 0 || tok->ranks[id] < tok->ranks[best])) {
                best = id;
                where = i;
            }
        }
        if (best < 0)
            break;
        memmove(at + where + 1, at + where + 2, (n_parts - where - 1) * sizeof *at);
        n_parts--;
    }
    for (size_t i = 0; i < n_parts; i++) {
        int32_t id = vocab_find(&tok->pieces, &tok->vocab, s + at[i], at[i + 1] - at[i]);
        if (id >= 0)
            ids[n_ids++] = id;
        for (size_t k = at[i]; id < 0 && k < at[i + 1]; k++)
            ids[n_ids++] = tok->byte_ids[(uint8_t)s[k]];
    }
    return n_ids;
}

TEST(spm_encode, parts_do_not_change_the_ids)
{
    static const char *const units[] = {
        " ",  "the", "e",    "ing",      "\n",           ",", ".",
        "  ", "T",   "qu",   "\xc3\xa9", "\xe4\xb8\xad", "1", "\xf0\x9f\x98\x80",
        "'",  "-",   "[REF", "]"};
    static const char *const names[] = {"spm-v1", "spm-v3"};
    uint64_t seed = 1;
    for (int round = 0; round < 20000; round++) {
        const struct tokenizer *tok = fixture_tokenizer(names[round % 2]);
        char text[256];
        int32_t want[256];
        size_t n = 0;
        for (size_t i = 1 + test_random(&seed) % 30; i; i--) {
            const char *unit = units[test_random(&seed) % 18];
            memcpy(text + n, unit, strlen(unit));
            n += strlen(unit);
        }
        size_t n_want = encode_slowly(tok, text, n, want);
        assert_ids(tok, text, text, n, want, n_want);
    }
}

static struct tokenizer *small(bool add_space, bool trim)
{
    static const char *const pieces[] = {"a", "b", "ab",
                                         "\xe2\x96\x81"
                                         "a",
                                         "aba"};
    struct err err = {0};
    struct tokenizer *tok = spm_new(261 + 2, &err);
    assert_non_null(tok);
    for (int b = 0; b < 256; b++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", b);
        assert_true(spm_add(tok, name, 6, 0, TOKEN_BYTE, &err));
    }
    for (size_t i = 0; i < 5; i++)
        assert_true(spm_add(tok, pieces[i], strlen(pieces[i]), -(float)i, TOKEN_NORMAL, &err));
    assert_true(spm_add(tok, "aa", 2, 0, TOKEN_USER, &err));
    assert_true(spm_add(tok, "aaba", 4, 0, TOKEN_USER, &err));
    assert_true(spm_finish(tok, &err));
    tok->add_space = add_space;
    tok->trim_spaces = trim;
    return tok;
}

enum { A = 256, B, AB, SPACE_A, ABA, USER_AA, USER_AABA };
#define SPACE_BYTES 0xe2, 0x96, 0x81

TEST(spm_encode, merges_highest_score_first)
{
    struct tokenizer *tok = small(false, false);
    const int32_t want[] = {AB, AB}, aba[] = {ABA};
    assert_ids(tok, "abab", "abab", 4, want, 2);
    assert_ids(tok, "aba", "aba", 3, aba, 1);
    tokenizer_close(tok);
}

TEST(spm_encode, finds_the_longest_user_defined_piece)
{
    struct tokenizer *tok = small(false, false);
    const int32_t want[] = {B, USER_AABA, USER_AA, AB}, cut[] = {USER_AA, B};
    assert_ids(tok, "baabaaaab", "baabaaaab", 9, want, 4);
    assert_ids(tok, "aab", "aab", 3, cut, 2);
    tokenizer_close(tok);
}

TEST(spm_encode, spells_what_is_no_piece)
{
    struct tokenizer *tok = small(false, false);
    /* The space itself is no piece here: it is spelled as the mark that files use. */
    const int32_t want[] = {SPACE_BYTES, B, 0xc3, 0xa9, SPACE_BYTES, 0};
    assert_ids(tok, "bytes", " b\xc3\xa9\xe2\x96\x81\0", 8, want, 10);
    tokenizer_close(tok);
}

TEST(spm_encode, replaces_each_bad_byte)
{
    struct tokenizer *tok = small(false, false);
    const int32_t want[] = {A, 0xef, 0xbf, 0xbd, 0xef, 0xbf, 0xbd, B};
    assert_ids(tok, "bad",
               "a\xe2\x82"
               "b",
               4, want, 8);
    tokenizer_close(tok);
}

TEST(spm_encode, adds_a_space_only_where_the_model_does)
{
    struct tokenizer *tok = small(true, false), *bare = small(false, false);
    /* "ab" beats " a": its score is higher. */
    const int32_t ab[] = {SPACE_BYTES, AB}, a[] = {SPACE_A}, bare_ab[] = {AB};
    assert_ids(tok, "ab", "ab", 2, ab, 4);
    assert_ids(tok, "a", "a", 1, a, 1);
    assert_ids(bare, "ab", "ab", 2, bare_ab, 1);
    tokenizer_close(tok);
    tokenizer_close(bare);
}

TEST(spm_encode, trims_spaces_where_the_model_does)
{
    struct tokenizer *tok = small(true, true);
    const int32_t want[] = {SPACE_A, SPACE_A};
    assert_ids(tok, "runs", "  a   a  ", 9, want, 2);
    assert_ids(tok, "only spaces", "   ", 3, want, 0);
    /* A mark in the text is a space only when it stands at the end. */
    const int32_t mark[] = {SPACE_BYTES, SPACE_A};
    assert_ids(tok, "marks",
               "\xe2\x96\x81"
               "a\xe2\x96\x81 ",
               8, mark, 4);
    tokenizer_close(tok);
}
