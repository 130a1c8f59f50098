/* SPDX-License-Identifier: Apache-2.0 */
/* hub_blob.h - one content of the store while it is received. */
#ifndef HUB_HUB_BLOB_H
#define HUB_HUB_BLOB_H

#include "base/buf.h"
#include "base/err.h"
#include "hub/hub_digest.h"
#include "hub/hub_listing.h"
#include "hub/hub_name.h"

struct hub_blob {
    const struct hub_file *file; /* borrowed */
    struct buf path, part;       /* where it will lie, and what is there of it */
    struct hub_digest digest;    /* of what is there */
    uint64_t n_bytes;            /* there, of which it is */
    int fd, lock;                /* -1: not open */
    bool in_place;               /* of the right size, by an earlier run or another program */
};

/* Stores how many bytes of a file the store has.  Errors: ERR_LIMIT. */
bool hub_blob_have(const char *store, const struct hub_name *name, const struct hub_file *file,
                   uint64_t *n_bytes, bool *complete, struct err *err) CHECKED;

/* Locks a content and opens what is there of it; nothing of that counts before it is read.
 * Owned: hub_blob_close(), also after a failure.
 * Errors: ERR_BUSY when another program holds it, as file_fail(). */
bool hub_blob_open(struct hub_blob *blob, const char *store, const struct hub_name *name,
                   const struct hub_file *file, struct err *err) CHECKED;
void hub_blob_close(struct hub_blob *blob);

/* Reads some more of what was there, for a fraction of a second; *ended says that no more is, and
 * hub_blob_write() may go on.  Errors: as file_fail(). */
bool hub_blob_read(struct hub_blob *blob, bool *ended, struct err *err) CHECKED;

/* Appends n bytes.  Errors: as file_fail(). */
bool hub_blob_write(struct hub_blob *blob, const void *bytes, size_t n, struct err *err) CHECKED;

/* Forgets every byte.  Errors: as file_fail(). */
bool hub_blob_restart(struct hub_blob *blob, struct err *err) CHECKED;

/* Checks size and hash, and puts the content in its place.
 * Errors: ERR_FORMAT when they are wrong, and what was there is gone; as file_fail(). */
bool hub_blob_finish(struct hub_blob *blob, struct err *err) CHECKED;

#endif
