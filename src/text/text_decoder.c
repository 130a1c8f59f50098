/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "data/utf8.h"
#include "text/spm_int.h"

static const char replacement[] = "\xef\xbf\xbd";

void text_decoder_init(struct text_decoder *decoder, const struct tokenizer *tok)
{
    *decoder = (struct text_decoder){.tok = tok};
}

/* Appends what stands for an ill-formed sequence of n bytes: SentencePiece replaces
 * each byte, tekken the sequence. */
static bool add_bad(const struct text_decoder *decoder, size_t n, struct buf *out, struct err *err)
{
    for (size_t i = decoder->tok->is_tekken ? 1 : n; i; i--)
        if (!buf_add(out, replacement, 3, err))
            return false;
    return true;
}

bool text_decoder_end(struct text_decoder *decoder, struct buf *out, struct err *err)
{
    size_t n = decoder->n_held;
    decoder->n_held = 0;
    return !n || add_bad(decoder, n, out, err);
}

/* Appends the next character or ill-formed sequence of the held bytes and s[n], n > 0,
 * or holds all of them.  Stores in *n_taken how many bytes of s that took, which is 0
 * when s shows that the held bytes were no character. */
static bool add_step(struct text_decoder *decoder, const char *s, size_t n, size_t *n_taken,
                     struct buf *out, struct err *err)
{
    char joined[2 * UTF8_MAX];
    size_t n_held = decoder->n_held, n_new = n < UTF8_MAX ? n : UTF8_MAX, len;
    uint32_t code;
    memcpy(joined, decoder->held, n_held);
    memcpy(joined + n_held, s, n_new);
    enum utf8_state state = utf8_decode(joined, n_held + n_new, &code, &len);
    decoder->n_held = 0;
    *n_taken = len - n_held;
    if (state == UTF8_CUT) {
        decoder->n_held = len;
        memcpy(decoder->held, joined, len);
        return true;
    }
    return state == UTF8_OK ? buf_add(out, joined, len, err) : add_bad(decoder, len, out, err);
}

static bool add_bytes(struct text_decoder *decoder, const char *s, size_t n, struct buf *out,
                      struct err *err)
{
    for (size_t i = 0, n_taken; i < n; i += n_taken)
        if (!add_step(decoder, s + i, n - i, &n_taken, out, err))
            return false;
    return true;
}

/* Appends a piece of SentencePiece text.  The space that encoding put in front of the
 * text is taken away again from the first piece, and only from that. */
static bool add_piece(struct text_decoder *decoder, const char *s, size_t n, struct buf *out,
                      struct err *err)
{
    const struct tokenizer *tok = decoder->tok;
    bool strip = !decoder->any_text && n && *s == ' ' && (tok->add_space || tok->trim_spaces);
    /* Where text never starts with a space, a piece that was one is as good as none. */
    if (!strip || n > 1 || !tok->trim_spaces)
        decoder->any_text = true;
    return buf_add(out, s + strip, n - strip, err);
}

bool text_decoder_add(struct text_decoder *decoder, int32_t id, struct buf *out, struct err *err)
{
    const struct tokenizer *tok = decoder->tok;
    if (id < 0 || (uint32_t)id >= tok->vocab.n)
        return true;
    uint32_t n;
    const char *s = vocab_string(&tok->vocab, (uint32_t)id, &n);
    uint8_t kind = tok->kinds[id];
    if (tok->is_tekken && kind != TOKEN_CONTROL)
        return add_bytes(decoder, s, n, out, err);
    if (kind == TOKEN_BYTE) {
        decoder->any_text = true;
        return add_bytes(decoder, &(char){(char)spm_byte(s, n)}, 1, out, err);
    }
    if (!text_decoder_end(decoder, out, err))
        return false;
    if (kind == TOKEN_CONTROL)
        return true;
    if (kind != TOKEN_UNKNOWN)
        return add_piece(decoder, s, n, out, err);
    decoder->any_text = true;
    return buf_add(out, tok->unknown.data, tok->unknown.len, err);
}
