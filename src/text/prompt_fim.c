/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/limits.h"
#include "text/prompt_int.h"

/* A symbol that is two tokens in every vocabulary of the family (U+263A). */
static const struct span symbol = {"\xe2\x98\xba", 3};
enum { N_SYMBOL_IDS = 2 };

static bool add_marked(struct prompt_writer *w, struct span text)
{
    struct buf marked;
    buf_init(&marked, LIMIT_TEXT_BYTES);
    bool ok = buf_add(&marked, symbol.s, symbol.n, w->err) &&
              buf_add(&marked, text.s, text.n, w->err) &&
              prompt_add_text(w, (struct span){marked.data, marked.len});
    buf_free(&marked);
    return ok;
}

/* Encodes text behind the symbol, and drops the symbol: so no space is put in front of it, and
 * what it begins with is split as inside a line.  A stranger's vocabulary may hold the symbol
 * as another number of tokens, or as one together with the text. */
static bool add_inside(struct prompt_writer *w, struct span text)
{
    struct token_ids *ids = &w->out->ids;
    size_t at = ids->n;
    if (!prompt_add_text(w, symbol))
        return false;
    size_t n_symbol = ids->n - at;
    ids->n = at;
    if (!add_marked(w, text))
        return false;
    if (n_symbol != N_SYMBOL_IDS || ids->n - at < N_SYMBOL_IDS)
        return err_set(w->err, ERR_UNSUPPORTED,
                       "the vocabulary (%s) cannot fill in the middle: U+263A is not two tokens",
                       tokenizer_describe(w->format->tok));
    ids->n -= N_SYMBOL_IDS;
    memmove(ids->ids + at, ids->ids + at + N_SYMBOL_IDS, (ids->n - at) * sizeof *ids->ids);
    return true;
}

bool prompt_fim(const struct prompt_format *format, struct span before, struct span after,
                struct prompt *out, struct err *err)
{
    struct prompt_writer w = {.format = format, .out = out, .err = err};
    if (format->version < 3)
        return err_set(err, ERR_UNSUPPORTED,
                       "prompt format v%d cannot fill in the middle; v3 and later can",
                       format->version);
    return prompt_add_control(&w, CONTROL_BOS) && prompt_add_control(&w, CONTROL_SUFFIX) &&
           (!after.n || add_inside(&w, after)) && prompt_add_control(&w, CONTROL_PREFIX) &&
           prompt_add_text(&w, before);
}
