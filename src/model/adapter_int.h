/* SPDX-License-Identifier: Apache-2.0 */
/* adapter_int.h - what the sources of adapter.h, adapter_file.h and merge.h share. */
#ifndef MODEL_ADAPTER_INT_H
#define MODEL_ADAPTER_INT_H

#include "data/json.h"
#include "model/adapter.h"
#include "model/adapter_file.h"

/* The matrices that one pair changes: base, and n - 1 more that follow it, each stride bytes on. */
struct adapter_target {
    const struct tensor *base;
    uint32_t n;
    size_t stride;
    bool is_fused; /* each has a matrix of its own, of all experts; else they share one */
};

/* Finds the place of a module.  Returns false when the model has none. */
bool adapter_place(const struct checkpoint *ckpt, enum checkpoint_layout dialect,
                   const char *module, struct adapter_target *out);

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

/* One matrix with what is added to products with it. */
struct adapter_part {
    const struct tensor *base;
    struct lora lora;
};

struct adapter {
    struct adapter_file file;
    struct adapter_part *parts; /* [n_parts], by address of base */
    size_t n_parts;
    struct arena copies; /* matrices in another order than in the file */
    struct adapter *below;
};

#endif
