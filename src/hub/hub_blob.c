/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_blob.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "hub/hub_cache.h"

enum { CHUNK_BYTES = 1 << 16, STEP_BYTES = 64 << 20 };

static bool begin_digest(struct hub_blob *blob, struct err *err)
{
    return hub_digest_begin(&blob->digest,
                            strlen(blob->file->hash) == 64 ? HUB_SHA256 : HUB_GIT_BLOB,
                            blob->file->n_bytes, err);
}

static bool make_paths(struct hub_blob *blob, const char *store, const struct hub_name *name,
                       struct err *err)
{
    buf_init(&blob->path, PATH_MAX);
    buf_init(&blob->part, PATH_MAX);
    return hub_join(&blob->path,
                    (const char *[]){store, name->folder, "blobs", blob->file->hash, NULL}, err) &&
           buf_add(&blob->part, blob->path.data, blob->path.len, err) &&
           buf_add(&blob->part, ".incomplete", 11, err);
}

/* Says whether the content lies in its place. */
static bool is_there(const struct hub_blob *blob)
{
    struct stat st;
    return stat(blob->path.data, &st) == 0 && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_size == blob->file->n_bytes;
}

bool hub_blob_have(const char *store, const struct hub_name *name, const struct hub_file *file,
                   uint64_t *n_bytes, bool *complete, struct err *err)
{
    struct hub_blob blob = {.file = file, .fd = -1, .lock = -1};
    struct stat st;
    *n_bytes = 0;
    *complete = false;
    bool ok = make_paths(&blob, store, name, err);
    if (ok && is_there(&blob)) {
        *complete = true;
        *n_bytes = file->n_bytes;
    } else if (ok && stat(blob.part.data, &st) == 0 && (uint64_t)st.st_size <= file->n_bytes) {
        *n_bytes = (uint64_t)st.st_size;
    }
    hub_blob_close(&blob);
    return ok;
}

bool hub_blob_read(struct hub_blob *blob, bool *ended, struct err *err)
{
    char chunk[CHUNK_BYTES];
    *ended = false;
    for (size_t n_read = 0; n_read < STEP_BYTES;) {
        ssize_t n = read(blob->fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_fail(blob->part.data, "read it", err);
        *ended = n == 0;
        if (*ended)
            break;
        n_read += (size_t)n;
        blob->n_bytes += (uint64_t)n;
        if (blob->n_bytes > blob->file->n_bytes && !blob->in_place) {
            *ended = true;
            return hub_blob_restart(blob, err);
        }
        if (!hub_digest_add(&blob->digest, chunk, (size_t)n, err))
            return false;
    }
    return true;
}

bool hub_blob_open(struct hub_blob *blob, const char *store, const struct hub_name *name,
                   const struct hub_file *file, struct err *err)
{
    *blob = (struct hub_blob){.file = file, .fd = -1, .lock = -1};
    if (!make_paths(blob, store, name, err) || !hub_make_parents(blob->path.data, err))
        return false;
    blob->lock = hub_lock(store, name, file->hash, err);
    if (blob->lock < 0)
        return false;
    blob->in_place = is_there(blob);
    const char *path = blob->in_place ? blob->path.data : blob->part.data;
    blob->fd = blob->in_place ? open(path, O_RDONLY | O_CLOEXEC)
                              : open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (blob->fd < 0)
        return file_fail(path, blob->in_place ? "read it" : "write it", err);
    return begin_digest(blob, err);
}

void hub_blob_close(struct hub_blob *blob)
{
    if (blob->fd >= 0) {
        if (!blob->in_place && !blob->n_bytes && blob->file->n_bytes)
            unlink(blob->part.data); /* nothing to go on with */
        close(blob->fd);
    }
    if (blob->lock >= 0)
        close(blob->lock);
    hub_digest_free(&blob->digest);
    buf_free(&blob->path);
    buf_free(&blob->part);
    blob->fd = blob->lock = -1;
}

bool hub_blob_write(struct hub_blob *blob, const void *bytes, size_t n, struct err *err)
{
    const char *at = bytes;
    for (size_t left = n; left;) {
        ssize_t n_written = write(blob->fd, at, left);
        if (n_written < 0 && errno == EINTR)
            continue;
        if (n_written < 0)
            return file_fail(blob->part.data, "write it", err);
        at += n_written;
        left -= (size_t)n_written;
    }
    blob->n_bytes += n;
    return hub_digest_add(&blob->digest, bytes, n, err);
}

bool hub_blob_restart(struct hub_blob *blob, struct err *err)
{
    blob->n_bytes = 0;
    if (ftruncate(blob->fd, 0) != 0 || lseek(blob->fd, 0, SEEK_SET) != 0)
        return file_fail(blob->part.data, "write it", err);
    return begin_digest(blob, err);
}

bool hub_blob_finish(struct hub_blob *blob, struct err *err)
{
    char hash[HUB_HASH_TEXT];
    if (!hub_digest_end(&blob->digest, hash, err))
        return false;
    if (blob->n_bytes != blob->file->n_bytes || strcmp(hash, blob->file->hash) != 0) {
        unlink(blob->in_place ? blob->path.data : blob->part.data);
        return err_set(err, ERR_FORMAT,
                       "%s: %" PRIu64 " bytes with hash %s, expected %" PRIu64
                       " with %s; pull it again, or from another mirror",
                       blob->file->path, blob->n_bytes, hash, blob->file->n_bytes,
                       blob->file->hash);
    }
    if (blob->in_place)
        return true;
    if (fsync(blob->fd) != 0)
        return file_fail(blob->part.data, "write it", err);
    return rename(blob->part.data, blob->path.data) == 0 ||
           file_fail(blob->path.data, "put it there", err);
}
