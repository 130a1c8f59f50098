/* SPDX-License-Identifier: Apache-2.0 */
/* Opens any .model file; what opens must turn text into its ids and those into UTF-8. */
#include "base/limits.h"
#include "data/utf8.h"
#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct token_ids ids = {0};
    struct text_decoder decoder;
    struct buf text;
    struct tokenizer *tok = tokenizer_from_spm("f", data, size, &err);
    if (!tok)
        return 0;
    size_t n = size < 300 ? size : 300;
    buf_init(&text, LIMIT_TEXT_BYTES);
    text_decoder_init(&decoder, tok);
    bool ok = tokenizer_encode(tok, (const char *)data + size - n, n, &ids, &err);
    for (size_t i = 0; ok && i < ids.n; i++) {
        if (ids.ids[i] < 0 || ids.ids[i] >= tokenizer_n_vocab(tok) ||
            tokenizer_is_control(tok, ids.ids[i]))
            __builtin_trap();
        ok = text_decoder_add(&decoder, ids.ids[i], &text, &err);
    }
    for (int32_t id = 0; ok && id < tokenizer_n_vocab(tok); id++)
        ok = text_decoder_add(&decoder, id, &text, &err);
    ok = ok && text_decoder_end(&decoder, &text, &err);
    if (!ok || (text.len && !utf8_valid(text.data, text.len)))
        __builtin_trap();
    buf_free(&text);
    token_ids_free(&ids);
    tokenizer_close(tok);
    return 0;
}
