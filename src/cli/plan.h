/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h - the memory that a model needs, without opening it. */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include <stdint.h>

#include "model/checkpoint.h"

struct plan {
    uint32_t context;   /* tokens that it is for */
    uint64_t weights;   /* bytes, mapped from the file */
    uint64_t kv;        /* bytes of keys and values for one sequence */
    uint64_t work;      /* bytes of activations and logits, about */
    uint64_t needed;    /* all of these */
    uint64_t available; /* of this machine; 0 when not known */
    bool fits;
    uint32_t fitting_context; /* the longest up to context that fits, maybe 0 */
};

/* Plans for context tokens of one sequence, with keys and values of kv_type, given what the
 * machine has available. */
struct plan plan_memory(const struct checkpoint *ckpt, uint32_t context, enum dtype kv_type,
                        uint64_t available);

#endif
