/* SPDX-License-Identifier: Apache-2.0 */
/* Reads Hugging Face's tokenizer.json: byte pair encoding with a list of merges, in the two
 * forms that the family's checkpoints have.  One spells bytes (tekken), the other spells
 * unknown characters in bytes (SentencePiece).
 *
 * Text is cut as the native files of the same models cut it, not as the steps in this file
 * would: conversions got the pattern of tekken wrong, and leave out the space before a
 * text that follows a control token.  What no native file could have meant is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/plural.h"
#include "data/json.h"
#include "text/byte_level_int.h"
#include "text/hf_int.h"
#include "text/spm_int.h"
#include "text/tekken_int.h"

struct entry {
    const char *s; /* NULL: no token has that id */
    enum token_kind kind;
};

struct reader {
    const char *name; /* of the file, for messages that JSON does not make */
    struct json root, model, vocab;
    bool is_spm;
    struct entry *entries; /* [n_places] */
    size_t n, n_places;    /* tokens; as many as there can be */
    struct tokenizer *tok;
    struct buf scratch;
};

static bool read_id(const struct reader *in, const struct json *v, size_t *id, struct err *err)
{
    int64_t value = 0;
    if (!json_read_int(v, 0, LIMIT_VOCAB - 1, &value, err))
        return false;
    *id = (size_t)value;
    return *id < in->n_places ||
           json_fail(v, err, ERR_FORMAT, "id %zu, but there are at most %zu token%s", *id,
                     in->n_places, plural(in->n_places));
}

static bool enter_vocab(struct reader *in, const struct json *vocab, struct err *err)
{
    struct json member;
    size_t id;
    for (void *it = json_first(vocab, &member); it; it = json_next(vocab, it, &member)) {
        if (!read_id(in, &member, &id, err))
            return false;
        if (in->entries[id].s)
            return json_fail(&member, err, ERR_FORMAT, "id %zu is that of \"%s\" too", id,
                             in->entries[id].s);
        in->entries[id] = (struct entry){member.key, TOKEN_NORMAL};
        in->n++;
    }
    return true;
}

/* Enters a token that stands outside what was learned; the vocabulary may list it again. */
static bool enter_added(struct reader *in, const struct json *added, struct err *err)
{
    struct json id_value, content;
    const char *s;
    size_t id, n;
    bool special = false;
    if (!json_need(added, "id", &id_value, err) || !read_id(in, &id_value, &id, err) ||
        !json_need(added, "content", &content, err) || !json_read_string(&content, &s, &n, err) ||
        !json_opt_bool(added, "special", &special, err))
        return false;
    struct entry *entry = &in->entries[id];
    if (entry->s && (entry->kind != TOKEN_NORMAL || strcmp(entry->s, s) != 0))
        return json_fail(added, err, ERR_FORMAT, "id %zu is that of \"%s\" too", id, entry->s);
    in->n += !entry->s;
    *entry = (struct entry){s, special ? TOKEN_CONTROL : TOKEN_USER};
    return true;
}

static bool read_entries(struct reader *in, struct err *err)
{
    struct json added;
    bool has_added = json_find(&in->root, "added_tokens", &added);
    if (!json_need(&in->model, "vocab", &in->vocab, err))
        return false;
    if (!json_is_object(&in->vocab))
        return json_fail(&in->vocab, err, ERR_FORMAT, "expected an object of tokens and their ids");
    if (has_added && !json_is_array(&added))
        return json_fail(&added, err, ERR_FORMAT, "expected a list");
    in->n_places = json_count(&in->vocab) + (has_added ? json_count(&added) : 0);
    if (!in->n_places || in->n_places > LIMIT_VOCAB)
        return json_fail(&in->vocab, err, ERR_LIMIT, "%zu tokens; expected 1 to %d", in->n_places,
                         LIMIT_VOCAB);
    in->entries = mem_new(in->n_places, sizeof *in->entries, err);
    if (!in->entries)
        return err_add(err, "%s", in->name);
    if (!enter_vocab(in, &in->vocab, err))
        return false;
    for (size_t i = 0; has_added && i < json_count(&added); i++) {
        struct json item = json_item(&added, i);
        if (!enter_added(in, &item, err))
            return false;
    }
    for (size_t id = 0; id < in->n; id++)
        if (!in->entries[id].s)
            return json_fail(&in->vocab, err, ERR_FORMAT, "%zu token%s, but none has id %zu", in->n,
                             plural(in->n), id);
    return true;
}

static bool add_spm(struct reader *in, const struct entry *entry, const char *unknown,
                    struct err *err)
{
    size_t n = strlen(entry->s);
    enum token_kind kind = entry->kind;
    if (strcmp(entry->s, unknown) == 0)
        kind = TOKEN_UNKNOWN;
    else if (kind == TOKEN_NORMAL && spm_byte(entry->s, n) >= 0)
        kind = TOKEN_BYTE;
    return spm_add(in->tok, entry->s, n, 0.0f, kind, err);
}

static bool add_byte_level(struct reader *in, const struct entry *entry, struct err *err)
{
    size_t n = strlen(entry->s);
    if (entry->kind != TOKEN_NORMAL)
        return tokenizer_add(in->tok, entry->kind, entry->s, n, err);
    buf_clear(&in->scratch);
    if (!n)
        return err_set(err, ERR_FORMAT, "token %u is empty", in->tok->vocab.n);
    if (!byte_level_decode(entry->s, n, &in->scratch, err))
        return err_add(err, "token %u", in->tok->vocab.n);
    return tokenizer_add(in->tok, TOKEN_NORMAL, in->scratch.data, in->scratch.len, err);
}

static bool add_tokens(struct reader *in, struct err *err)
{
    const char *unknown = "";
    if (!json_opt_string(&in->model, "unk_token", &unknown, err))
        return false;
    in->tok = in->is_spm ? spm_new(in->n, err) : tokenizer_new(in->n, err);
    bool ok = in->tok != NULL;
    if (ok)
        in->tok->is_tekken = !in->is_spm;
    for (size_t id = 0; ok && id < in->n; id++)
        ok = in->is_spm ? add_spm(in, &in->entries[id], unknown, err)
                        : add_byte_level(in, &in->entries[id], err);
    if (ok)
        ok = in->is_spm ? spm_finish(in->tok, err) : tekken_finish(in->tok, err);
    return ok || err_add(err, "%s: model.vocab", in->name);
}

/* Appends a half of a merge as the vocabulary now has it. */
static bool add_half(struct reader *in, const char *s, size_t n, struct err *err)
{
    if (!in->is_spm)
        return byte_level_decode(s, n, &in->scratch, err);
    size_t at = in->scratch.len;
    if (!buf_add(&in->scratch, s, n, err))
        return false;
    in->scratch.len = at + spm_plain_spaces(s, n, in->scratch.data + at);
    return true;
}

/* Returns the id of an ordinary token, or -1. */
static int32_t find_ordinary(const struct tokenizer *tok, const char *s, size_t n)
{
    int32_t id = vocab_find(&tok->pieces, &tok->vocab, s, n);
    return id >= 0 && tok->kinds[id] == TOKEN_NORMAL ? id : -1;
}

/* Says whether the vocabulary of the file has a token, in its spelling, of these two parts. */
static bool is_listed(struct reader *in, struct span a, struct span b, bool *listed,
                      struct err *err)
{
    struct json id;
    buf_clear(&in->scratch);
    if (!buf_add(&in->scratch, a.s, a.n, err) || !buf_add(&in->scratch, b.s, b.n, err))
        return err_add(err, "%s: model.merges", in->name);
    *listed = json_find(&in->vocab, in->scratch.data, &id);
    return true;
}

/* Converters also list merges of tokens that no text gives, such as "<s" and ">".  They are
 * left out, but all three tokens must be there. */
static bool check_unused(struct reader *in, const struct json *item, struct span left,
                         struct span right, struct err *err)
{
    const struct span none = SPAN("");
    bool has_left = false, has_right = false, has_both = false;
    if (!is_listed(in, left, none, &has_left, err) ||
        !is_listed(in, right, none, &has_right, err) || !is_listed(in, left, right, &has_both, err))
        return false;
    return (has_left && has_right && has_both) ||
           json_fail(item, err, ERR_FORMAT, "%s is no token of the vocabulary",
                     !has_left    ? "the left one"
                     : !has_right ? "the right one"
                                  : "what they make");
}

static bool add_merge(struct reader *in, const struct json *item, struct span left,
                      struct span right, struct err *err)
{
    const struct tokenizer *tok = in->tok;
    buf_clear(&in->scratch);
    if (!left.n || !right.n)
        return json_fail(item, err, ERR_FORMAT, "one of the two tokens is empty");
    if (!add_half(in, left.s, left.n, err))
        return err_add(err, "%s: model.merges[%zu]", in->name, item->index);
    size_t n_left = in->scratch.len;
    if (!add_half(in, right.s, right.n, err))
        return err_add(err, "%s: model.merges[%zu]", in->name, item->index);
    const char *s = in->scratch.data;
    size_t n = in->scratch.len;
    struct merge merge = {.left = find_ordinary(tok, s, n_left),
                          .right = find_ordinary(tok, s + n_left, n - n_left),
                          .id = find_ordinary(tok, s, n),
                          .order = (uint32_t)item->index + 1};
    if (merge.left < 0 || merge.right < 0 || merge.id < 0)
        return check_unused(in, item, left, right, err);
    return merges_add(&in->tok->merges, &merge) ||
           json_fail(item, err, ERR_FORMAT, "these two are listed before");
}

/* Reads "a b", or in newer files ["a", "b"]. */
static bool read_merge(struct reader *in, const struct json *item, struct err *err)
{
    struct span left, right;
    if (json_is_array(item) && json_count(item) == 2) {
        struct json first = json_item(item, 0), second = json_item(item, 1);
        return json_read_string(&first, &left.s, &left.n, err) &&
               json_read_string(&second, &right.s, &right.n, err) &&
               add_merge(in, item, left, right, err);
    }
    if (!json_is_string(item))
        return json_fail(item, err, ERR_FORMAT, "expected two tokens");
    if (!json_read_string(item, &left.s, &left.n, err))
        return false;
    const char *space = strchr(left.s, ' ');
    if (!space || strchr(space + 1, ' '))
        return json_fail(item, err, ERR_FORMAT, "expected two tokens with one space between");
    right = (struct span){space + 1, left.n - (size_t)(space + 1 - left.s)};
    left.n = (size_t)(space - left.s);
    return add_merge(in, item, left, right, err);
}

/* Says whether every token that is more than one first symbol is made by some merge: a list
 * that was cut short would give other ids without a word. */
static bool check_made(const struct reader *in, struct err *err)
{
    const struct tokenizer *tok = in->tok;
    uint8_t *made = mem_new(tok->vocab.n, 1, err);
    if (!made)
        return err_add(err, "%s", in->name);
    for (size_t i = 0; i <= tok->merges.mask; i++)
        if (tok->merges.slots[i].order)
            made[tok->merges.slots[i].id] = 1;
    uint32_t id = 0;
    for (; id < tok->vocab.n; id++) {
        uint32_t n;
        const char *s = vocab_string(&tok->vocab, id, &n);
        size_t n_symbols = n;
        for (uint32_t i = 0; in->is_spm && i < n; i++)
            n_symbols -= ((uint8_t)s[i] & 0xc0) == 0x80;
        if (tok->kinds[id] == TOKEN_NORMAL && n_symbols > 1 && !made[id])
            break;
    }
    free(made);
    return id == tok->vocab.n ||
           err_set(err, ERR_FORMAT, "%s: model.merges: none makes token %u", in->name, id);
}

static bool read_merges(struct reader *in, struct err *err)
{
    struct json merges;
    if (!json_need(&in->model, "merges", &merges, err))
        return false;
    if (!json_is_array(&merges))
        return json_fail(&merges, err, ERR_FORMAT, "expected a list");
    if (!merges_init(&in->tok->merges, json_count(&merges), err))
        return err_add(err, "%s: model.merges", in->name);
    for (size_t i = 0; i < json_count(&merges); i++) {
        struct json item = json_item(&merges, i);
        if (!read_merge(in, &item, err))
            return false;
    }
    return check_made(in, err);
}

/* Says whether all ordinary tokens are tekken's, by its first ones and their number. */
static bool is_tekken_vocab(const struct tokenizer *tok)
{
    enum { N_TEKKEN = 130072 };
    static const char *const first[] = {"  ", " t", "er", "in"};
    int32_t start = tok->byte_ids[0];
    if ((uint32_t)tok->pieces.n != N_TEKKEN)
        return false;
    for (int b = 0; b < 256; b++)
        if (tok->byte_ids[b] != start + b)
            return false;
    for (int i = 0; i < 4; i++)
        if (find_ordinary(tok, first[i], 2) != start + 256 + i)
            return false;
    return true;
}

static bool fill(struct reader *in, struct err *err)
{
    struct tokenizer *tok;
    if (!hf_check_model(&in->model, err) || !hf_family(&in->root, &in->model, &in->is_spm, err) ||
        !read_entries(in, err) || !add_tokens(in, err))
        return false;
    tok = in->tok;
    if (in->is_spm && !hf_check_spm(&in->root, &tok->add_space, err))
        return false;
    /* In tekken the ids are in the order of the merges: their list says nothing new. */
    bool known = !in->is_spm && is_tekken_vocab(tok);
    if (!known && !read_merges(in, err))
        return false;
    if (!in->is_spm && !known && !hf_check_pattern(&in->root, &in->model, err))
        return false;
    if (!in->is_spm)
        snprintf(tok->about, sizeof tok->about, "%s, %zu token%s",
                 known ? "tekken" : "byte-level BPE", in->n, plural(in->n));
    tok->bos = tokenizer_control(tok, "<s>");
    tok->eos = tokenizer_control(tok, "</s>");
    traits_set_template(tok, (struct span){0}, false);
    return true;
}

struct tokenizer *hf_read(const char *name, const struct json *root, struct err *err)
{
    struct reader in = {.name = name, .root = *root};
    buf_init(&in.scratch, (size_t)4 * LIMIT_TOKEN_BYTES);
    bool ok = json_need(&in.root, "model", &in.model, err) && fill(&in, err);
    buf_free(&in.scratch);
    free(in.entries);
    if (ok)
        return in.tok;
    tokenizer_close(in.tok);
    return NULL;
}
