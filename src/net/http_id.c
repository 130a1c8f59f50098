/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_id.h"

#include <stdint.h>
#include <string.h>
#include <sys/random.h>

void http_id_fresh(char *id)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[(HTTP_ID_FRESH - 1) / 2];
    /* So few bytes come whole, once the system has started. */
    ssize_t n;
    do
        n = getrandom(bytes, sizeof bytes, 0);
    while (n != (ssize_t)sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        id[2 * i] = digits[bytes[i] >> 4];
        id[2 * i + 1] = digits[bytes[i] & 15];
    }
    id[HTTP_ID_FRESH - 1] = '\0';
}

bool http_id_is_sane(const char *id)
{
    size_t n = strlen(id);
    for (const char *p = id; *p; p++)
        if (*p < 0x20 || *p > 0x7e)
            return false;
    return n >= 1 && n <= 128;
}
