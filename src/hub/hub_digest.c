/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_digest.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>

static bool failed(struct err *err)
{
    return err_set(err, ERR_LIMIT, "the hash of a file: libcrypto refuses; see ulimit -v");
}

bool hub_digest_begin(struct hub_digest *digest, enum hub_hash hash, uint64_t n_bytes,
                      struct err *err)
{
    char head[32];
    if (!digest->state)
        digest->state = EVP_MD_CTX_new();
    if (!digest->state ||
        !EVP_DigestInit_ex(digest->state, hash == HUB_SHA256 ? EVP_sha256() : EVP_sha1(), NULL))
        return failed(err);
    int n = snprintf(head, sizeof head, "blob %" PRIu64, n_bytes);
    return hash == HUB_SHA256 || hub_digest_add(digest, head, (size_t)n + 1, err);
}

void hub_digest_free(struct hub_digest *digest)
{
    EVP_MD_CTX_free(digest->state);
    digest->state = NULL;
}

bool hub_digest_add(struct hub_digest *digest, const void *bytes, size_t n, struct err *err)
{
    return EVP_DigestUpdate(digest->state, bytes, n) || failed(err);
}

bool hub_digest_end(struct hub_digest *digest, char *text, struct err *err)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n;
    if (!EVP_DigestFinal_ex(digest->state, sum, &n) || 2 * n >= HUB_HASH_TEXT)
        return failed(err);
    for (unsigned i = 0; i < n; i++)
        snprintf(text + 2 * (size_t)i, 3, "%02x", sum[i]);
    return true;
}
