/* SPDX-License-Identifier: Apache-2.0 */
/* sampling.h - the fields of a request that say how to choose tokens, alike in all dialects. */
#ifndef API_SAMPLING_H
#define API_SAMPLING_H

#include "base/arena.h"
#include "base/limits.h"
#include "data/json_tree.h"
#include "engine/job.h"

struct api_model;

enum { SAMPLING_MOST_ANSWERS = 16 };

struct sampling {
    struct job_params job; /* without prompt; its arrays lie in the arena */
    const char *stop[LIMIT_STOP_STRINGS];
    size_t n_stop;
    uint32_t n; /* answers */
    bool include_stop, stream, include_usage, has_max_tokens, with_ids;
    uint64_t seed; /* also of what else is drawn */
};

/* Reads them from body: a missing one has the model's or the documented default.
 * Errors: ERR_ARG naming the field; ERR_LIMIT. */
bool sampling_read(const struct json_node *body, const struct api_model *model, struct arena *arena,
                   struct sampling *out, struct err *err) CHECKED;

/* Reads a list of strings or one, as "stop" and "stop_sequences" are.  Empty ones are left out.
 * Errors: ERR_ARG; ERR_LIMIT. */
bool sampling_read_stop(const struct json_node *node, struct arena *arena, struct sampling *out,
                        struct err *err) CHECKED;

#endif
