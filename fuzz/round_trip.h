/* SPDX-License-Identifier: Apache-2.0 */
/* round_trip.h - what holds for any vocabulary and any text. */
#ifndef FUZZ_ROUND_TRIP_H
#define FUZZ_ROUND_TRIP_H

#include <string.h>

#include "base/limits.h"
#include "text/tokenizer.h"

/* Traps when data: [size], which is UTF-8, gives a control token, or when a byte-level vocabulary
 * does not give it back as it was.  Takes tok over; NULL is fine. */
static inline void round_trip(struct tokenizer *tok, const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct token_ids ids = {0};
    struct text_decoder decoder;
    struct buf text;
    if (!tok)
        return;
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
}

#endif
