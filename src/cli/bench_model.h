/* SPDX-License-Identifier: Apache-2.0 */
/* bench_model.h - the rows of "bise bench" that are about a model.
 *
 * Each row is printed when it is measured, so that a slow model shows something soon and Ctrl-C
 * loses only what is under way. */
#ifndef CLI_BENCH_MODEL_H
#define CLI_BENCH_MODEL_H

#include "base/err.h"
#include "cli/bench_limits.h"
#include "cli/options.h"
#include "cli/summary.h"
#include "lib/runtime.h"

struct bench_options {
    struct runtime_options machine; /* with n_threads */
    struct option_numbers prompts;  /* tokens of a prompt, a row each */
    struct option_numbers depths;   /* tokens before those that are written, a row each */
    struct option_numbers batches;  /* sequences that are written at a time, a row each */
    uint32_t n_generate;            /* tokens that are written */
    bool cold;                      /* measure a start from disk as well */
    bool profile;                   /* take one more run of each row apart */
    struct summary_limits limits;
    enum bench_form form;
    const char *compare; /* a stored run, or NULL; with BENCH_TEXT only */
};

/* Measures and prints.  On ERR_CANCELLED what was measured until then is printed.
 * Errors: as runtime_open() and generator_next(), of the file of compare; ERR_CANCELLED, ERR_IO. */
bool bench_model(const struct bench_options *options, const char *path, struct err *err) CHECKED;

#endif
