/* SPDX-License-Identifier: Apache-2.0 */
/* weight_shares.h - what the weights of a model are for, and in which number formats. */
#ifndef CLI_WEIGHT_SHARES_H
#define CLI_WEIGHT_SHARES_H

#include <stdint.h>

#include "model/checkpoint.h"

enum weight_class {
    WEIGHT_EMBEDDINGS, /* of tokens, in and out */
    WEIGHT_ATTENTION,
    WEIGHT_FEED_FORWARD, /* what every token passes: dense layers, shared experts */
    WEIGHT_ROUTER,
    WEIGHT_EXPERTS, /* what some tokens pass */
    WEIGHT_NORMS,
    WEIGHT_CLASSES,
};

struct weight_share {
    uint64_t n_params, n_bytes; /* bytes with the scales */
};

struct weight_shares {
    struct weight_share of[WEIGHT_CLASSES][DTYPE_COUNT];
    uint64_t n_step_bytes; /* that one generated token reads: of the embedding one row, of the
                              experts those that it chooses */
};

/* Returns the name of a class: "feed-forward".  Borrowed: static. */
const char *weight_class_name(enum weight_class which);

/* Returns the name by which people know a number format of weights.  Borrowed: static. */
const char *weight_format_name(enum dtype type);

/* Counts the weights of a model. */
struct weight_shares weight_shares_count(const struct checkpoint *ckpt);

#endif
