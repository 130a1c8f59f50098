/* SPDX-License-Identifier: Apache-2.0 */
/* hub_cache.h - the folders of the model store, which other tools of the hub share.
 *
 *     STORE/models--ORG--NAME/refs/main                the commit of a branch or tag
 *     STORE/models--ORG--NAME/snapshots/COMMIT/FILE    a relative link to ../../blobs/HASH
 *     STORE/models--ORG--NAME/blobs/HASH               a content, by its hash
 *     STORE/models--ORG--NAME/blobs/HASH.incomplete    what was received of it so far
 *     STORE/models--ORG--NAME/begun/REVISION[:FILE]    what a pull is to bring: hub_begun.h
 *     STORE/.locks/models--ORG--NAME/HASH.lock         held by who writes it */
#ifndef HUB_HUB_CACHE_H
#define HUB_HUB_CACHE_H

#include "base/buf.h"
#include "base/err.h"
#include "hub/hub_name.h"

/* Puts parts, of which NULL is the last, with slashes between them in path, which is emptied.
 * Errors: ERR_LIMIT. */
bool hub_join(struct buf *path, const char *const *parts, struct err *err) CHECKED;

/* Makes the folders in which path will lie.  Errors: as file_fail(). */
bool hub_make_parents(const char *path, struct err *err) CHECKED;

/* Writes a small file that appears complete, and the folders in which it lies.
 * Errors: as file_fail(). */
bool hub_write_whole(const char *path, const char *text, struct err *err) CHECKED;

/* Finds the commit of a name's revision.  commit: [41].
 * Errors: ERR_NOT_FOUND when the store has none, as file_read(). */
bool hub_read_ref(const char *store, const struct hub_name *name, char *commit,
                  struct err *err) CHECKED;

/* Notes that commit is what the revision means; a revision that is a commit needs no note.
 * Errors: as file_fail(). */
bool hub_write_ref(const char *store, const struct hub_name *name, const char *commit,
                   struct err *err) CHECKED;

/* Makes the link of a snapshot to a blob; another link in its place is replaced.
 * Errors: as file_fail(). */
bool hub_link(const char *store, const struct hub_name *name, const char *commit, const char *file,
              const char *hash, struct err *err) CHECKED;

/* Takes the lock of a blob.  Returns a descriptor to close, or -1.
 * Errors: ERR_BUSY when another program holds it, as file_fail(). */
int hub_lock(const char *store, const struct hub_name *name, const char *hash,
             struct err *err) CHECKED;

#endif
