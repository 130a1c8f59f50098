/* SPDX-License-Identifier: Apache-2.0 */
#include "api/base64.h"

#include <stdint.h>

void base64_write(const unsigned char *bytes, size_t n, struct json_out *o)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t x = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                     (left > 2 ? bytes[i + 2] : 0);
        const char four[4] = {letters[x >> 18], letters[x >> 12 & 63],
                              left > 1 ? letters[x >> 6 & 63] : '=',
                              left > 2 ? letters[x & 63] : '='};
        json_out_bytes(o, four, sizeof four);
    }
}
