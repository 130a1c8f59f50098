/* SPDX-License-Identifier: Apache-2.0 */
/* adapter_int.h - what the sources of adapter.h, adapter_file.h and adapter_merge.h share. */
#ifndef MODEL_ADAPTER_INT_H
#define MODEL_ADAPTER_INT_H

#include "model/adapter.h"
#include "model/adapter_file.h"

/* The matrices that one pair changes: base, and n - 1 more that follow it, each stride bytes on.
 * n_rows and n_cols are those of the matrix that the pair means. */
struct adapter_target {
    const struct tensor *base;
    uint32_t n;
    size_t stride;
    int64_t n_rows, n_cols;
    bool is_split; /* base has the rows of the heads' keys, the next one those of their values */
    bool is_fused; /* each has a matrix of its own, of all experts; else they share one */
};

/* Finds the place of a module.  Returns false when the model has none. */
bool adapter_place(const struct checkpoint *ckpt, enum checkpoint_layout dialect,
                   const char *module, struct adapter_target *out);

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
