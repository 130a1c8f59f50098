/* SPDX-License-Identifier: Apache-2.0 */
/* generate_run.h - asks a model's interface for all answers that are missing, many at a time. */
#ifndef CLI_GENERATE_RUN_H
#define CLI_GENERATE_RUN_H

#include <stdint.h>

#include "cli/generate_input.h"
#include "cli/generate_output.h"

struct generate_counts {
    uint64_t n_found, n_done, n_failed;    /* requests: answered before, now, not */
    uint64_t n_prompt, n_cached, n_output; /* tokens of those answered now */
    double seconds;
};

/* Asks at the Unix socket, n_most requests at a time, for what in does not have as done, of model,
 * and writes what comes.  On failure counts has what was done until then.
 * Errors: ERR_CANCELLED, ERR_IO, ERR_LIMIT, those of generate_output_add(). */
bool generate_run(const char *socket, const char *model, uint32_t n_most, struct generate_input *in,
                  struct generate_output *out, struct generate_counts *counts,
                  struct err *err) CHECKED;

#endif
