/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

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

TEST(interrupt, what_comes_twice_is_remembered_twice)
{
    static const int numbers[] = {SIGTERM, SIGHUP};
    for (int i = 0; i < 2; i++) {
        signal(SIGINT, SIG_DFL);
        interrupt_hold_all();
        assert_false(interrupt_came());
        raise(numbers[i]);
        raise(numbers[i]);
        assert_true(interrupt_came());
        assert_int_equal(interrupt_exit_code(), 128 + numbers[i]);
        interrupt_release();
        struct sigaction now;
        sigaction(numbers[i], NULL, &now);
        assert_true(now.sa_handler == SIG_DFL);
    }
}

TEST(interrupt, none_ends_a_conversation)
{
    signal(SIGINT, SIG_DFL);
    interrupt_stay();
    raise(SIGINT);
    interrupt_hold();
    assert_false(interrupt_came());
    raise(SIGINT);
    raise(SIGINT);
    assert_true(interrupt_came());
    interrupt_release();
    raise(SIGINT);
    interrupt_wake();
    assert_false(interrupt_came());
    raise(SIGINT);
    raise(SIGINT);
    assert_true(interrupt_came());
    interrupt_release();
    raise(SIGINT);
    interrupt_leave();
    assert_true(disposition() == SIG_DFL);
}

TEST(interrupt, a_read_that_waits_is_ended_each_time)
{
    int ends[2];
    char byte;
    signal(SIGINT, SIG_DFL);
    assert_int_equal(pipe(ends), 0);
    interrupt_wake();
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();
        if (child == 0) {
            usleep(50000);
            kill(getppid(), SIGINT);
            _exit(0);
        }
        assert_int_equal(read(ends[0], &byte, 1), -1);
        assert_int_equal(errno, EINTR);
        assert_int_equal(waitpid(child, NULL, 0), child);
    }
    interrupt_release();
    assert_true(disposition() == SIG_DFL);
    close(ends[0]);
    close(ends[1]);
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
