/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/json_text.h"

#include <stdint.h>
#include <stdio.h>

#include "data/utf8.h"

void json_text(const char *text, size_t n)
{
    putchar('"');
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t code;
        if (utf8_decode(text + i, n - i, &code, &len) != UTF8_OK)
            fputs("\\ufffd", stdout);
        else if (code == '"' || code == '\\')
            printf("\\%c", (int)code);
        else if (code == '\n')
            fputs("\\n", stdout);
        else if (code < 0x20 || (code >= 0x7f && code < 0xa0))
            printf("\\u%04x", code);
        else
            fwrite(text + i, 1, len, stdout);
    }
    putchar('"');
}
