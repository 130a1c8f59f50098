/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

#include "test.h"

static void (*disposition(void))(int)
{
    struct sigaction now;
    sigaction(SIGINT, NULL, &now);
    return now.sa_handler;
}

TEST(interrupt, one_signal_is_remembered_until_release)
{
    signal(SIGINT, SIG_DFL);
    interrupt_hold();
    assert_false(interrupt_came());
    raise(SIGINT);
    assert_true(interrupt_came());
    assert_true(disposition() == SIG_DFL); /* a second one would end the program */
    interrupt_release();
    interrupt_hold();
    assert_false(interrupt_came());
    interrupt_release();
    assert_true(disposition() == SIG_DFL);
}

TEST(interrupt, an_ignored_signal_stays_ignored)
{
    signal(SIGINT, SIG_IGN);
    interrupt_hold();
    raise(SIGINT);
    assert_false(interrupt_came());
    interrupt_release();
    assert_true(disposition() == SIG_IGN);
    signal(SIGINT, SIG_DFL);
}
