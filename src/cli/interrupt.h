/* SPDX-License-Identifier: Apache-2.0 */
/* interrupt.h - Ctrl-C that stops an answer instead of the program.
 *
 *     interrupt_hold();
 *     while (... && !interrupt_came())
 *         ...
 *     interrupt_release();
 *
 * The first SIGINT in between only is remembered, the second ends the program, so nobody has
 * to wait for a slow step.  Where SIGINT was ignored (nohup), it stays ignored. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

/* Begins and ends the time in which SIGINT is remembered.  Thread: main. */
void interrupt_hold(void);
void interrupt_release(void);

/* Says whether SIGINT came since interrupt_hold(). */
bool interrupt_came(void);

#endif
