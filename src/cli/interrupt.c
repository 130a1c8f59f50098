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

void interrupt_hold(void)
{
    struct sigaction once = {.sa_handler = nothing, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    if (!disposition_is(SIG_IGN))
        sigaction(SIGINT, &once, NULL);
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
