/* SPDX-License-Identifier: Apache-2.0 */
/* load_body.h - the requests of "bise bench serve" as JSON: of words, or of a file's lines. */
#ifndef CLI_LOAD_BODY_H
#define CLI_LOAD_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/load_prompt.h"
#include "cli/request_file.h"

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

/* Opens a file of requests for that endpoint.  Owned: request_file_close(), also after a failure.
 * Errors: as request_file_open(), ERR_FORMAT for requests of another endpoint. */
bool load_file_open(struct request_file *file, const char *path, enum load_endpoint endpoint,
                    struct err *err) CHECKED;

/* Append request number index, with a text of words, or of the file, whose lines begin again
 * behind the last.  Errors: ERR_LIMIT, those of request_file_parse(). */
bool load_body_words(const struct load_body *body, const struct load_words *words, uint64_t index,
                     struct buf *out, struct err *err) CHECKED;
bool load_body_line(const struct load_body *body, const struct request_file *file, uint64_t index,
                    struct buf *out, struct err *err) CHECKED;

#endif
