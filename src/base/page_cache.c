/* SPDX-License-Identifier: Apache-2.0 */
#include "base/page_cache.h"

#include <fcntl.h>
#include <math.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/* Pages that are asked about at a time. */
#define PAGES 4096

/* Since Linux 5.2 mincore() calls every page of other files present: who else reads a file is none
 * of our business. */
static bool is_told(const char *path)
{
    struct stat st;
    return (stat(path, &st) == 0 && st.st_uid == geteuid()) ||
           faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

/* Returns how many of n pages from p on are in memory. */
static size_t count_pages(const uint8_t *p, size_t n, size_t page)
{
    unsigned char there[PAGES];
    size_t n_there = 0;
    if (mincore((void *)(uintptr_t)p, n * page, there) != 0)
        return n;
    for (size_t i = 0; i < n; i++)
        n_there += there[i] & 1u;
    return n_there;
}

bool page_cache_drop(const char *path, double *share_left, struct err *err)
{
    size_t size, page = (size_t)sysconf(_SC_PAGESIZE), n_left = 0;
    struct file_map map;
    int fd = file_open(path, &size, err);
    if (fd < 0)
        return false;
    (void)fdatasync(fd); /* what is not written yet would stay */
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
    if (!file_map(&map, path, err))
        return false;
    size_t n_pages = (map.size + page - 1) / page;
    for (size_t i = 0; i < n_pages; i += PAGES)
        n_left += count_pages(map.data + i * page, n_pages - i < PAGES ? n_pages - i : PAGES, page);
    file_unmap(&map);
    *share_left = n_pages ? (double)n_left / (double)n_pages : 0;
    if (!is_told(path))
        *share_left = (double)NAN;
    return true;
}
