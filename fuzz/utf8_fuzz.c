/* SPDX-License-Identifier: Apache-2.0 */
/* What decodes must encode to the same bytes; decoding always moves forward. */
#include <string.h>

#include "data/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *s = (const char *)data;
    bool valid = true;
    for (size_t at = 0; at < size;) {
        char again[UTF8_MAX];
        uint32_t code;
        size_t len;
        enum utf8_state state = utf8_decode(s + at, size - at, &code, &len);
        if (len == 0 || len > size - at)
            __builtin_trap();
        if (state == UTF8_OK && (utf8_encode(code, again) != len || memcmp(again, s + at, len)))
            __builtin_trap();
        valid = valid && state == UTF8_OK;
        at += len;
    }
    if (valid != utf8_valid(s, size) || (utf8_printable(s, size) && !valid))
        __builtin_trap();
    return 0;
}
