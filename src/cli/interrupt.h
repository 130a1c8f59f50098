/* SPDX-License-Identifier: Apache-2.0 */
/* interrupt.h - Ctrl-C that stops an answer instead of the program.
 *
 *     interrupt_hold();
 *     while (... && !interrupt_came())
 *         ...
 *     interrupt_release();
 *
 * The first SIGINT in between only is remembered, the second ends the program, so nobody has
 * to wait for a slow step.  Between interrupt_wake() and interrupt_release() SIGINT only ends
 * a read that waits.  Between interrupt_stay() and interrupt_leave(), which enclose a conversation,
 * no SIGINT ends the program: what was said would be lost.  What was ignored (nohup) stays
 * ignored. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

/* Begin and end the time in which SIGINT is remembered, or wakes.  Thread: main. */
void interrupt_hold(void);
void interrupt_hold_all(void); /* SIGTERM and SIGHUP too: there is a file to remove */
void interrupt_wake(void);
void interrupt_release(void);

/* Begin and end the time in which no SIGINT ends the program.  Thread: main. */
void interrupt_stay(void);
void interrupt_leave(void);

/* Says whether a signal came since interrupt_hold(), interrupt_hold_all() or interrupt_wake(). */
bool interrupt_came(void);

/* Returns 128 + the signal that came, as a shell reports it. */
int interrupt_exit_code(void);

#endif
