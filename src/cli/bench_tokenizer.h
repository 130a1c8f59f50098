/* SPDX-License-Identifier: Apache-2.0 */
/* bench_tokenizer.h - "bise bench --tokenizer": loading, encoding and decoding. */
#ifndef CLI_BENCH_TOKENIZER_H
#define CLI_BENCH_TOKENIZER_H

#include "base/err.h"
#include "cli/options.h"
#include "cli/summary.h"

struct bench_tokenizer_options {
    const char *path;          /* of the tokenizer, or what holds it */
    struct option_texts texts; /* files to measure on; none: texts of its own */
    struct summary_limits limits;
    bool json;
};

/* Measures and prints.  On ERR_CANCELLED what was measured until then is printed.
 * Errors: as tokenizer_open(), file_read() and tokenizer_encode(); ERR_CANCELLED. */
bool bench_tokenizer(const struct bench_tokenizer_options *options, struct err *err) CHECKED;

#endif
