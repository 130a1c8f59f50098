/* SPDX-License-Identifier: Apache-2.0 */
/* generate_output.h - the answers of "bise generate", a line each, that outlive it.
 *
 * A line is written as soon as its answer is there, whole or not at all, and is never touched
 * again.  What a kill has cut off the file's end is removed when it is opened again.  Requests
 * that failed go to a second file, FILE.errors, which is written anew each time: they are asked
 * again. */
#ifndef CLI_GENERATE_OUTPUT_H
#define CLI_GENERATE_OUTPUT_H

#include <sys/types.h>

#include "base/buf.h"
#include "cli/generate_input.h"

struct generate_output {
    const char *path;  /* borrowed */
    struct buf errors; /* the path of the other file */
    int fd, errors_fd; /* -1: not open */
    off_t n_bytes;     /* of whole lines */
    off_t n_error_bytes;
    struct buf line;
};

/* Opens path, and marks in as done what has an answer there; *n_cut is how many bytes of a line
 * without an end were removed.  Nobody else may write it meanwhile.
 * Owned: generate_output_close(), also after a failure.
 * Errors: ERR_ARG for what is no regular file or is the input, ERR_BUSY when another process writes
 * it, ERR_FORMAT naming a line that is no answer, ERR_IO, ERR_LIMIT. */
bool generate_output_open(struct generate_output *out, const char *path, struct generate_input *in,
                          size_t *n_cut, struct err *err) CHECKED;
void generate_output_close(struct generate_output *out);

/* Appends the answer to the request of that name: body is JSON; one of a status that is not 200
 * goes to the file of errors.  why: instead of a body, or NULL.
 * Errors: ERR_IO; the file then ends with its last whole line. */
bool generate_output_add(struct generate_output *out, struct span id, long status, struct span body,
                         const char *why, struct err *err) CHECKED;

#endif
