/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/limits.h"
#include "text/prompt_int.h"

/* Encodes text behind a symbol that is two tokens in every vocabulary of the family, and
 * drops these: so no space is put in front of it, and what it begins with is split as inside a
 * line. */
static bool add_inside(struct prompt_writer *w, struct span text)
{
    static const char symbol[] = "\xe2\x98\xba"; /* U+263A */
    enum { N_SYMBOL_IDS = 2 };
    struct token_ids *ids = &w->out->ids;
    struct buf marked;
    size_t at = ids->n;
    buf_init(&marked, LIMIT_TEXT_BYTES);
    bool ok = buf_add(&marked, symbol, sizeof symbol - 1, w->err) &&
              buf_add(&marked, text.s, text.n, w->err) &&
              prompt_add_text(w, (struct span){marked.data, marked.len});
    buf_free(&marked);
    if (!ok)
        return false;
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
                       "prompt format %d cannot fill in the middle; version 3 and later can",
                       format->version);
    return prompt_add_control(&w, CONTROL_BOS) && prompt_add_control(&w, CONTROL_SUFFIX) &&
           (!after.n || add_inside(&w, after)) && prompt_add_control(&w, CONTROL_PREFIX) &&
           prompt_add_text(&w, before);
}
