/* SPDX-License-Identifier: Apache-2.0 */
/* toy_vocabulary.h - a tekken vocabulary of all bytes and of all texts of 2 to 4 letters a, b. */
#ifndef TOY_VOCABULARY_H
#define TOY_VOCABULARY_H

#include <stdio.h>
#include <string.h>

#include "test.h"
#include "text/tokenizer_fixture.h"

enum { TOY_CONTROLS = 20, TOY_END = 2 };

static inline void toy_base64(const char *s, int n, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < n; i += 3) {
        uint32_t bits = 0;
        for (int k = 0; k < 3; k++)
            bits = bits << 8 | (i + k < n ? (uint8_t)s[i + k] : 0u);
        for (int k = 0; k < 4; k++)
            *out++ = i + k <= n ? digits[bits >> (18 - 6 * k) & 63] : '=';
    }
    *out++ = '\n';
    *out = 0;
}

/* Owned: tokenizer_close(). */
static inline struct tokenizer *toy_tokenizer(void)
{
    struct err err = {0};
    struct buf lines, json;
    fixture_byte_lines(&lines);
    for (int n = 2; n <= 4; n++)
        for (int bits = 0; bits < 1 << n; bits++) {
            char s[4], line[16];
            for (int k = 0; k < n; k++)
                s[k] = bits >> k & 1 ? 'b' : 'a';
            toy_base64(s, n, line);
            assert_true(buf_add(&lines, line, strlen(line), &err));
        }
    fixture_tekken(&json, "v3", NULL, TOY_CONTROLS, lines.data);
    struct tokenizer *tok = tokenizer_from_tekken("toy.json", json.data, json.len, &err);
    if (!tok)
        fail_msg("%s", err.text);
    buf_free(&lines);
    buf_free(&json);
    return tok;
}

#endif
