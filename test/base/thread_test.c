/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <pthread.h>
#include <signal.h>

#include "base/mem.h"
#include "test.h"

static void look(void *arg)
{
    pthread_sigmask(SIG_BLOCK, NULL, arg);
}

TEST(thread, takes_no_signals_but_those_of_its_own_mistakes)
{
    struct err err = {0};
    sigset_t blocked, before, after;
    sigemptyset(&blocked);
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    struct thread *thread = thread_open("test", look, &blocked, &err);
    assert_non_null(thread);
    thread_close(thread);
    assert_true(sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGPIPE));
    assert_false(sigismember(&blocked, SIGBUS) || sigismember(&blocked, SIGSEGV));
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    assert_int_equal(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
}

TEST(thread, without_memory)
{
    struct err err = {0};
    mem_fail_once(0);
    assert_null(thread_open("test", look, NULL, &err));
    mem_fail_never();
    assert_int_equal(err.code, ERR_LIMIT);
    thread_close(NULL);
}
