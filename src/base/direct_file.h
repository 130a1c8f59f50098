/* SPDX-License-Identifier: Apache-2.0 */
/* direct_file.h - a file whose ranges are read past the page cache.
 *
 * For files larger than memory, of which the caller keeps what it wants to keep itself: the
 * kernel's copy would only push that out.  Where a file system has no such reads, ordinary ones
 * are used, and the kernel is told to forget what it cached.
 * Thread: reading from any number at a time. */
#ifndef BASE_DIRECT_FILE_H
#define BASE_DIRECT_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DIRECT_BLOCK 4096u /* offsets and addresses of reads are multiples of it */

struct direct_file {
    char *path;
    uint64_t size;
    int fd;
    bool is_direct; /* else through the page cache */
};

/* Opens a regular file.  After a failure file can be closed.
 * Owned: direct_file_close().  Errors: as file_map(). */
bool direct_file_open(struct direct_file *file, const char *path, struct err *err) CHECKED;

/* All zero is a closed file. */
void direct_file_close(struct direct_file *file);

/* Reads the bytes from offset to offset + size into to, [size rounded up to DIRECT_BLOCK], whose
 * rest has any content afterwards; offset and to are multiples of DIRECT_BLOCK.
 * Errors: ERR_IO naming path, offset and size, when the disk fails or the file ends before. */
bool direct_file_read(const struct direct_file *file, uint64_t offset, size_t size, void *to,
                      struct err *err) CHECKED;

/* For tests.  Lets n reads of any file and thread succeed and makes every later one fail with
 * the error number fault, or find the end of the file where fault is 0, until
 * direct_file_fail_never().  A read of direct_file_read() may be several here. */
void direct_file_fail_after(int n, int fault);
void direct_file_fail_never(void);

#endif
