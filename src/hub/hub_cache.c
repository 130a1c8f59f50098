/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

bool hub_join(struct buf *path, const char *const *parts, struct err *err)
{
    buf_clear(path);
    bool ok = buf_add(path, parts[0], strlen(parts[0]), err);
    for (size_t i = 1; ok && parts[i]; i++)
        ok = buf_add(path, "/", 1, err) && buf_add(path, parts[i], strlen(parts[i]), err);
    return ok;
}

bool hub_make_parents(const char *path, struct err *err)
{
    char folder[PATH_MAX];
    if (strlen(path) >= sizeof folder) {
        errno = ENAMETOOLONG;
        return file_fail(path, "make its folders", err);
    }
    memcpy(folder, path, strlen(path) + 1);
    for (char *slash = folder; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        if (mkdir(folder, 0777) != 0 && errno != EEXIST)
            return file_fail(folder, "make the folder", err);
        *slash = '/';
    }
    return true;
}

bool hub_read_ref(const char *store, const struct hub_name *name, char *commit, struct err *err)
{
    struct buf path, text;
    bool ok = true;
    buf_init(&path, PATH_MAX);
    buf_init(&text, 256);
    if (hub_is_commit(name->revision)) {
        ok = hub_join(
            &path, (const char *[]){store, name->folder, "snapshots", name->revision, NULL}, err);
        ok = ok && (file_is_dir(path.data) || file_fail(path.data, "look there", err));
        memcpy(commit, name->revision, 41);
    } else {
        ok = hub_join(&path, (const char *[]){store, name->folder, "refs", name->revision, NULL},
                      err) &&
             file_read(&text, path.data, err);
        while (ok && text.len && strchr("\r\n ", text.data[text.len - 1]))
            text.data[--text.len] = '\0';
        if (ok && (!text.len || !hub_is_commit(text.data)))
            ok = err_set(err, ERR_FORMAT, "%s: expected a commit; pull the model again", path.data);
        if (ok)
            memcpy(commit, text.data, 41);
    }
    buf_free(&path);
    buf_free(&text);
    return ok;
}

bool hub_write_whole(const char *path, const char *text, struct err *err)
{
    char part[PATH_MAX];
    if (!hub_make_parents(path, err))
        return false;
    if ((size_t)snprintf(part, sizeof part, "%s.%ld.part", path, (long)getpid()) >= sizeof part) {
        errno = ENAMETOOLONG;
        return file_fail(path, "write it", err);
    }
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return file_fail(part, "write it", err);
    bool ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    ok = close(fd) == 0 && ok && rename(part, path) == 0;
    if (ok)
        return true;
    file_fail(path, "write it", err);
    unlink(part);
    return false;
}

bool hub_write_ref(const char *store, const struct hub_name *name, const char *commit,
                   struct err *err)
{
    struct buf path;
    if (hub_is_commit(name->revision))
        return true;
    buf_init(&path, PATH_MAX);
    bool ok =
        hub_join(&path, (const char *[]){store, name->folder, "refs", name->revision, NULL}, err) &&
        hub_write_whole(path.data, commit, err);
    buf_free(&path);
    return ok;
}

/* Makes the link, by way of another name where there is one already. */
static bool put_link(const char *target, const char *path, struct err *err)
{
    char there[PATH_MAX], part[PATH_MAX];
    ssize_t n = readlink(path, there, sizeof there - 1);
    there[n > 0 ? n : 0] = '\0';
    if (strcmp(there, target) == 0 || symlink(target, path) == 0)
        return true;
    bool ok =
        errno == EEXIST &&
        (size_t)snprintf(part, sizeof part, "%s.%ld.part", path, (long)getpid()) < sizeof part &&
        symlink(target, part) == 0 && rename(part, path) == 0;
    return ok || file_fail(path, "make the link", err);
}

bool hub_link(const char *store, const struct hub_name *name, const char *commit, const char *file,
              const char *hash, struct err *err)
{
    struct buf path, target;
    buf_init(&path, PATH_MAX);
    buf_init(&target, PATH_MAX);
    bool ok = hub_join(&path,
                       (const char *[]){store, name->folder, "snapshots", commit, file, NULL}, err);
    for (const char *slash = file; ok && (slash = strchr(slash, '/')); slash++)
        ok = buf_add(&target, "../", 3, err);
    ok = ok && buf_add(&target, "../../blobs/", 12, err) &&
         buf_add(&target, hash, strlen(hash), err) && hub_make_parents(path.data, err) &&
         put_link(target.data, path.data, err);
    buf_free(&path);
    buf_free(&target);
    return ok;
}

int hub_lock(const char *store, const struct hub_name *name, const char *hash, struct err *err)
{
    struct buf path;
    int fd = -1;
    buf_init(&path, PATH_MAX);
    if (hub_join(&path, (const char *[]){store, ".locks", name->folder, hash, NULL}, err) &&
        buf_add(&path, ".lock", 5, err) && hub_make_parents(path.data, err)) {
        fd = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd < 0)
            file_fail(path.data, "lock it", err);
    }
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            err_set(err, ERR_BUSY, "%s: another program is downloading this file", path.data);
        else
            file_fail(path.data, "lock it", err);
        close(fd);
        fd = -1;
    }
    buf_free(&path);
    return fd;
}
