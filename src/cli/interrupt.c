/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

/* Of the process, as dispositions are. */
static volatile sig_atomic_t came;
static bool stays;

static void remember(int signal)
{
    (void)signal;
    came = 1;
}

static bool disposition_is(void (*handler)(int))
{
    struct sigaction now;
    sigaction(SIGINT, NULL, &now);
    return now.sa_handler == handler;
}

static void handle(unsigned flags)
{
    struct sigaction action = {.sa_handler = remember, .sa_flags = (int)flags};
    if (!disposition_is(SIG_IGN))
        sigaction(SIGINT, &action, NULL);
}

void interrupt_stay(void)
{
    stays = true;
    handle(SA_RESTART);
}

void interrupt_leave(void)
{
    stays = false;
    interrupt_release();
}

void interrupt_hold(void)
{
    came = 0;
    handle(stays ? SA_RESTART : SA_RESETHAND | SA_RESTART);
}

/* Without SA_RESTART a read that is interrupted fails with EINTR. */
void interrupt_wake(void)
{
    came = 0;
    handle(0);
}

void interrupt_release(void)
{
    if (stays)
        handle(SA_RESTART);
    else if (disposition_is(remember))
        signal(SIGINT, SIG_DFL);
}

bool interrupt_came(void)
{
    return came;
}
