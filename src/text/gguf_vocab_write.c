/* SPDX-License-Identifier: Apache-2.0 */
#include "text/gguf_vocab_write.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/plural.h"
#include "data/gguf_write.h"
#include "text/byte_level_int.h"
#include "text/spm_int.h"

struct writer {
    struct gguf_head *head;
    const struct tokenizer *tok;
    uint32_t n;      /* tokens with those that fill up */
    struct buf text; /* one token or merge */
};

static struct span text_of(const struct writer *w)
{
    return (struct span){w->text.data, w->text.len};
}

static bool add_token(struct writer *w, uint32_t id, struct err *err)
{
    const struct tokenizer *tok = w->tok;
    buf_clear(&w->text);
    if (id >= tok->vocab.n) {
        char name[32];
        int n = snprintf(name, sizeof name, "[PAD%u]", id);
        return gguf_add_string(w->head, (struct span){name, (size_t)n}, err);
    }
    if (tok->is_tekken && tok->kinds[id] == TOKEN_NORMAL) {
        uint32_t n;
        const char *s = vocab_string(&tok->vocab, id, &n);
        if (!byte_level_encode(s, n, &w->text, err))
            return false;
    } else if (!tokenizer_piece(tok, (int32_t)id, &w->text, err)) {
        return false;
    }
    return gguf_add_string(w->head, text_of(w), err);
}

static bool put_tokens(struct writer *w, struct err *err)
{
    bool ok = gguf_put_array(w->head, "tokenizer.ggml.tokens", GGUF_STRING, w->n, err);
    for (uint32_t id = 0; ok && id < w->n; id++)
        ok = add_token(w, id, err);
    ok = ok && gguf_put_array(w->head, "tokenizer.ggml.token_type", GGUF_I32, w->n, err);
    for (uint32_t id = 0; ok && id < w->n; id++)
        ok = gguf_add_i32(w->head, id < w->tok->vocab.n ? w->tok->kinds[id] : TOKEN_CONTROL, err);
    return ok;
}

/* Where a list of merges decides, a piece is worth the place of the first that makes it. */
static void scores_of_merges(const struct merges *merges, float *scores)
{
    for (size_t i = 0; i <= merges->mask; i++) {
        const struct merge *m = &merges->slots[i];
        float score = -(float)m->order;
        if (m->order && (scores[m->id] == 0.0f || score > scores[m->id]))
            scores[m->id] = score;
    }
}

static bool put_scores(struct writer *w, struct err *err)
{
    const struct tokenizer *tok = w->tok;
    float *scores = mem_new(w->n, sizeof *scores, err);
    if (!scores)
        return false;
    if (tok->merges.slots)
        scores_of_merges(&tok->merges, scores);
    else
        for (uint32_t id = 0; id < tok->vocab.n; id++)
            scores[id] = spm_score(tok->ranks[id]);
    bool ok = gguf_put_array(w->head, "tokenizer.ggml.scores", GGUF_F32, w->n, err);
    for (uint32_t id = 0; ok && id < w->n; id++)
        ok = gguf_add_f32(w->head, scores[id], err);
    free(scores);
    return ok && gguf_put_bool(w->head, "tokenizer.ggml.add_space_prefix", tok->add_space, err) &&
           gguf_put_bool(w->head, "tokenizer.ggml.remove_extra_whitespaces", tok->trim_spaces, err);
}

/* Finds where the last merge of token id joins: the state of merging its bytes with the tokens
 * before it only.  ends: [n] scratch for a token of n bytes.  Returns 0 when more or fewer than
 * two parts are left. */
static uint32_t find_split(const struct tokenizer *tok, uint32_t id, uint32_t *ends)
{
    uint32_t n, n_parts;
    const char *s = vocab_string(&tok->vocab, id, &n);
    for (n_parts = 0; n_parts < n; n_parts++)
        ends[n_parts] = n_parts + 1;
    while (n_parts > 2) {
        uint32_t best = id, at = 0;
        for (uint32_t i = 0; i + 1 < n_parts; i++) {
            uint32_t start = i ? ends[i - 1] : 0;
            int32_t made = vocab_find(&tok->pieces, &tok->vocab, s + start, ends[i + 1] - start);
            if (made >= 0 && (uint32_t)made < best) {
                best = (uint32_t)made;
                at = i;
            }
        }
        if (best == id)
            return 0;
        for (uint32_t i = at; i + 1 < n_parts; i++)
            ends[i] = ends[i + 1];
        n_parts--;
    }
    return n_parts == 2 ? ends[0] : 0;
}

static bool add_merge(struct writer *w, uint32_t id, uint32_t split, struct err *err)
{
    uint32_t n;
    const char *s = vocab_string(&w->tok->vocab, id, &n);
    buf_clear(&w->text);
    return byte_level_encode(s, split, &w->text, err) && buf_add(&w->text, " ", 1, err) &&
           byte_level_encode(s + split, n - split, &w->text, err) &&
           gguf_add_string(w->head, text_of(w), err);
}

/* Ids are in the order of merging, so each token tells its own merge. */
static bool put_merges(struct writer *w, struct err *err)
{
    const struct tokenizer *tok = w->tok;
    uint64_t n_merges = 0;
    uint32_t *splits = mem_new(tok->vocab.n, sizeof *splits, err);
    uint32_t *ends = mem_new(tok->pieces.longest, sizeof *ends, err);
    bool ok = splits && ends;
    for (uint32_t id = 0; ok && id < tok->vocab.n; id++) {
        splits[id] = tok->kinds[id] == TOKEN_NORMAL ? find_split(tok, id, ends) : 0;
        n_merges += splits[id] != 0;
    }
    ok = ok && gguf_put_array(w->head, "tokenizer.ggml.merges", GGUF_STRING, n_merges, err);
    for (uint32_t id = 0; ok && id < tok->vocab.n; id++)
        ok = !splits[id] || add_merge(w, id, splits[id], err);
    free(splits);
    free(ends);
    return ok;
}

static bool put_id(struct writer *w, const char *key, int32_t id, struct err *err)
{
    return id < 0 || gguf_put_u32(w->head, key, (uint32_t)id, err);
}

static int32_t unknown_id(const struct tokenizer *tok)
{
    for (uint32_t id = 0; id < tok->vocab.n; id++)
        if (tok->kinds[id] == TOKEN_UNKNOWN)
            return (int32_t)id;
    return tokenizer_control(tok, "<unk>");
}

static bool put_ends(struct writer *w, struct err *err)
{
    const struct tokenizer *tok = w->tok;
    return put_id(w, "tokenizer.ggml.bos_token_id", tok->bos, err) &&
           put_id(w, "tokenizer.ggml.eos_token_id", tok->eos, err) &&
           put_id(w, "tokenizer.ggml.unknown_token_id", unknown_id(tok), err) &&
           gguf_put_bool(w->head, "tokenizer.ggml.add_bos_token", tok->bos >= 0, err) &&
           gguf_put_bool(w->head, "tokenizer.ggml.add_eos_token", false, err);
}

static bool put_prompts(struct writer *w, struct err *err)
{
    const struct traits *traits = &w->tok->traits;
    if (traits->template.s &&
        !gguf_put_string(w->head, "tokenizer.chat_template", traits->template, err))
        return false;
    return !traits->version ||
           gguf_put_u32(w->head, GGUF_PROMPT_VERSION, (uint32_t)traits->version, err);
}

static bool put_all(struct writer *w, struct err *err)
{
    bool tekken = w->tok->is_tekken;
    return gguf_put_string(w->head, "tokenizer.ggml.model", tekken ? SPAN("gpt2") : SPAN("llama"),
                           err) &&
           gguf_put_string(w->head, "tokenizer.ggml.pre", tekken ? SPAN("tekken") : SPAN("default"),
                           err) &&
           put_tokens(w, err) && (tekken ? put_merges(w, err) : put_scores(w, err)) &&
           put_ends(w, err) && put_prompts(w, err);
}

bool gguf_put_vocab(struct gguf_head *head, const struct tokenizer *tok, uint32_t n_vocab,
                    struct err *err)
{
    struct writer w = {.head = head, .tok = tok, .n = n_vocab};
    if (!tok)
        return gguf_put_string(head, "tokenizer.ggml.model", SPAN("no_vocab"), err);
    if (tok->vocab.n > n_vocab)
        return err_set(
            err, ERR_FORMAT,
            "the tokenizer has %u token%s, the model %u; they belong to different models",
            tok->vocab.n, plural(tok->vocab.n), n_vocab);
    if (tok->is_tekken && tok->merges.slots)
        return err_set(err, ERR_UNSUPPORTED,
                       "a byte-level vocabulary with merges of its own cannot be written; put the "
                       "model's tekken.json beside it");
    buf_init(&w.text, (size_t)8 * LIMIT_TOKEN_BYTES);
    bool ok = put_all(&w, err);
    buf_free(&w.text);
    return ok;
}
