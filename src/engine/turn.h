/* SPDX-License-Identifier: Apache-2.0 */
/* turn.h - who computes now: engines of several models share the processors one step at a time.
 *
 * First come, first served.  Thread: any. */
#ifndef ENGINE_TURN_H
#define ENGINE_TURN_H

#include <pthread.h>
#include <stdint.h>

struct turn {
    pthread_mutex_t lock;
    pthread_cond_t next;
    uint64_t n_taken, n_served;
};

void turn_init(struct turn *turn);
void turn_free(struct turn *turn);

/* Waits until it is the caller's turn; and ends it. */
void turn_take(struct turn *turn);
void turn_give(struct turn *turn);

#endif
