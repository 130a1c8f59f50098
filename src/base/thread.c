/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/mem.h"

struct thread {
    pthread_t id;
    void (*run)(void *arg);
    void *arg;
};

static void *start(void *arg)
{
    struct thread *thread = arg;
    thread->run(thread->arg);
    return NULL;
}

struct thread *thread_open(const char *name, void (*run)(void *arg), void *arg, struct err *err)
{
    struct thread *thread = mem_new(1, sizeof *thread, err);
    if (!thread)
        return NULL;
    *thread = (struct thread){.run = run, .arg = arg};
    /* Not the signals of its own mistakes, which cannot wait. */
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGSEGV);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    bool ok = pthread_create(&thread->id, NULL, start, thread) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!ok) {
        err_set(err, ERR_LIMIT, "the system starts no further thread; see ulimit -u");
        free(thread);
        return NULL;
    }
    pthread_setname_np(thread->id, name);
    return thread;
}

void thread_close(struct thread *thread)
{
    if (!thread)
        return;
    pthread_join(thread->id, NULL);
    free(thread);
}
