/* SPDX-License-Identifier: Apache-2.0 */
/* Round trips: any UTF-8 text comes back from the ids of a small vocabulary of each
 * family, and bytes that are not UTF-8 give the ids of their repaired text. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "data/utf8.h"
#include "text/spm_int.h"
#include "text/tekken_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* " " stands for the mark in the SentencePiece vocabulary. */
static const char *const words[] = {" ",        "e",   "t",    "a",  "he",          " t",
                                    "\xc3\xa9", "the", " the", "  ", "aa",          "\n",
                                    "in",       "aaa", "aaaa", "'s", "\xe4\xb8\xad"};
enum { N_WORDS = sizeof words / sizeof *words };

static void need(bool ok)
{
    if (!ok)
        __builtin_trap();
}

static struct tokenizer *open_spm(void)
{
    struct err err = {0};
    struct tokenizer *tok = spm_new(256 + N_WORDS + 1, &err);
    need(tok != NULL);
    for (unsigned b = 0; b < 256; b++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", b);
        need(spm_add(tok, name, 6, 0, TOKEN_BYTE, &err));
    }
    for (int i = 0; i < N_WORDS; i++)
        need(spm_add(tok, words[i], strlen(words[i]), (float)-i, TOKEN_NORMAL, &err));
    need(spm_add(tok, "[R]", 3, 0, TOKEN_USER, &err));
    need(spm_finish(tok, &err));
    return tok;
}

static struct tokenizer *open_tekken(void)
{
    struct err err = {0};
    struct tokenizer *tok = tokenizer_new(256 + N_WORDS, &err);
    need(tok != NULL);
    tok->is_tekken = true;
    for (unsigned b = 0; b < 256; b++)
        need(tokenizer_add(tok, TOKEN_NORMAL, &(char){(char)b}, 1, &err));
    for (int i = 0; i < N_WORDS; i++)
        need(tokenizer_add(tok, strlen(words[i]) > 1 ? TOKEN_NORMAL : TOKEN_CONTROL, words[i],
                           strlen(words[i]), &err));
    need(tekken_finish(tok, &err));
    return tok;
}

/* Appends what tok makes of s. */
static void round_trip(const struct tokenizer *tok, const char *s, size_t n, struct buf *out)
{
    struct err err = {0};
    struct token_ids ids = {0};
    struct text_decoder decoder;
    need(tokenizer_encode(tok, s, n, &ids, &err));
    text_decoder_init(&decoder, tok);
    for (size_t i = 0; i < ids.n; i++)
        need(text_decoder_add(&decoder, ids.ids[i], out, &err));
    need(text_decoder_end(&decoder, out, &err));
    token_ids_free(&ids);
}

/* Says whether s holds the mark, which comes back as a space. */
static bool has_mark(const char *s, size_t n)
{
    for (size_t i = 0; i + 3 <= n; i++)
        if (memcmp(s + i, SPACE_MARK, 3) == 0)
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tokenizer *toks[2];
    if (!toks[0]) {
        toks[0] = open_spm();
        toks[1] = open_tekken();
    }
    const char *text = (const char *)data;
    for (int i = 0; i < 2; i++) {
        struct buf once, twice;
        buf_init(&once, LIMIT_TEXT_BYTES);
        buf_init(&twice, LIMIT_TEXT_BYTES);
        round_trip(toks[i], text, size, &once);
        need(!once.len || utf8_valid(once.data, once.len));
        if (utf8_valid(text, size) && (i || !has_mark(text, size)))
            need(once.len == size && (!size || memcmp(once.data, text, size) == 0));
        round_trip(toks[i], once.len ? once.data : "", once.len, &twice);
        need(once.len == twice.len && (!once.len || memcmp(once.data, twice.data, once.len) == 0));
        buf_free(&once);
        buf_free(&twice);
    }
    return 0;
}
