/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

/* Of the process, as dispositions are. */
static volatile sig_atomic_t came;
static bool stays;

static void remember(int signal)
{
    came = signal;
}

static bool disposition_is(int signal, void (*handler)(int))
{
    struct sigaction now;
    sigaction(signal, NULL, &now);
    return now.sa_handler == handler;
}

static void handle(int signal, unsigned flags)
{
    struct sigaction action = {.sa_handler = remember, .sa_flags = (int)flags};
    if (!disposition_is(signal, SIG_IGN))
        sigaction(signal, &action, NULL);
}

static void release(int number)
{
    if (disposition_is(number, remember))
        signal(number, SIG_DFL);
}

void interrupt_stay(void)
{
    stays = true;
    handle(SIGINT, SA_RESTART);
}

void interrupt_leave(void)
{
    stays = false;
    interrupt_release();
}

void interrupt_hold(void)
{
    came = 0;
    handle(SIGINT, stays ? SA_RESTART : SA_RESETHAND | SA_RESTART);
}

/* These come twice: from timeout to the program and to its group, from a terminal that closes to
 * its shell and by that.  So a second one must not end what the first began. */
void interrupt_hold_all(void)
{
    interrupt_hold();
    handle(SIGTERM, SA_RESTART);
    handle(SIGHUP, SA_RESTART);
}

/* Without SA_RESTART a read that is interrupted fails with EINTR. */
void interrupt_wake(void)
{
    came = 0;
    handle(SIGINT, 0);
}

void interrupt_release(void)
{
    if (stays)
        handle(SIGINT, SA_RESTART);
    else
        release(SIGINT);
    release(SIGTERM);
    release(SIGHUP);
}

bool interrupt_came(void)
{
    return came != 0;
}

int interrupt_exit_code(void)
{
    return 128 + (came ? came : SIGINT);
}
