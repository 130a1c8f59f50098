/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/utf8.h"
#include "text/bpe_int.h"
#include "text/split_int.h"

/* Copies text with one U+FFFD for each maximal ill-formed subsequence.
 * Returns the length; out has room for 3 bytes per byte. */
static size_t repair(const char *text, size_t n, char *out)
{
    size_t n_out = 0;
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t code;
        if (utf8_decode(text + i, n - i, &code, &len) != UTF8_OK)
            code = UTF8_REPLACEMENT;
        n_out += utf8_encode(code, out + n_out);
    }
    return n_out;
}

static bool encode_words(const struct tokenizer *tok, const struct split *split,
                         struct token_ids *out, struct err *err)
{
    struct bpe bpe;
    bool ok = bpe_init(&bpe, tok, split->n, out, err);
    for (size_t i = 0, end; ok && i < split->n; i = end) {
        const char *word = split->text + i;
        end = split_next(split, i);
        int32_t id = vocab_find(&tok->pieces, &tok->vocab, word, end - i);
        ok = id >= 0 ? token_ids_add(out, id, err) : bpe_word(&bpe, word, end - i, err);
    }
    bpe_free(&bpe);
    return ok;
}

bool tekken_encode(const struct tokenizer *tok, const char *text, size_t n, struct token_ids *out,
                   struct err *err)
{
    char *repaired = NULL, *classes = NULL;
    bool ok = false;
    if (!utf8_valid(text, n)) {
        repaired = mem_new(n, 3, err);
        if (!repaired)
            goto out;
        n = repair(text, n, repaired);
        text = repaired;
    }
    classes = mem_new(n + 1, 1, err);
    if (!classes)
        goto out;
    split_classify(text, n, classes);
    ok = encode_words(tok, &(struct split){text, classes, n}, out, err);
out:
    free(classes);
    free(repaired);
    return ok;
}
