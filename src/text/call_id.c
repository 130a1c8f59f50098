/* SPDX-License-Identifier: Apache-2.0 */
#include "text/call_id.h"

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
enum { BASE = sizeof digits - 1 };

bool call_id_is_valid(struct span id)
{
    for (size_t i = 0; i < id.n; i++) {
        char c = id.s[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
            return false;
    }
    return id.n == CALL_ID_BYTES;
}

void call_id_write(uint64_t number, char *out)
{
    for (int i = 0; i < CALL_ID_BYTES; i++) {
        out[i] = digits[number % BASE];
        number /= BASE;
    }
    out[CALL_ID_BYTES] = 0;
}

void call_id_of(struct span id, char *out)
{
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a, 64 bits */
    for (size_t i = 0; i < id.n; i++)
        hash = (hash ^ (uint8_t)id.s[i]) * 0x100000001b3;
    call_id_write(hash, out);
}
