/* SPDX-License-Identifier: Apache-2.0 */
/* hub_listing.h - the files of a model, as a hub lists them or as a folder holds them. */
#ifndef HUB_HUB_LISTING_H
#define HUB_HUB_LISTING_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum { HUB_HASH_TEXT = 65 }; /* hexadecimal digits of SHA-256 and a NUL */

struct hub_file {
    const char *path;         /* in the repository, safe as hub_path_is_safe() says */
    uint64_t n_bytes;         /* of the content; at most LIMIT_HUB_FILE_BYTES */
    char hash[HUB_HASH_TEXT]; /* 64 digits: SHA-256 of the content; 40: SHA-1 of a git blob;
                                 none: unknown, as n_bytes is */
    bool chosen;              /* by hub_choose() */
};

/* All zero is empty. */
struct hub_listing {
    struct arena arena;
    char commit[41];        /* 40 digits; "" of a folder */
    struct hub_file *files; /* [n], in the order of their paths */
    size_t n;
};

/* Copies n digits, 40 or 64.  Returns false when the text is another. */
bool hub_read_hash(const char *text, size_t n, char *hash);

/* Reads the answer to api/models/ORG/NAME/revision/REVISION?blobs=true.  bytes: [n]; name stands
 * before messages.  Size and hash of a file that lacks either are unknown.
 * Owned: hub_listing_free(), also after a failure.
 * Errors: ERR_FORMAT, also for a path that leads elsewhere; ERR_LIMIT. */
bool hub_listing_parse(struct hub_listing *listing, const char *name, const void *bytes, size_t n,
                       struct err *err) CHECKED;

/* Lists the files of a folder and of those in it, links followed; without hashes.  A link that
 * leads nowhere is left out.
 * Owned: hub_listing_free(), also after a failure.  Errors: as file_fail(), ERR_LIMIT. */
bool hub_listing_of_folder(struct hub_listing *listing, const char *folder,
                           struct err *err) CHECKED;
void hub_listing_free(struct hub_listing *listing);

/* Finds a file by its path.  Borrowed: from the listing; NULL when there is none. */
struct hub_file *hub_listing_find(const struct hub_listing *listing, const char *path);

#endif
