/* SPDX-License-Identifier: Apache-2.0 */
/* hub_digest.h - the hashes by which a hub names contents. */
#ifndef HUB_HUB_DIGEST_H
#define HUB_HUB_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "hub/hub_listing.h"

enum hub_hash {
    HUB_SHA256,   /* of the bytes: files that are large */
    HUB_GIT_BLOB, /* SHA-1 of "blob SIZE", a NUL and the bytes: the others */
};

/* All zero is none. */
struct hub_digest {
    void *state;
};

/* Begins, anew when it has begun before.  n_bytes: what the content will have.
 * Owned: hub_digest_free().  Errors: ERR_LIMIT. */
bool hub_digest_begin(struct hub_digest *digest, enum hub_hash hash, uint64_t n_bytes,
                      struct err *err) CHECKED;
void hub_digest_free(struct hub_digest *digest);

/* Adds n bytes.  Errors: ERR_LIMIT. */
bool hub_digest_add(struct hub_digest *digest, const void *bytes, size_t n,
                    struct err *err) CHECKED;

/* Writes the digits to text: [HUB_HASH_TEXT].  Errors: ERR_LIMIT. */
bool hub_digest_end(struct hub_digest *digest, char *text, struct err *err) CHECKED;

#endif
