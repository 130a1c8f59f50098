/* SPDX-License-Identifier: Apache-2.0 */
#include "base/read_ahead.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/mem.h"

/* What is asked for at a time: long enough for the disk, short enough to end soon. */
#define PART ((size_t)4 << 20)

/* As if every page were used: the system then reads in large pieces and keeps them as such, which
 * are mapped with a tenth of the work that those from MADV_WILLNEED take. */
static void advise(void *at, size_t n)
{
#ifdef MADV_POPULATE_READ
    if (madvise(at, n, MADV_POPULATE_READ) == 0 || errno != EINVAL)
        return;
#endif
    /* An older system.  What is not read now is read when it is used. */
    (void)madvise(at, n, MADV_WILLNEED);
}

struct read_ahead {
    const struct file_map *maps;
    size_t n_maps;
    atomic_bool quit;
    pthread_t thread;
};

uint64_t read_ahead_most(const char *root)
{
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t granted = cgroup_memory_limit(root);
    return (granted < machine ? granted : machine) / 2;
}

static void *thread_main(void *arg)
{
    struct read_ahead *ahead = arg;
    uint64_t left = read_ahead_most("");
    for (size_t i = 0; i < ahead->n_maps; i++) {
        const struct file_map *map = &ahead->maps[i];
        for (size_t at = 0, n; at < map->size && left; at += n) {
            n = map->size - at < PART ? map->size - at : PART;
            n = n < left ? n : (size_t)left;
            if (atomic_load(&ahead->quit))
                return NULL;
            advise((void *)(uintptr_t)(map->data + at), n);
            left -= n;
        }
    }
    return NULL;
}

struct read_ahead *read_ahead_open(const struct file_map *maps, size_t n, struct err *err)
{
    struct read_ahead *ahead = mem_new(1, sizeof *ahead, err);
    if (!ahead)
        return NULL;
    ahead->maps = maps;
    ahead->n_maps = n;
    if (pthread_create(&ahead->thread, NULL, thread_main, ahead) == 0)
        return ahead;
    free(ahead);
    err_set(err, ERR_LIMIT, "cannot start the thread that reads ahead; see ulimit -u");
    return NULL;
}

void read_ahead_close(struct read_ahead *ahead)
{
    if (!ahead)
        return;
    atomic_store(&ahead->quit, true);
    pthread_join(ahead->thread, NULL);
    free(ahead);
}
