/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

bool random_bytes(void *bytes, size_t n, struct err *err)
{
    char *at = bytes;
    while (n) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, ERR_IO, "the system has no random bytes: %s; see getrandom(2)",
                           strerror(errno));
        at += got;
        n -= (size_t)got;
    }
    return true;
}

bool random_text(char *text, size_t n, const char *letters, size_t n_letters, struct err *err)
{
    assert(n_letters > 0 && n_letters <= 256);
    /* Bytes above the last multiple of n_letters are drawn anew: a remainder would favour the
     * first letters. */
    unsigned end = 256 - 256 % (unsigned)n_letters;
    for (size_t i = 0; i < n;) {
        uint8_t drawn[64];
        if (!random_bytes(drawn, sizeof drawn, err))
            return false;
        for (size_t k = 0; k < sizeof drawn && i < n; k++)
            if (drawn[k] < end)
                text[i++] = letters[drawn[k] % n_letters];
    }
    text[n] = '\0';
    return true;
}
