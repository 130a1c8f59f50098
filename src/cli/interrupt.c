/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

/* The disposition itself is the memory: SA_RESETHAND sets it back to the default when the
 * signal comes, so handler and program share no variable. */
static void nothing(int signal)
{
    (void)signal;
}

static bool disposition_is(void (*handler)(int))
{
    struct sigaction now;
    sigaction(SIGINT, NULL, &now);
    return now.sa_handler == handler;
}

static void handle(unsigned flags)
{
    struct sigaction action = {.sa_handler = nothing, .sa_flags = (int)flags};
    if (!disposition_is(SIG_IGN))
        sigaction(SIGINT, &action, NULL);
}

void interrupt_hold(void)
{
    handle(SA_RESETHAND | SA_RESTART);
}

/* Without SA_RESTART a read that is interrupted fails with EINTR. */
void interrupt_wake(void)
{
    handle(0);
}

void interrupt_release(void)
{
    if (disposition_is(nothing))
        signal(SIGINT, SIG_DFL);
}

bool interrupt_came(void)
{
    return disposition_is(SIG_DFL);
}
