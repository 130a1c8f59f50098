/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "store/sha256_int.h"

static bool failed(struct err *err)
{
    return err_set(err, ERR_LIMIT, "a digest: libcrypto refuses; see ulimit -v");
}

bool sha256_begin(struct sha256 *sum, struct err *err)
{
    if (!sum->state)
        sum->state = EVP_MD_CTX_new();
    return (sum->state && EVP_DigestInit_ex(sum->state, EVP_sha256(), NULL)) || failed(err);
}

void sha256_free(struct sha256 *sum)
{
    EVP_MD_CTX_free(sum->state);
    sum->state = NULL;
}

bool sha256_add(struct sha256 *sum, const void *bytes, size_t n, struct err *err)
{
    return EVP_DigestUpdate(sum->state, bytes, n) || failed(err);
}

bool sha256_end(struct sha256 *sum, char *text, struct err *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n;
    if (!EVP_DigestFinal_ex(sum->state, digest, &n) || n != SHA256_BYTES)
        return failed(err);
    sha256_write(digest, text);
    return true;
}

bool sha256_of(const void *bytes, size_t n, uint8_t *digest, struct err *err)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n_sum;
    if (!EVP_Digest(bytes, n, sum, &n_sum, EVP_sha256(), NULL) || n_sum != SHA256_BYTES)
        return failed(err);
    memcpy(digest, sum, SHA256_BYTES);
    return true;
}

void sha256_write(const uint8_t *digest, char *text)
{
    for (int i = 0; i < SHA256_BYTES; i++)
        snprintf(text + 2 * (size_t)i, 3, "%02x", digest[i]);
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool sha256_read(const char *text, size_t n, uint8_t *digest)
{
    if (n != SHA256_TEXT - 1)
        return false;
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        digest[i] = (uint8_t)(16 * high + low);
    }
    return true;
}

bool sha256_same(const uint8_t *a, const uint8_t *b)
{
    return CRYPTO_memcmp(a, b, SHA256_BYTES) == 0;
}
