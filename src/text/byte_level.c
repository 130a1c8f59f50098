/* SPDX-License-Identifier: Apache-2.0 */
#include "text/byte_level_int.h"

#include "data/utf8.h"

/* Returns the byte that a character stands for, or -1.  Bytes that print stand for
 * themselves, the other 68 are U+0100 and up in their order. */
static int byte_of(uint32_t code)
{
    if ((code > 32 && code < 127) || (code > 160 && code < 256 && code != 173))
        return (int)code;
    if (code < 256 || code >= 256 + 68)
        return -1;
    int k = (int)code - 256;
    return k <= 32 ? k : k <= 66 ? k - 33 + 127 : 173;
}

bool byte_level_decode(const char *s, size_t n, struct buf *out, struct err *err)
{
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t code;
        int byte = utf8_decode(s + i, n - i, &code, &len) == UTF8_OK ? byte_of(code) : -1;
        if (byte < 0)
            return err_set(err, ERR_FORMAT, "not written in byte characters");
        if (!buf_add(out, &(char){(char)byte}, 1, err))
            return false;
    }
    return true;
}

/* The inverse of byte_of(). */
static uint32_t code_of(uint8_t byte)
{
    uint32_t code = byte;
    if (byte_of(code) == (int)code)
        return code;
    return 256 + (code <= 32 ? code : code == 173 ? 67 : code - 127 + 33);
}

bool byte_level_encode(const char *s, size_t n, struct buf *out, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        char text[4];
        if (!buf_add(out, text, utf8_encode(code_of((uint8_t)s[i]), text), err))
            return false;
    }
    return true;
}
