/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - regular files: mapped whole, or read whole up to a limit.
 *
 * Every error names the path and says what to do. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct file_map {
    const uint8_t *data; /* [size], read-only, shared with other processes */
    size_t size;
    size_t slot; /* of base/map_guard.h; nothing without data */
};

/* Opens a regular file for reading and stores its size.
 * Owned: the descriptor, close(); -1 on failure.  Errors: as file_map(). */
int file_open(const char *path, size_t *size, struct err *err) CHECKED;

/* Maps a regular file for reading.  An empty file maps to data NULL, size 0.
 * Owned: file_unmap().
 * Errors: ERR_NOT_FOUND, ERR_ARG for a directory or device, ERR_LIMIT, ERR_IO. */
bool file_map(struct file_map *map, const char *path, struct err *err) CHECKED;
void file_unmap(struct file_map *map);

/* Says whether all that was read from the mapping of path so far was the file's: what follows
 * from it must not leave before.  Stays false until the file is mapped again.  Only a process
 * that called map_guard_install() lives to ask after a failure.
 * Errors: ERR_IO naming path and offset, in place of whatever err holds: that was found in the
 * zeros and is not the cause. */
bool file_map_check(const struct file_map *map, const char *path, struct err *err) CHECKED;

/* Appends a whole regular file to buf, whose maximum is the limit.
 * Errors: as file_map(), and ERR_LIMIT when the file is larger. */
bool file_read(struct buf *buf, const char *path, struct err *err) CHECKED;

/* Writes n bytes to fd, which is open for writing path.  Bytes of a mapping that cannot be read
 * are written as zeros: file_map_check() says so.  Errors: as file_fail(). */
bool file_write(int fd, const char *path, const void *bytes, size_t n, struct err *err) CHECKED;

/* Records what errno says about path, which the caller failed to "read" or whatever attempt
 * names.  Returns false.
 * Errors: ERR_NOT_FOUND, ERR_ARG, ERR_LIMIT or ERR_IO, always. */
bool file_fail(const char *path, const char *attempt, struct err *err);

/* Say what lies at path, following links; false also when nothing does, and errno
 * then says why. */
bool file_is_dir(const char *path);
bool file_exists(const char *path);

/* Appends "dir/name" to buf with a NUL behind it, as every buf has.
 * Errors: ERR_LIMIT. */
bool file_join(struct buf *buf, const char *dir, const char *name, struct err *err) CHECKED;

#endif
