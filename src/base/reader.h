/* SPDX-License-Identifier: Apache-2.0 */
/* reader.h - a few threads that read ranges of files, so that a disk always has work.
 *
 * Reads are cut into pieces, which the threads take in the order of the calls: several threads
 * work on one read, and what was asked for first is there first.  The caller owns the requests,
 * so asking allocates nothing and there may be any number.
 * Thread: the one that opened the reader. */
#ifndef BASE_READER_H
#define BASE_READER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct direct_file;
struct reader;

/* Reads that are waited for together.  All zero, or waited for, before the first is started. */
struct read_group {
    size_t n_left;  /* bytes that are not there yet */
    struct err err; /* of the first piece that failed */
};

/* One range.  The reader's, and unchanged, until its group has been waited for. */
struct read_range {
    const struct direct_file *file;
    uint64_t offset; /* a multiple of DIRECT_BLOCK */
    size_t size;     /* > 0 */
    uint8_t *to;     /* as for direct_file_read() */
    struct read_group *group;
    size_t n_taken;          /* for the reader: bytes that a thread has taken */
    struct read_range *next; /* for the reader */
};

struct reader_stats {
    uint64_t n_bytes; /* read */
    double busy_s;    /* seconds in which something was being read */
};

/* Starts n_threads threads.
 * Owned: reader_close().  Errors: ERR_LIMIT. */
struct reader *reader_open(int n_threads, struct err *err) CHECKED;

/* Finishes what was started first. */
void reader_close(struct reader *reader);

/* Starts to read range, for range->group. */
void reader_start(struct reader *reader, struct read_range *range);

/* Waits until every read of a group has ended.
 * Errors: those of direct_file_read(), of one of the reads. */
bool reader_wait(struct reader *reader, struct read_group *group, struct err *err) CHECKED;

/* Says whether reader_wait() would return at once. */
bool reader_is_done(struct reader *reader, const struct read_group *group);

/* Returns what was done since the start. */
struct reader_stats reader_stats(struct reader *reader);

#endif
