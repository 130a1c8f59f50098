/* SPDX-License-Identifier: Apache-2.0 */
/* loop_guard.h - notices that an answer repeats the same tokens without end.
 *
 * Exact: for every period up to LOOP_MAX_PERIOD it counts how long the answer
 * has been equal to itself one period earlier.  A loop is a cycle seen
 * LOOP_MIN_CYCLES times that covers LOOP_MIN_TOKENS tokens: more than any list
 * or table that a reader would want, as the guard ends the answer. */
#ifndef ENGINE_LOOP_GUARD_H
#define ENGINE_LOOP_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#define LOOP_MAX_PERIOD 256 /* tokens */
#define LOOP_MIN_CYCLES 8
#define LOOP_MIN_TOKENS 256

/* All zero has seen nothing.  Nothing to free. */
struct loop_guard {
    int32_t last[LOOP_MAX_PERIOD];  /* ring: token t is at t % LOOP_MAX_PERIOD */
    uint32_t runs[LOOP_MAX_PERIOD]; /* runs[p-1]: latest tokens equal to the one p before them */
    uint32_t n_seen;
};

/* Takes the next token.  Says whether the answer is in a loop.  Allocates nothing. */
bool loop_guard_add(struct loop_guard *guard, int32_t id);

#endif
