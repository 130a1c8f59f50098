/* SPDX-License-Identifier: Apache-2.0 */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/tokenizer_int.h"

bool token_ids_add(struct token_ids *list, int32_t id, struct err *err)
{
    if (list->n == list->n_places) {
        size_t n_places = list->n_places ? 2 * list->n_places : 64;
        int32_t *ids = mem_resize(list->ids, n_places, sizeof *ids, err);
        if (!ids)
            return false;
        list->ids = ids;
        list->n_places = n_places;
    }
    list->ids[list->n++] = id;
    return true;
}

void token_ids_free(struct token_ids *list)
{
    free(list->ids);
    *list = (struct token_ids){0};
}

struct tokenizer *tokenizer_new(size_t n, struct err *err)
{
    struct tokenizer *tok = mem_new(1, sizeof *tok, err);
    if (!tok)
        return NULL;
    tok->bos = tok->eos = -1;
    for (int i = 0; i < 256; i++)
        tok->byte_ids[i] = -1;
    for (int i = 0; i < 128; i++)
        tok->ascii[i] = -1;
    if (!vocab_init(&tok->vocab, n, err))
        goto fail;
    tok->kinds = mem_new(n, 1, err);
    if (tok->kinds)
        return tok;
fail:
    tokenizer_close(tok);
    return NULL;
}

void tokenizer_close(struct tokenizer *tok)
{
    if (!tok)
        return;
    vocab_free(&tok->vocab);
    vocab_index_free(&tok->pieces);
    vocab_index_free(&tok->names);
    buf_free(&tok->unknown);
    merges_free(&tok->merges);
    free(tok->kinds);
    free(tok->ranks);
    free(tok->spans);
    arena_free(&tok->traits.arena);
    free(tok);
}

bool tokenizer_add(struct tokenizer *tok, enum token_kind kind, const char *s, size_t n,
                   struct err *err)
{
    if (!vocab_add(&tok->vocab, s, n, err))
        return false;
    tok->kinds[tok->vocab.n - 1] = (uint8_t)kind;
    return true;
}

/* Returns the index that a kind of token belongs to, or NULL.  In SentencePiece text
 * can produce all but control tokens and the names of bytes. */
static struct vocab_index *index_of(struct tokenizer *tok, uint8_t kind)
{
    if (kind == TOKEN_CONTROL)
        return &tok->names;
    if (kind == TOKEN_NORMAL || (!tok->is_tekken && (kind == TOKEN_USER || kind == TOKEN_UNUSED)))
        return &tok->pieces;
    return NULL;
}

static bool is_known(const struct tokenizer *tok, const struct vocab_index *index, uint32_t id)
{
    uint32_t n;
    const char *s = vocab_string(&tok->vocab, id, &n);
    return vocab_find(index, &tok->vocab, s, n) >= 0;
}

bool tokenizer_index(struct tokenizer *tok, struct err *err)
{
    size_t n_names = 0;
    for (uint32_t id = 0; id < tok->vocab.n; id++)
        n_names += tok->kinds[id] == TOKEN_CONTROL;
    if (!vocab_index_init(&tok->pieces, tok->vocab.n - n_names, err) ||
        !vocab_index_init(&tok->names, n_names, err))
        return false;
    for (uint32_t id = 0; id < tok->vocab.n; id++) {
        struct vocab_index *index = index_of(tok, tok->kinds[id]);
        if (index && !vocab_index_add(index, &tok->vocab, id))
            return err_set(err, ERR_FORMAT, "token %u %s", id,
                           is_known(tok, index, id) ? "occurs twice"
                                                    : "hashes as too many others do");
    }
    return true;
}

static bool set_control(const struct tokenizer *tok, const char *what, uint32_t id, int32_t *out,
                        struct err *err)
{
    if (id == UINT32_MAX)
        return true;
    if (id >= tok->vocab.n || tok->kinds[id] != TOKEN_CONTROL)
        return err_set(err, ERR_FORMAT, "%s %u is no control token", what, id);
    *out = (int32_t)id;
    return true;
}

bool tokenizer_set_bos(struct tokenizer *tok, uint32_t id, struct err *err)
{
    return set_control(tok, "beginning of text", id, &tok->bos, err);
}

bool tokenizer_set_eos(struct tokenizer *tok, uint32_t id, struct err *err)
{
    return set_control(tok, "end of text", id, &tok->eos, err);
}

bool tokenizer_encode(const struct tokenizer *tok, const char *text, size_t n,
                      struct token_ids *out, struct err *err)
{
    if (n > LIMIT_TEXT_BYTES)
        return err_set(err, ERR_LIMIT, "a text of %zu bytes; at most %d are read", n,
                       LIMIT_TEXT_BYTES);
    size_t n_before = out->n;
    if (!n)
        return true;
    if (tok->is_tekken ? tekken_encode(tok, text, n, out, err) : spm_encode(tok, text, n, out, err))
        return true;
    out->n = n_before;
    return false;
}

int32_t tokenizer_n_vocab(const struct tokenizer *tok)
{
    return (int32_t)tok->vocab.n;
}

int32_t tokenizer_bos(const struct tokenizer *tok)
{
    return tok->bos;
}

int32_t tokenizer_eos(const struct tokenizer *tok)
{
    return tok->eos;
}

int32_t tokenizer_control(const struct tokenizer *tok, const char *name)
{
    return vocab_find(&tok->names, &tok->vocab, name, strlen(name));
}

bool tokenizer_is_control(const struct tokenizer *tok, int32_t id)
{
    return id >= 0 && (uint32_t)id < tok->vocab.n && tok->kinds[id] == TOKEN_CONTROL;
}

const struct traits *tokenizer_traits(const struct tokenizer *tok)
{
    return &tok->traits;
}

bool tokenizer_is_tekken(const struct tokenizer *tok)
{
    return tok->is_tekken;
}

const char *tokenizer_describe(const struct tokenizer *tok)
{
    return tok->about;
}

bool tokenizer_piece(const struct tokenizer *tok, int32_t id, struct buf *out, struct err *err)
{
    if (id < 0 || (uint32_t)id >= tok->vocab.n)
        return true;
    uint32_t n;
    const char *s = vocab_string(&tok->vocab, (uint32_t)id, &n);
    uint8_t kind = tok->kinds[id];
    if (tok->is_tekken || kind == TOKEN_CONTROL || kind == TOKEN_BYTE || kind == TOKEN_UNKNOWN)
        return buf_add(out, s, n, err);
    for (uint32_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && s[end] != ' ';)
            end++;
        if (!buf_add(out, s + i, end - i, err))
            return false;
        if (end < n && !buf_add(out, SPACE_MARK, sizeof SPACE_MARK - 1, err))
            return false;
        end += end < n;
    }
    return true;
}
