/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/loop_guard.h"

bool loop_guard_add(struct loop_guard *guard, int32_t id)
{
    bool looping = false;
    uint32_t n_known = guard->n_seen < LOOP_MAX_PERIOD ? guard->n_seen : LOOP_MAX_PERIOD;
    for (uint32_t p = 1; p <= n_known; p++) {
        uint32_t *run = &guard->runs[p - 1];
        *run = guard->last[(guard->n_seen - p) % LOOP_MAX_PERIOD] == id ? *run + 1 : 0;
        /* The first cycle is not part of the run: nothing equal stands before it. */
        uint32_t n_tok = *run + p;
        looping |= n_tok >= LOOP_MIN_TOKENS && n_tok >= LOOP_MIN_CYCLES * p;
    }
    guard->last[guard->n_seen % LOOP_MAX_PERIOD] = id;
    guard->n_seen++;
    return looping;
}
