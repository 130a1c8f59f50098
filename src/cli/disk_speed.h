/* SPDX-License-Identifier: Apache-2.0 */
/* disk_speed.h - how fast the disk gives a file, past the page cache. */
#ifndef CLI_DISK_SPEED_H
#define CLI_DISK_SPEED_H

#include <stdint.h>

#include "base/err.h"

struct disk_speed;

/* Opens the file at path for measuring.
 * Owned: disk_speed_close().  Errors: as file_map(), ERR_LIMIT. */
struct disk_speed *disk_speed_open(const char *path, struct err *err) CHECKED;
void disk_speed_close(struct disk_speed *disk);

/* Stores the bytes per second at which the next part of the file comes, as much as a disk gives
 * in some tenths of a second, asked for as experts are; after the end of the file the first part
 * follows.  Errors: ERR_IO. */
bool disk_speed_measure(struct disk_speed *disk, double *bytes_per_s, struct err *err) CHECKED;

#endif
