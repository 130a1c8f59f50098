/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uuid.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"

bool uuid_new(char *text, struct err *err)
{
    uint8_t b[16];
    if (!random_bytes(b, sizeof b, err))
        return false;
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    char *at = text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        snprintf(at, 3, "%02x", b[i]);
        at += 2;
    }
    return true;
}

bool uuid_is(const char *text)
{
    for (int i = 0; i < UUID_TEXT - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (!text[i] || !strchr(dash ? "-" : "0123456789abcdef", text[i]))
            return false;
    }
    return !text[UUID_TEXT - 1];
}
