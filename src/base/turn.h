/* SPDX-License-Identifier: Apache-2.0 */
/* turn.h - who may work now: first come, first served, unlike a lock, which its last owner often
 * gets again.
 *
 * Thread: any. */
#ifndef BASE_TURN_H
#define BASE_TURN_H

#include "base/err.h"

struct turn;

/* Owned: turn_close(), when nobody has it or waits.  Errors: ERR_LIMIT. */
struct turn *turn_open(struct err *err) CHECKED;
void turn_close(struct turn *turn);

/* Waits until it is the caller's turn. */
void turn_take(struct turn *turn);

/* Ends it. */
void turn_give(struct turn *turn);

#endif
