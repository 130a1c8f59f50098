/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is listed lies below its folder, once, in order, and can be found. */
#include <string.h>

#include "base/limits.h"
#include "hub/hub_listing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hub_listing listing = {0};
    struct err err = {0};
    bool ok = hub_listing_parse(&listing, "hub", data, size, &err);
    if (!ok && err.code == ERR_NONE)
        __builtin_trap();
    for (size_t i = 0; ok && i < listing.n; i++) {
        const struct hub_file *file = &listing.files[i];
        size_t n_hash = strlen(file->hash);
        if (file->path[0] == '/' || strncmp(file->path, "../", 3) == 0 ||
            strstr(file->path, "/../") || strstr(file->path, "//") ||
            strcmp(file->path, "..") == 0 || strpbrk(file->path, "\\\n\r\x1b"))
            __builtin_trap();
        bool unknown = n_hash == 0 && file->n_bytes == 0;
        if ((n_hash != 40 && n_hash != 64 && !unknown) ||
            strspn(file->hash, "0123456789abcdef") != n_hash ||
            file->n_bytes > LIMIT_HUB_FILE_BYTES || strlen(listing.commit) != 40)
            __builtin_trap();
        if (hub_listing_find(&listing, file->path) != file)
            __builtin_trap();
    }
    hub_listing_free(&listing);
    return 0;
}
