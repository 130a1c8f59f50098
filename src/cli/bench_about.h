/* SPDX-License-Identifier: Apache-2.0 */
/* bench_about.h - what a run of "bise bench" was of: its model, and how it was computed.
 *
 * Figures of two runs mean something beside each other only where these agree. */
#ifndef CLI_BENCH_ABOUT_H
#define CLI_BENCH_ABOUT_H

#include <stdint.h>

#include "base/err.h"
#include "data/json.h"

struct bench_options;
struct runtime;

struct bench_about {
    char version[24];   /* of bise; "": not known, and so is what stands behind n_threads */
    char model[256];    /* the last part of its path */
    char backend[24];   /* "cpu amx"; "": not known */
    uint64_t n_bytes;   /* of weights; 0: not known */
    uint32_t n_threads; /* 0: not known */
    char kv_type[16];   /* of keys and values, "BF16" */
    bool exact, rounds_inputs;
    uint64_t expert_bytes; /* memory for those that are read when they are chosen; 0: all stay */
    uint32_t n_adapters;
    uint32_t n_generate; /* tokens that are written */
};

enum { BENCH_ABOUT_TEXT = 1024 }; /* bytes that a text about differences needs */

/* Says what a run with an open model is of. */
struct bench_about bench_about(const struct bench_options *options, const char *path,
                               const struct runtime *rt);

/* Prints it as JSON members, the first without a comma in front.  path: of the model. */
void bench_about_json(const struct bench_about *about, const char *path);

/* Reads those members, of which a file of another version may lack some.
 * Errors: ERR_FORMAT for one that is of another kind. */
bool bench_about_read(struct bench_about *about, const struct json *root, struct err *err) CHECKED;

/* Writes each difference with commas between: "threads 2, now 1".  Returns text, "" for none.
 * Borrowed: text itself, [BENCH_ABOUT_TEXT]. */
const char *bench_about_differ(char *text, const struct bench_about *now,
                               const struct bench_about *stored);

#endif
