/* SPDX-License-Identifier: Apache-2.0 */
/* load_body.h - the requests of "bise bench serve" as JSON: of words, or of a file's lines. */
#ifndef CLI_LOAD_BODY_H
#define CLI_LOAD_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "cli/load_prompt.h"

enum load_endpoint { LOAD_CHAT, LOAD_COMPLETIONS };

/* Which fields a server takes that not all servers know. */
struct load_accepts {
    bool ignore_eos, seed, stream_options;
};

struct load_body {
    enum load_endpoint endpoint;
    const char *model; /* NULL: as the file's lines say */
    bool stream;
    bool count_often;    /* ask for usage in every event */
    uint32_t n_generate; /* 0: as the file's lines say */
    double temperature;  /* below 0: not said */
    uint64_t seed;       /* of the requests' seeds */
    struct load_accepts accepts;
};

/* Lines of a file, each a request or one in the "body" of a batch's line. */
struct load_file {
    const char *path;
    struct buf text;
    struct span *lines; /* [n_lines] */
    size_t n_lines, cap;
};

/* Reads a file and checks every line for being such a request.  Owned: load_file_close(), also
 * after a failure.  Errors: as file_read(), ERR_FORMAT with the number of the line, ERR_LIMIT. */
bool load_file_open(struct load_file *file, const char *path, enum load_endpoint endpoint,
                    struct err *err) CHECKED;
void load_file_close(struct load_file *file);

/* Append request number index, with a text of words, or of the file, whose lines begin again
 * behind the last.  Errors: ERR_LIMIT. */
bool load_body_words(const struct load_body *body, const struct load_words *words, uint64_t index,
                     struct buf *out, struct err *err) CHECKED;
bool load_body_line(const struct load_body *body, const struct load_file *file, uint64_t index,
                    struct buf *out, struct err *err) CHECKED;

#endif
