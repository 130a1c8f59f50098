/* SPDX-License-Identifier: Apache-2.0 */
/* outfile.h - a file that appears complete or not at all. */
#ifndef CLI_OUTFILE_H
#define CLI_OUTFILE_H

#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"

struct outfile {
    const char *path; /* borrowed */
    struct buf tmp;   /* the file that is written, beside path; empty when written in place */
    FILE *stream;
};

/* Holds the signals that would leave something behind, until interrupt_release(); of stdout there
 * is nothing to remove, and a write that waits for its reader must end. */
void outfile_hold(const char *path);

/* Begins to write path.  "-" is stdout, and what is no regular file (a pipe, a device) is
 * written in place.
 * Owned: outfile_close().  Errors: ERR_ARG for a terminal, ERR_IO, ERR_LIMIT. */
bool outfile_open(struct outfile *out, const char *path, struct err *err) CHECKED;

/* Says whether n_bytes will find room.  Errors: ERR_IO with both amounts. */
bool outfile_reserve(const struct outfile *out, uint64_t n_bytes, struct err *err) CHECKED;

/* Appends n bytes.  Errors: ERR_IO. */
bool outfile_write(struct outfile *out, const void *bytes, size_t n, struct err *err) CHECKED;

/* Puts the written file in its place.  Errors: ERR_IO; then path is as it was. */
bool outfile_commit(struct outfile *out, struct err *err) CHECKED;

/* Closes; without outfile_commit() nothing stays behind. */
void outfile_close(struct outfile *out);

#endif
