/* SPDX-License-Identifier: Apache-2.0 */
/* profile.h - where the time of a backend goes, operation by operation.
 *
 *     profile_begin(&profile, backend, classify, arg);
 *     ... steps ...
 *     profile_end(&profile);
 *
 * The backend's own table is changed for that time: its operations are the same ones, with a
 * clock around each.  Those of a backend whose operations only queue work would have to be read
 * otherwise.  Thread: that of the backend. */
#ifndef TENSOR_PROFILE_H
#define TENSOR_PROFILE_H

#include <stdint.h>

#include "tensor/backend.h"

enum profile_op {
    PROFILE_QKV, /* products of these matrices */
    PROFILE_O,
    PROFILE_GATE_UP,
    PROFILE_DOWN,
    PROFILE_ROUTER,
    PROFILE_OUTPUT,
    PROFILE_PRODUCT, /* of any other */
    PROFILE_EXPERTS,
    PROFILE_ATTENTION,
    PROFILE_NORM,
    PROFILE_ROPE,
    PROFILE_SILU,
    PROFILE_ADD,
    PROFILE_KV_WRITE,
    PROFILE_EMBED,
    PROFILE_SAMPLING, /* from the reading of logits to the next operation */
    PROFILE_OTHER,    /* between operations, else */
    PROFILE_OPS,
};

/* Says which product a matrix belongs to.  w: the first of those multiplied. */
typedef enum profile_op profile_classify_fn(void *arg, const struct tensor *w);

struct profile_sum {
    uint64_t n_calls;
    double seconds;
    double bytes; /* of weights, keys and values that must be read, at least; 0: not counted */
    double flops; /* two for a multiply-add; 0: not counted */
};

struct profile {
    struct profile_sum sums[PROFILE_OPS];
    double seconds; /* from begin to end, which is the sum of all */

    struct backend *backend;
    struct backend original;
    profile_classify_fn *classify;
    void *arg;
    double last; /* when the last operation ended */
    enum profile_op gap;
};

/* Begins and ends measuring.  A backend has one profile at a time; both must outlive it. */
void profile_begin(struct profile *profile, struct backend *backend, profile_classify_fn *classify,
                   void *arg);
void profile_end(struct profile *profile);

/* Returns the name of an operation, "gate_up".  Borrowed: static. */
const char *profile_name(enum profile_op op);

#endif
