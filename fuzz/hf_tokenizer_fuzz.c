/* SPDX-License-Identifier: Apache-2.0 */
/* Opens any tokenizer.json; text then never gives a control token, and a byte-level
 * vocabulary gives it back as it was. */
#include <string.h>

#include "base/limits.h"
#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* JSON that parsed is UTF-8, so any of it is a text. */
    struct err err = {0};
    struct token_ids ids = {0};
    struct text_decoder decoder;
    struct buf text;
    struct tokenizer *tok = tokenizer_from_hf("f", data, size, &err);
    if (!tok)
        return 0;
    buf_init(&text, LIMIT_TEXT_BYTES);
    text_decoder_init(&decoder, tok);
    bool ok = tokenizer_encode(tok, (const char *)data, size, &ids, &err);
    for (size_t i = 0; ok && i < ids.n; i++) {
        if (tokenizer_is_control(tok, ids.ids[i]))
            __builtin_trap();
        ok = text_decoder_add(&decoder, ids.ids[i], &text, &err);
    }
    if (!ok || !text_decoder_end(&decoder, &text, &err))
        __builtin_trap();
    if (tokenizer_is_tekken(tok) && (text.len != size || memcmp(text.data, data, size) != 0))
        __builtin_trap();
    buf_free(&text);
    token_ids_free(&ids);
    tokenizer_close(tok);
    return 0;
}
