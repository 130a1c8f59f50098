/* SPDX-License-Identifier: Apache-2.0 */
/* SentencePiece has no words: all of a text is one sequence to merge.  But where no
 * piece of the vocabulary has the two bytes that meet at a character boundary, nothing
 * ever merges across it, and merging the parts by themselves gives the same ids.  In
 * practice that cuts at nearly every space. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/utf8.h"
#include "text/bpe_int.h"

/* Copies text with one U+FFFD for each byte outside a well formed character and a
 * space for each U+2581.  Returns the length; out has room for 3 bytes per byte. */
static size_t clean(const char *text, size_t n, char *out)
{
    size_t n_out = 0;
    for (size_t i = 0; i < n;) {
        uint32_t code;
        size_t len;
        if ((uint8_t)text[i] < 0x80) {
            out[n_out++] = text[i++];
        } else if (utf8_decode(text + i, n - i, &code, &len) != UTF8_OK) {
            n_out += utf8_encode(UTF8_REPLACEMENT, out + n_out);
            i++;
        } else if (code == 0x2581) {
            out[n_out++] = ' ';
            i += len;
        } else {
            memcpy(out + n_out, text + i, len);
            n_out += len;
            i += len;
        }
    }
    return n_out;
}

/* Copies what is left of text: [n] when a run of spaces counts as one, and those at
 * the start as none.  Only real spaces: a U+2581 in the text is none yet. */
static size_t trim(const char *text, size_t n, char *out)
{
    size_t n_out = 0;
    bool after_space = true;
    for (size_t i = 0; i < n; i++) {
        if (text[i] != ' ' || !after_space)
            out[n_out++] = text[i];
        after_space = text[i] == ' ';
    }
    return n_out;
}

/* Returns text as the merging wants it, and its length in *n.  Owned: free(). */
static char *normalise(const struct tokenizer *tok, const char *text, size_t *n, struct err *err)
{
    size_t room = utf8_valid(text, *n) ? *n : 3 * *n, n_out = 0, n_text = *n;
    char *out = mem_new(room + 1, 1, err), *trimmed = NULL;
    if (!out)
        return NULL;
    if (tok->trim_spaces) {
        trimmed = mem_new(n_text, 1, err);
        if (!trimmed)
            goto fail;
        n_text = trim(text, n_text, trimmed);
    }
    if (tok->add_space)
        out[n_out++] = ' ';
    n_out += clean(trimmed ? trimmed : text, n_text, out + n_out);
    while (tok->trim_spaces && n_out && out[n_out - 1] == ' ')
        n_out--;
    free(trimmed);
    *n = n_out;
    return out;
fail:
    free(out);
    return NULL;
}

/* Returns the id of the longest user-defined piece that starts s[n], or -1. */
static int32_t find_user(const struct tokenizer *tok, const char *s, size_t n)
{
    size_t len = tok->user[(uint8_t)s[0]];
    for (len = len < n ? len : n; len; len--) {
        int32_t id = vocab_find(&tok->pieces, &tok->vocab, s, len);
        if (id >= 0 && tok->kinds[id] == TOKEN_USER)
            return id;
    }
    return -1;
}

/* Returns where the part ends that starts at i: at a user-defined piece, or where no
 * piece reaches across. */
static size_t part_end(const struct tokenizer *tok, const char *s, size_t n, size_t i)
{
    for (i++; i < n; i++) {
        uint8_t before = (uint8_t)s[i - 1], c = (uint8_t)s[i];
        if ((c & 0xc0) == 0x80)
            continue;
        if (!tok->spans[before << 8 | c])
            break;
        if (tok->user[c] && find_user(tok, s + i, n - i) >= 0)
            break;
    }
    return i;
}

bool spm_encode(const struct tokenizer *tok, const char *text, size_t n, struct token_ids *out,
                struct err *err)
{
    struct bpe bpe = {0};
    char *s = normalise(tok, text, &n, err);
    bool ok = s && bpe_init(&bpe, tok, n, out, err);
    for (size_t i = 0, end; ok && i < n; i = end) {
        int32_t user = find_user(tok, s + i, n - i);
        if (user >= 0) {
            uint32_t len;
            vocab_string(&tok->vocab, (uint32_t)user, &len);
            end = i + len;
            ok = token_ids_add(out, user, err);
        } else {
            end = part_end(tok, s, n, i);
            ok = bpe_word(&bpe, s + i, end - i, err);
        }
    }
    bpe_free(&bpe);
    free(s);
    return ok;
}
