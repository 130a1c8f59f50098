/* SPDX-License-Identifier: Apache-2.0 */
/* file_content.c - contents: written as ID.part, stored, renamed to ID. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "store/files_int.h"

bool content_path(const struct store *store, const char *id, struct buf *path, struct err *err)
{
    buf_init(path, PATH_MAX);
    return file_join(path, store->folder, id, err);
}

static bool part_path(const struct content *content, struct buf *path, struct err *err)
{
    return content_path(content->store, content->id, path, err) && buf_add(path, ".part", 5, err);
}

bool content_begin(struct content *content, const struct store *store, struct err *err)
{
    struct buf path;
    *content = (struct content){.store = store, .fd = -1};
    if (!store_make_folder(store->folder, err) || !uuid_new(content->id, err))
        return false;
    bool ok = part_path(content, &path, err) && sha256_begin(&content->sum, err);
    if (ok) {
        content->fd = open(path.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        ok = content->fd >= 0 || file_fail(path.data, "write it", err);
    }
    buf_free(&path);
    return ok;
}

/* Says what errno means for the folder.  Returns false. */
static bool fail(const struct content *content, struct err *err)
{
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
        return err_set(err, ERR_IO, "%s: no room left for a file; free some space",
                       content->store->folder);
    return file_fail(content->store->folder, "write a file there", err);
}

bool content_add(struct content *content, const void *bytes, size_t n, struct err *err)
{
    const char *at = bytes;
    if (!sha256_add(&content->sum, bytes, n, err))
        return false;
    content->n_bytes += (int64_t)n;
    while (n) {
        ssize_t done = write(content->fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail(content, err);
        at += done;
        n -= (size_t)done;
    }
    return true;
}

/* The name is stored only when the folder is. */
static bool store_folder_entry(const struct content *content, struct err *err)
{
    int fd = open(content->store->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    ok = ok || fail(content, err);
    if (fd >= 0)
        close(fd);
    return ok;
}

bool content_keep(struct content *content, struct err *err)
{
    struct buf part, path;
    if (!sha256_end(&content->sum, content->sha256, err))
        return false;
    bool ok = fsync(content->fd) == 0;
    ok = close(content->fd) == 0 && ok;
    content->fd = -1;
    if (!ok)
        fail(content, err);
    buf_init(&part, PATH_MAX);
    buf_init(&path, PATH_MAX);
    ok = ok && part_path(content, &part, err) &&
         content_path(content->store, content->id, &path, err);
    if (ok) {
        content->is_kept = rename(part.data, path.data) == 0;
        ok = content->is_kept ? store_folder_entry(content, err) : fail(content, err);
    }
    buf_free(&part);
    buf_free(&path);
    return ok;
}

void content_remove(const struct store *store, const char *id)
{
    struct buf path;
    struct err ignored = {0};
    if (content_path(store, id, &path, &ignored))
        unlink(path.data);
    buf_free(&path);
}

void content_close(struct content *content, bool keep)
{
    struct buf path;
    struct err ignored = {0};
    sha256_free(&content->sum);
    if (content->fd >= 0)
        close(content->fd);
    content->fd = -1;
    if (*content->id && content->is_kept && !keep)
        content_remove(content->store, content->id);
    if (*content->id && !content->is_kept) {
        if (part_path(content, &path, &ignored))
            unlink(path.data);
        buf_free(&path);
    }
    *content->id = '\0';
}
