/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the vocabulary of any GGUF file; what opens must take text and print its pieces. */
#include "base/limits.h"
#include "data/gguf.h"
#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct gguf gguf;
    struct token_ids ids = {0};
    struct buf text;
    if (!gguf_parse(&gguf, "f", data, size, &err))
        return 0;
    struct tokenizer *tok = tokenizer_from_gguf(&gguf, &err);
    gguf_close(&gguf);
    if (!tok)
        return 0;
    buf_init(&text, LIMIT_TEXT_BYTES);
    size_t n = size < 300 ? size : 300;
    bool ok = tokenizer_encode(tok, (const char *)data + size - n, n, &ids, &err);
    for (size_t i = 0; ok && i < ids.n; i++)
        if (ids.ids[i] < 0 || ids.ids[i] >= tokenizer_n_vocab(tok))
            __builtin_trap();
    for (int32_t id = -1; ok && id <= tokenizer_n_vocab(tok); id++)
        ok = tokenizer_piece(tok, id, &text, &err);
    if (!ok)
        __builtin_trap();
    buf_free(&text);
    token_ids_free(&ids);
    tokenizer_close(tok);
    return 0;
}
