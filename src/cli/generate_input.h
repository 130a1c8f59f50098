/* SPDX-License-Identifier: Apache-2.0 */
/* generate_input.h - the requests of "bise generate", each with a name of its own, and which of
 * them are answered. */
#ifndef CLI_GENERATE_INPUT_H
#define CLI_GENERATE_INPUT_H

#include "base/arena.h"
#include "base/buf.h"
#include "cli/request_file.h"

struct generate_input {
    struct request_file file;
    struct arena arena;
    struct span *ids; /* [file.n_lines] custom_id, or the number of the line */
    bool *done;       /* [file.n_lines] */
    /* Private. */
    uint32_t *places; /* [n_places] of a hash table: 1 + the line, 0: none */
    size_t n_places, cap;
};

/* Opens a file of requests.  Owned: generate_input_close(), also after a failure.
 * Errors: as request_file_open(); ERR_FORMAT for a line that is no request, and for two with one
 * custom_id. */
bool generate_input_open(struct generate_input *in, const char *path, struct err *err) CHECKED;
void generate_input_close(struct generate_input *in);

/* Returns the line of that name, or SIZE_MAX. */
size_t generate_input_find(const struct generate_input *in, struct span id);

/* Appends the request of line index as it goes to the model's interface: for that model, in one
 * piece.  Stores its path there, which is path's where the line names none.
 * Errors: as request_file_parse(), ERR_LIMIT; ERR_ARG for a path that is none. */
bool generate_input_write(const struct generate_input *in, size_t index, const char *model,
                          struct buf *body, struct buf *path, struct err *err) CHECKED;

#endif
