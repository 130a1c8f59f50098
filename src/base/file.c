/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map_guard.h"

bool file_fail(const char *path, const char *attempt, struct err *err)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        return err_set(err, ERR_NOT_FOUND, "%s: no such file or folder; check the path", path);
    case ELOOP:
        return err_set(err, ERR_IO, "%s: too many links; check where they lead", path);
    case ENAMETOOLONG:
        return err_set(err, ERR_ARG, "%s: the path is too long; give a shorter one", path);
    case EACCES:
        return err_set(err, ERR_IO, "%s: no permission to %s; see chmod", path, attempt);
    case ENOMEM:
        return err_set(err, ERR_LIMIT, "%s: not enough memory to %s; see ulimit -v", path, attempt);
    default:
        return err_set(err, ERR_IO, "%s: cannot %s: %s; check the disk", path, attempt,
                       strerror(errno));
    }
}

int file_open(const char *path, size_t *size, struct err *err)
{
    struct stat st;
    /* Without O_NONBLOCK opening a named pipe would wait for a writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        file_fail(path, "read it", err);
    } else if (!S_ISREG(st.st_mode)) {
        err_set(err, ERR_ARG, "%s: is %s; give a file", path,
                S_ISDIR(st.st_mode) ? "a directory" : "not a regular file");
    } else {
        *size = (size_t)st.st_size;
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

bool file_map(struct file_map *map, const char *path, struct err *err)
{
    size_t size;
    *map = (struct file_map){0};
    int fd = file_open(path, &size, err);
    if (fd < 0)
        return false;
    void *data = NULL;
    if (size)
        data = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    int saved = errno;
    /* The size is read again because a file that shrank in between would fault later. */
    struct stat st;
    bool shrank = fstat(fd, &st) != 0 || (size_t)st.st_size < size;
    close(fd);
    if (data == MAP_FAILED) {
        errno = saved;
        return file_fail(path, "map it", err);
    }
    size_t slot = 0;
    if (shrank)
        err_set(err, ERR_IO, "%s: changed while it was opened; try again", path);
    else if (data && !map_guard_add(data, size, &slot, err))
        err_add(err, "%s", path);
    else {
        *map = (struct file_map){.data = data, .size = size, .slot = slot};
        return true;
    }
    if (data)
        munmap(data, size);
    return false;
}

void file_unmap(struct file_map *map)
{
    if (map->data) {
        map_guard_remove(map->slot);
        munmap((void *)(uintptr_t)map->data, map->size);
    }
    *map = (struct file_map){0};
}

bool file_map_check(const struct file_map *map, const char *path, struct err *err)
{
    size_t offset;
    return !map->data || !map_guard_failed(map->slot, &offset) ||
           err_set(err, ERR_IO,
                   "%s: reading at byte %zu failed: the file changed or its disk failed; restore "
                   "the file and open it again",
                   path, offset);
}

bool file_read(struct buf *buf, const char *path, struct err *err)
{
    size_t size;
    int fd = file_open(path, &size, err);
    if (fd < 0)
        return false;
    bool ok = true;
    if (size > buf->max - buf->len)
        ok = err_set(err, ERR_LIMIT, "%s: %zu bytes, the limit is %zu", path, size, buf->max);
    char chunk[16384];
    while (ok) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            ok = file_fail(path, "read it", err);
        else if (n == 0)
            break;
        else if (!buf_add(buf, chunk, (size_t)n, err))
            ok = err_add(err, "%s", path);
    }
    close(fd);
    return ok || err_remedy(err, ERR_LIMIT, "give a smaller file");
}

/* Reads every page of bytes: where write() says that it cannot, this raises the signal that
 * base/map_guard.h answers. */
static void touch(const char *bytes, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const volatile char *at = bytes;
    for (size_t i = 0; i < n; i += page)
        (void)at[i];
    (void)at[n - 1];
}

bool file_write(int fd, const char *path, const void *bytes, size_t n, struct err *err)
{
    const char *at = bytes;
    while (n > 0) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && errno == EFAULT) {
            touch(at, n);
            continue;
        }
        if (done < 0)
            return file_fail(path, "write it", err);
        at += done;
        n -= (size_t)done;
    }
    return true;
}

bool file_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool file_join(struct buf *buf, const char *dir, const char *name, struct err *err)
{
    size_t n = strlen(dir);
    return buf_add(buf, dir, n, err) && (!n || dir[n - 1] == '/' || buf_add(buf, "/", 1, err)) &&
           buf_add(buf, name, strlen(name), err);
}
