/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the vocabulary inside a GGUF file: "llama" is SentencePiece, "gpt2" with the
 * pre-tokenizer "tekken" is tekken. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/plural.h"
#include "data/gguf.h"
#include "text/byte_level_int.h"
#include "text/spm_int.h"
#include "text/tekken_int.h"

struct reader {
    const struct gguf *gguf;
    size_t n;
    const uint8_t *tokens, *types, *scores; /* next item of each array */
    struct tokenizer *tok;
};

static bool fail_kv(const struct reader *in, struct err *err, enum err_code code, const char *what)
{
    return err_set(err, code, "%s: tokenizer.ggml.%s", in->gguf->file, what);
}

/* Finds an array with an item for each token. */
static bool find_array(const struct reader *in, const char *key, enum gguf_type item,
                       const uint8_t **out, struct err *err)
{
    const struct gguf_kv *kv = gguf_array(in->gguf, key, item, err);
    if (!kv)
        return false;
    if (kv->n_items != in->n)
        return err_set(err, ERR_FORMAT, "%s: %s: %llu item%s for %zu token%s", in->gguf->file, key,
                       (unsigned long long)kv->n_items, plural(kv->n_items), in->n, plural(in->n));
    *out = kv->data;
    return true;
}

static bool find_arrays(struct reader *in, bool has_scores, struct err *err)
{
    const struct gguf_kv *tokens = gguf_array(in->gguf, "tokenizer.ggml.tokens", GGUF_STRING, err);
    if (!tokens)
        return false;
    if (!tokens->n_items || tokens->n_items > LIMIT_VOCAB)
        return err_set(err, ERR_LIMIT, "%s: tokenizer.ggml.tokens: %llu items; expected 1 to %d",
                       in->gguf->file, (unsigned long long)tokens->n_items, LIMIT_VOCAB);
    in->n = (size_t)tokens->n_items;
    in->tokens = tokens->data;
    return find_array(in, "tokenizer.ggml.token_type", GGUF_I32, &in->types, err) &&
           (!has_scores || find_array(in, "tokenizer.ggml.scores", GGUF_F32, &in->scores, err));
}

/* Sets bos and eos from the file, or by their usual names. */
static bool set_ends(struct reader *in, struct err *err)
{
    struct tokenizer *tok = in->tok;
    uint32_t bos = UINT32_MAX, eos = UINT32_MAX;
    if (!gguf_opt_u32(in->gguf, "tokenizer.ggml.bos_token_id", 0, UINT32_MAX, &bos, err) ||
        !gguf_opt_u32(in->gguf, "tokenizer.ggml.eos_token_id", 0, UINT32_MAX, &eos, err))
        return false;
    if (!gguf_find(in->gguf, "tokenizer.ggml.bos_token_id"))
        bos = (uint32_t)tokenizer_control(tok, "<s>");
    if (!gguf_find(in->gguf, "tokenizer.ggml.eos_token_id"))
        eos = (uint32_t)tokenizer_control(tok, "</s>");
    return (tokenizer_set_bos(tok, bos, err) && tokenizer_set_eos(tok, eos, err)) ||
           err_add(err, "%s", in->gguf->file);
}

static bool fill_spm(struct reader *in, struct err *err)
{
    for (size_t i = 0; i < in->n; i++) {
        const char *s;
        size_t n;
        gguf_next_string(&in->tokens, &s, &n);
        uint32_t kind = (uint32_t)gguf_next_i32(&in->types);
        if (!spm_add(in->tok, s, n, gguf_next_f32(&in->scores), kind, err))
            return err_add(err, "%s: tokenizer.ggml.tokens", in->gguf->file);
    }
    return spm_finish(in->tok, err) || err_add(err, "%s: tokenizer.ggml.tokens", in->gguf->file);
}

static bool open_spm(struct reader *in, struct err *err)
{
    const struct gguf_kv *map = gguf_find(in->gguf, "tokenizer.ggml.precompiled_charsmap");
    if (map && map->n_items)
        return fail_kv(in, err, ERR_UNSUPPORTED,
                       "precompiled_charsmap: only vocabularies that leave text as it is are read");
    if (!find_arrays(in, true, err))
        return false;
    in->tok = spm_new(in->n, err);
    if (!in->tok)
        return err_add(err, "%s", in->gguf->file);
    return gguf_opt_bool(in->gguf, "tokenizer.ggml.add_space_prefix", &in->tok->add_space, err) &&
           gguf_opt_bool(in->gguf, "tokenizer.ggml.remove_extra_whitespaces", &in->tok->trim_spaces,
                         err) &&
           fill_spm(in, err);
}

static bool add_ordinary(struct reader *in, const char *s, size_t n, struct buf *bytes,
                         struct err *err)
{
    uint32_t id = in->tok->vocab.n;
    buf_clear(bytes);
    if (!n)
        return err_set(err, ERR_FORMAT, "token %u is empty", id);
    if (!byte_level_decode(s, n, bytes, err))
        return err_add(err, "token %u", id);
    return tokenizer_add(in->tok, TOKEN_NORMAL, bytes->data, bytes->len, err);
}

static bool add_token(struct reader *in, struct buf *bytes, struct err *err)
{
    const char *s;
    size_t n;
    gguf_next_string(&in->tokens, &s, &n);
    int32_t kind = gguf_next_i32(&in->types);
    if (kind == TOKEN_NORMAL)
        return add_ordinary(in, s, n, bytes, err);
    if (kind < TOKEN_NORMAL || kind >= TOKEN_BYTE)
        return err_set(err, ERR_FORMAT, "token %u: unknown type %d", in->tok->vocab.n, kind);
    /* In tekken all that is not ordinary is control, unknown and unused tokens too. */
    return tokenizer_add(in->tok, kind == TOKEN_USER ? TOKEN_USER : TOKEN_CONTROL, s, n, err);
}

static bool open_tekken(struct reader *in, struct err *err)
{
    struct buf bytes;
    const char *pre;
    size_t n_pre;
    bool ok = true;
    if (!gguf_string(in->gguf, "tokenizer.ggml.pre", &pre, &n_pre, err))
        return false;
    if (n_pre != 6 || memcmp(pre, "tekken", 6) != 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: tokenizer.ggml.pre: \"%.*s\"; only \"tekken\" is read", in->gguf->file,
                       n_pre > 64 ? 64 : (int)n_pre, pre);
    if (!find_arrays(in, false, err))
        return false;
    in->tok = tokenizer_new(in->n, err);
    if (!in->tok)
        return err_add(err, "%s", in->gguf->file);
    in->tok->is_tekken = true;
    buf_init(&bytes, LIMIT_TOKEN_BYTES);
    for (size_t i = 0; ok && i < in->n; i++)
        ok = add_token(in, &bytes, err);
    buf_free(&bytes);
    snprintf(in->tok->about, sizeof in->tok->about, "tekken, %zu token%s", in->n, plural(in->n));
    return (ok && tekken_finish(in->tok, err)) ||
           err_add(err, "%s: tokenizer.ggml.tokens", in->gguf->file);
}

/* Sets what the file says about prompts.  Its own key names the version, because a template
 * and the control tokens leave some in doubt. */
static bool set_prompts(struct reader *in, struct err *err)
{
    static const char key[] = "tokenizer.chat_template";
    struct span template = {0};
    uint32_t version = 0;
    assert(in->tok);
    if (gguf_find(in->gguf, key) && !gguf_string(in->gguf, key, &template.s, &template.n, err))
        return false;
    traits_set_template(in->tok, template, false);
    if (!gguf_opt_u32(in->gguf, GGUF_PROMPT_VERSION, 0, UINT32_MAX, &version, err))
        return false;
    if (version && !traits_is_version(version))
        return err_set(err, ERR_FORMAT, "%s: %s: %u is no version of prompts", in->gguf->file,
                       GGUF_PROMPT_VERSION, version);
    if (version)
        in->tok->traits.version = (int)version;
    return true;
}

static bool read_all(struct reader *in, struct err *err)
{
    const struct gguf *gguf = in->gguf;
    const char *model = "no_vocab";
    size_t n = strlen(model);
    bool ok = !gguf_find(gguf, "tokenizer.ggml.model") ||
              gguf_string(gguf, "tokenizer.ggml.model", &model, &n, err);
    if (!ok)
        return false;
    if (n == 8 && memcmp(model, "no_vocab", 8) == 0)
        ok = err_set(err, ERR_NOT_FOUND, "%s: no vocabulary inside; name a tokenizer file",
                     gguf->file);
    else if (n == 5 && memcmp(model, "llama", 5) == 0)
        ok = open_spm(in, err);
    else if (n == 4 && memcmp(model, "gpt2", 4) == 0)
        ok = open_tekken(in, err);
    else
        ok = err_set(err, ERR_UNSUPPORTED,
                     "%s: tokenizer.ggml.model: \"%.*s\"; only \"llama\" and \"gpt2\" are read",
                     gguf->file, n > 64 ? 64 : (int)n, model);
    return ok && set_ends(in, err) && set_prompts(in, err);
}

struct tokenizer *tokenizer_from_gguf(const struct gguf *gguf, struct err *err)
{
    struct reader in = {.gguf = gguf};
    bool ok = read_all(&in, err);
    if (tensor_store_check(&gguf->tensors, err) && ok)
        return in.tok;
    tokenizer_close(in.tok);
    err_remedy(err, ERR_FORMAT, "download it again");
    return NULL;
}
