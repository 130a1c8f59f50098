/* SPDX-License-Identifier: Apache-2.0 */
/* id_stream.h - token ids from standard input, each as soon as it has come.
 *
 * The input is a JSON array of them.  An id has come when the comma, bracket or white space
 * behind it has. */
#ifndef CLI_ID_STREAM_H
#define CLI_ID_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct id_stream {
    int32_t n_vocab;
    size_t n;     /* ids that have come */
    bool is_over; /* the bracket that closes the array has come */
};

/* Waits for the next id and stores it in *id, or -1 behind the last.
 * Errors: ERR_FORMAT when the input is no such array or an id is not below n_vocab, ERR_IO. */
bool id_stream_next(struct id_stream *stream, int32_t *id, struct err *err) CHECKED;

#endif
