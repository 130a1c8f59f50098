/* SPDX-License-Identifier: Apache-2.0 */
/* read_ahead.h - mapped files brought into memory in the background, in their order.
 *
 * The first step of a model uses its weights about as they lie in the file.  Without this it would
 * compute, wait for the disk and compute by turns.  What is in memory already is mapped
 * at once: 10 ms for 1 GB.
 * Thread: the one that opened it. */
#ifndef BASE_READ_AHEAD_H
#define BASE_READ_AHEAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/file.h"

struct read_ahead;

/* Starts a thread that reads maps: [n], which stay mapped until it is closed, but no more of
 * them than read_ahead_most().
 * Owned: read_ahead_close().  Errors: ERR_LIMIT. */
struct read_ahead *read_ahead_open(const struct file_map *maps, size_t n, struct err *err) CHECKED;

/* Returns how many bytes are read at most: half of the machine's memory, or of what control groups
 * grant the process, whichever is less.  What came later would push out what came first.  root
 * stands before /proc and /sys, "" but in tests. */
uint64_t read_ahead_most(const char *root);

/* Ends it, wherever it is. */
void read_ahead_close(struct read_ahead *ahead);

#endif
