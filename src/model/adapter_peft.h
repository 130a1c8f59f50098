/* SPDX-License-Identifier: Apache-2.0 */
/* adapter_peft.h - adapter_config.json of the PEFT library: what an adapter is scaled with.
 *
 * Keys that ask for more than low-rank changes are refused by name, so that no adapter is applied
 * in part.  Patterns choose modules by regular expressions; those that mean the same to Python
 * and to POSIX are decided, others refused. */
#ifndef MODEL_ADAPTER_PEFT_H
#define MODEL_ADAPTER_PEFT_H

#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "data/json.h"

/* What adapter_config.json says about scales. */
struct peft_config {
    struct json_doc *doc;
    uint32_t rank;
    double alpha;
    bool rank_stabilised; /* arXiv:2312.03732 */
};

/* Reads the configuration and refuses what is more than low-rank changes.  After a failure doc
 * is still the caller's.
 * Errors: ERR_FORMAT, ERR_UNSUPPORTED. */
bool peft_read(struct peft_config *config, struct json_doc *doc, struct err *err) CHECKED;

/* Computes rank and scale of a module, whose own they may be by its name.
 * Errors: ERR_FORMAT, ERR_UNSUPPORTED for a regular expression that cannot be decided. */
bool peft_scale(const struct peft_config *config, const char *module, double *rank, double *scale,
                struct err *err) CHECKED;

/* Says whether the pattern chooses the module: it matches the whole name, or its end behind a
 * dot.  Errors: ERR_UNSUPPORTED for what is written differently elsewhere than in Python. */
bool peft_matches(const char *pattern, const char *module, bool *matches, struct err *err) CHECKED;

#endif
