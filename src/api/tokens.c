/* SPDX-License-Identifier: Apache-2.0 */
#include "api/tokens.h"

#include <string.h>

#include "api/api.h"
#include "base/limits.h"
#include "model/config.h"

bool tokens_read(const struct json_node *list, const struct api_model *model, struct token_ids *out,
                 struct err *err)
{
    int64_t most = (int64_t)model->config->n_vocab - 1;
    for (const struct json_node *item = list->first; item; item = item->next) {
        int64_t id;
        if (!json_node_int(item, 0, most, &id))
            return json_node_fail(item, err, "expected an id from 0 to %lld", (long long)most);
        if (!token_ids_add(out, (int32_t)id, err))
            return false;
    }
    return true;
}

bool tokens_encode(const struct api_model *model, struct span text, bool with_bos,
                   struct token_ids *out, struct err *err)
{
    int32_t bos = tokenizer_bos(model->tok);
    return (!with_bos || bos < 0 || token_ids_add(out, bos, err)) &&
           tokenizer_encode(model->tok, text.s, text.n, out, err);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "<0x41>" is how SentencePiece names the token of a byte. */
static bool is_byte(const struct buf *piece, unsigned char *byte)
{
    const char *s = piece->data;
    if (piece->len != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>')
        return false;
    int high = hex_digit(s[3]), low = hex_digit(s[4]);
    *byte = (unsigned char)(high * 16 + low);
    return high >= 0 && low >= 0;
}

bool token_text(const struct api_model *model, int32_t id, struct buf *out, struct err *err)
{
    static const char mark[] = "\xe2\x96\x81"; /* how SentencePiece writes a space */
    struct buf piece;
    unsigned char byte;
    if (tokenizer_is_tekken(model->tok) || tokenizer_is_control(model->tok, id))
        return tokenizer_piece(model->tok, id, out, err);
    buf_init(&piece, LIMIT_TOKEN_BYTES);
    bool ok = tokenizer_piece(model->tok, id, &piece, err);
    if (ok && is_byte(&piece, &byte)) {
        ok = buf_add(out, &byte, 1, err);
        buf_clear(&piece);
    }
    for (size_t i = 0; ok && i < piece.len;) {
        bool space = piece.len - i >= 3 && memcmp(piece.data + i, mark, 3) == 0;
        ok = buf_add(out, space ? " " : piece.data + i, 1, err);
        i += space ? 3 : 1;
    }
    buf_free(&piece);
    return ok;
}

void tokens_write(const struct token_ids *ids, struct json_out *o)
{
    json_out_raw(o, "[");
    for (size_t i = 0; i < ids->n; i++)
        json_out_format(o, i ? ",%d" : "%d", ids->ids[i]);
    json_out_raw(o, "]");
}
