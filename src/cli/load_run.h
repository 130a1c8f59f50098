/* SPDX-License-Identifier: Apache-2.0 */
/* load_run.h - loads on a server, one after the other: so many requests at a time, or so many a
 * second. */
#ifndef CLI_LOAD_RUN_H
#define CLI_LOAD_RUN_H

#include "base/err.h"
#include "cli/load_body.h"
#include "cli/load_row.h"

struct load_options {
    const char *url;   /* of the server, with or without /v1 */
    const char *model; /* NULL: the first that the server names */
    const char *key;   /* NULL: none */
    const char *agent;
    enum load_endpoint endpoint;
    bool stream, check, check_text;
    uint32_t n_most;                         /* requests at a time in any load */
    uint32_t n_prompt, n_shared, n_generate; /* tokens; n_generate 0: as the file says */
    const char *file;                        /* of requests, or NULL */
    uint32_t n_warmup;                       /* requests before each load */
    double temperature;                      /* below 0: the server's own */
    uint64_t seed;
    int most_s; /* that a request may take */
};

/* What a load is. */
struct load_shape {
    uint32_t concurrency; /* requests at a time */
    double rate;          /* that begin per second, at random; 0: as others end */
    uint64_t n_requests;  /* 0: any number */
    double seconds;       /* in which requests begin; 0: any time */
};

struct load;

/* Asks the server for what it is: the model, the fields it takes, how it counts tokens.
 * options are borrowed while the load lives.  Owned: load_close().
 * Errors: ERR_IO with what the server says, ERR_ARG, ERR_CANCELLED, those of load_file_open(). */
struct load *load_open(const struct load_options *options, struct err *err) CHECKED;
void load_close(struct load *load);

/* Returns the model's name, and the fields that the server took.  Borrowed: of the load. */
const char *load_model(const struct load *load);
const struct load_accepts *load_accepted(const struct load *load);

/* Runs a load.  On failure *row has what was measured until then.
 * Errors: ERR_CANCELLED, ERR_IO when one request after the other fails, ERR_LIMIT. */
bool load_run(struct load *load, const struct load_shape *shape, struct load_row *row,
              struct err *err) CHECKED;

#endif
