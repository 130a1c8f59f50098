/* SPDX-License-Identifier: Apache-2.0 */
#include "base/direct_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static atomic_bool failing;
static atomic_int n_left, failure;

void direct_file_fail_after(int n, int fault)
{
    atomic_store(&n_left, n);
    atomic_store(&failure, fault);
    atomic_store(&failing, true);
}

void direct_file_fail_never(void)
{
    atomic_store(&failing, false);
}

/* pread() with what tests want of it. */
static ssize_t read_some(int fd, void *to, size_t size, uint64_t offset)
{
    if (atomic_load(&failing) && atomic_fetch_sub(&n_left, 1) <= 0) {
        errno = atomic_load(&failure);
        return errno ? -1 : 0;
    }
    return pread(fd, to, size, (off_t)offset);
}

/* Switches to direct reads if one succeeds: some file systems accept the flag only. */
static bool make_direct(int fd)
{
    _Alignas(DIRECT_BLOCK) char block[DIRECT_BLOCK];
    if (fcntl(fd, F_SETFL, O_DIRECT) == 0 && pread(fd, block, sizeof block, 0) >= 0)
        return true;
    if (fcntl(fd, F_SETFL, 0) != 0)
        assert(!"the flags of an open file can be cleared");
    return false;
}

bool direct_file_open(struct direct_file *file, const char *path, struct err *err)
{
    size_t size;
    *file = (struct direct_file){0};
    char *copy = mem_string(path, strlen(path), err);
    if (!copy)
        return false;
    int fd = file_open(path, &size, err);
    if (fd < 0) {
        free(copy);
        return false;
    }
    *file = (struct direct_file){.path = copy, .size = size, .fd = fd};
    file->is_direct = make_direct(fd);
    return true;
}

void direct_file_close(struct direct_file *file)
{
    if (file->path)
        close(file->fd);
    free(file->path);
    *file = (struct direct_file){0};
}

static bool fail(const struct direct_file *file, uint64_t offset, size_t size, struct err *err)
{
    return err_set(err, ERR_IO, "%s: cannot read %zu bytes at %llu: %s; check the disk", file->path,
                   size, (unsigned long long)offset, strerror(errno));
}

bool direct_file_read(const struct direct_file *file, uint64_t offset, size_t size, void *to,
                      struct err *err)
{
    uint64_t n_done = 0, end = offset + size;
    assert(offset % DIRECT_BLOCK == 0 && (uintptr_t)to % DIRECT_BLOCK == 0);
    size_t n_asked = (size + DIRECT_BLOCK - 1) / DIRECT_BLOCK * DIRECT_BLOCK;
    while (n_done < size) {
        ssize_t n = read_some(file->fd, (char *)to + n_done, n_asked - n_done, offset + n_done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(file, offset, size, err);
        if (n_done + (size_t)n < size)
            n -= n % DIRECT_BLOCK; /* the next read begins at a block, too */
        if (n == 0)
            return err_set(err, ERR_IO,
                           "%s: ends before byte %llu, it had %llu when it was opened; restore "
                           "the file",
                           file->path, (unsigned long long)end, (unsigned long long)file->size);
        n_done += (size_t)n;
    }
    /* Advice only: where it is not taken, memory holds more than it should. */
    if (!file->is_direct)
        (void)posix_fadvise(file->fd, (off_t)offset, (off_t)n_asked, POSIX_FADV_DONTNEED);
    return true;
}
