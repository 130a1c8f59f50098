/* SPDX-License-Identifier: Apache-2.0 */
/* load_row.h - the figures of one load on a server. */
#ifndef CLI_LOAD_ROW_H
#define CLI_LOAD_ROW_H

#include <stdint.h>

#include "base/err.h"
#include "cli/latency.h"
#include "cli/load_answer.h"

enum { LOAD_TALLY_ITEMS = 24, LOAD_TALLY_NAME = 40, LOAD_TALLY_TEXT = 320 };

/* Things that are counted by name, and the first text of each. */
struct load_tally {
    struct {
        char name[LOAD_TALLY_NAME], text[LOAD_TALLY_TEXT];
        uint64_t n;
    } items[LOAD_TALLY_ITEMS];
    int n;
};

/* Counts one of that name; past the last place it counts as "other". */
void load_tally_add(struct load_tally *tally, const char *name, const char *text);

struct load_row {
    uint32_t concurrency;  /* requests at a time, or at most with a rate */
    double rate;           /* requests per second, or 0 */
    double seconds, cpu_s; /* that it took; of this program's own time */

    uint64_t n_begun, n_done, n_failed, n_left; /* requests; left: when it was interrupted */
    uint64_t kinds[LOAD_KINDS];
    struct load_tally errors, finishes;

    uint64_t n_output, n_prompt, n_cached; /* tokens of those that are done */
    uint64_t n_counted;                    /* requests whose tokens the server counts */
    uint32_t least_prompt, most_prompt;
    struct latency first, gap, token, whole; /* to the first text, between texts, the mean of
                                                a request's tokens, to the end */
};

/* Adds an answer that has ended in that way; why unless LOAD_OK.  Errors: why is only read. */
void load_row_add(struct load_row *row, const struct load_answer *answer, enum load_kind kind,
                  long status, const struct err *why);

#endif
