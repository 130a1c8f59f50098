/* SPDX-License-Identifier: Apache-2.0 */
#include "data/utf8.h"

/* What a lead byte announces: the length, and the bounds of the second byte, which
 * are narrower where overlong forms, surrogates or codes past U+10FFFF would begin. */
struct lead {
    size_t len; /* 0: not a lead byte */
    uint8_t low, high;
};

static struct lead lead_of(uint8_t c)
{
    if (c < 0x80)
        return (struct lead){1, 0, 0};
    if (c < 0xc2)
        return (struct lead){0, 0, 0};
    if (c < 0xe0)
        return (struct lead){2, 0x80, 0xbf};
    if (c < 0xf0)
        return (struct lead){3, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf};
    if (c < 0xf5)
        return (struct lead){4, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf};
    return (struct lead){0, 0, 0};
}

enum utf8_state utf8_decode(const char *s, size_t n, uint32_t *code, size_t *len)
{
    const uint8_t *p = (const uint8_t *)s;
    struct lead lead = lead_of(p[0]);
    *code = UTF8_BAD;
    *len = 1;
    if (lead.len == 0)
        return UTF8_INVALID;
    if (lead.len == 1) {
        *code = p[0];
        return UTF8_OK;
    }
    uint32_t c = p[0] & (0x7fu >> lead.len);
    for (size_t i = 1; i < lead.len; i++) {
        if (i == n)
            return UTF8_CUT;
        uint8_t low = i == 1 ? lead.low : 0x80, high = i == 1 ? lead.high : 0xbf;
        if (p[i] < low || p[i] > high)
            return UTF8_INVALID;
        c = c << 6 | (p[i] & 0x3fu);
        *len = i + 1;
    }
    *code = c;
    return UTF8_OK;
}

size_t utf8_encode(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)((0xf00u >> len & 0xf0u) | code);
    return len;
}

bool utf8_valid(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n) {
        uint32_t code;
        size_t len = 1;
        if ((uint8_t)s[i] >= 0x80 && utf8_decode(s + i, n - i, &code, &len) != UTF8_OK)
            return false;
        i += len;
    }
    return true;
}

bool utf8_printable(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n) {
        uint32_t code;
        size_t len;
        if (utf8_decode(s + i, n - i, &code, &len) != UTF8_OK)
            return false;
        if (code < 0x20 || (code >= 0x7f && code < 0xa0))
            return false;
        i += len;
    }
    return true;
}
