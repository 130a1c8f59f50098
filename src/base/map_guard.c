/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map_guard.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/limits.h"

/* A signal handler reads these while other threads change them: start is written last when a
 * mapping is added and first when it is removed. */
struct slot {
    atomic_uintptr_t start; /* 0: free */
    atomic_size_t size;
    atomic_size_t failed; /* offset of the page, or NONE */
};

#define NONE SIZE_MAX

static struct slot slots[LIMIT_MAPPED_FILES];
static atomic_size_t n_used; /* slots that were ever taken: the first ones */
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous;
static bool installed;

/* Puts zeros where slot i cannot be read at address.  Returns false when that is elsewhere. */
static bool cover(struct slot *slot, uintptr_t address)
{
    uintptr_t start = atomic_load(&slot->start);
    size_t size = atomic_load(&slot->size), none = NONE;
    if (!start || address < start || address - start >= size)
        return false;
    if (atomic_load(&slot->start) != start) /* size may be that of a later mapping */
        return false;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), offset = (address - start) / page * page;
    /* Noted first: who sees the zeros sees this, too. */
    atomic_compare_exchange_strong(&slot->failed, &none, offset);
    /* All the rest at once: a file of many pages would run out of mappings one by one. */
    return mmap((void *)(start + offset), size - offset, PROT_READ,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}

static bool cover_any(uintptr_t address)
{
    size_t n = atomic_load(&n_used);
    for (size_t i = 0; i < n; i++)
        if (cover(&slots[i], address))
            return true;
    return false;
}

/* Does what would have happened without this module. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    if (previous.sa_flags & SA_SIGINFO) {
        previous.sa_sigaction(number, info, context);
    } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(number);
    } else if (previous.sa_handler == SIG_DFL || info->si_code > 0) { /* no fault is ignored */
        const struct sigaction deadly = {.sa_handler = SIG_DFL};
        sigaction(number, &deadly, NULL);
        raise(number); /* comes when this handler returns, also if no fault repeats itself */
    }
}

static void handle(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    /* A signal from a process has no address: its sender's id lies there. */
    if (info->si_code <= 0 || !cover_any((uintptr_t)info->si_addr))
        pass_on(number, info, context);
    errno = saved;
}

void map_guard_install(void)
{
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    pthread_mutex_lock(&changing);
    /* Known before it can be asked for. */
    if (!installed &&
        (sigaction(SIGBUS, NULL, &previous) != 0 || sigaction(SIGBUS, &action, NULL) != 0))
        assert(!"SIGBUS can be handled");
    installed = true;
    pthread_mutex_unlock(&changing);
}

void map_guard_uninstall(void)
{
    pthread_mutex_lock(&changing);
    if (installed && sigaction(SIGBUS, &previous, NULL) != 0)
        assert(!"SIGBUS can be given back");
    installed = false;
    pthread_mutex_unlock(&changing);
}

bool map_guard_add(const void *data, size_t size, size_t *slot, struct err *err)
{
    size_t i = 0;
    pthread_mutex_lock(&changing);
    while (i < LIMIT_MAPPED_FILES && atomic_load(&slots[i].start))
        i++;
    if (i < LIMIT_MAPPED_FILES) {
        atomic_store(&slots[i].size, size);
        atomic_store(&slots[i].failed, NONE);
        atomic_store(&slots[i].start, (uintptr_t)data);
        if (i == atomic_load(&n_used))
            atomic_store(&n_used, i + 1);
    }
    pthread_mutex_unlock(&changing);
    *slot = i;
    return i < LIMIT_MAPPED_FILES ||
           err_set(err, ERR_LIMIT, "more than %u mapped files; close a model first",
                   LIMIT_MAPPED_FILES);
}

void map_guard_remove(size_t slot)
{
    atomic_store(&slots[slot].start, 0);
}

bool map_guard_failed(size_t slot, size_t *offset)
{
    *offset = atomic_load(&slots[slot].failed);
    return *offset != NONE;
}
