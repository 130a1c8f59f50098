/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/read_speed.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"

#define PASSES     8                 /* the best counts */
#define PART       ((size_t)1 << 16) /* bytes that a thread reads at a time */
#define PASS_BYTES ((size_t)1 << 28) /* of each thread */

/* What one thread reads; a line of the cache of its own. */
struct set {
    uint8_t *bytes;
    size_t at;
    uint64_t bits; /* what was read must be used */
    uint64_t padding[5];
};

struct sets {
    cpu_read_fn *read;
    size_t set_bytes;
    struct set *sets; /* [n_threads] */
};

static void read_parts(void *arg, int begin, int end, int worker)
{
    const struct sets *all = arg;
    struct set *set = &all->sets[worker];
    for (int i = begin; i < end; i++) {
        set->bits |= all->read(set->bytes + set->at, PART);
        set->at = set->at + PART < all->set_bytes ? set->at + PART : 0;
    }
}

/* Lets each thread touch what it reads, so that its pages are near to it. */
static void fill_sets(void *arg, int begin, int end, int worker)
{
    const struct sets *all = arg;
    (void)worker;
    for (int i = begin; i < end; i++)
        memset(all->sets[i].bytes, 1, all->set_bytes);
}

static double best_pass(struct pool *pool, struct sets *all)
{
    int n_threads = pool_n_threads(pool);
    int n_parts = (int)(PASS_BYTES / PART) * n_threads;
    /* Little sets are read in longer runs, so that the sharing out costs nothing. */
    int grain = (int)(PASS_BYTES / PART / 64);
    double best = 0;
    pool_run(pool, n_threads, 1, fill_sets, all);
    for (int i = 0; i < PASSES; i++) {
        double start = clock_now();
        pool_run(pool, n_parts, grain, read_parts, all);
        double rate = (double)n_parts * (double)PART / (clock_now() - start);
        best = rate > best ? rate : best;
    }
    return best;
}

bool read_speed(const struct read_speed_options *options, double *bytes_per_s, struct err *err)
{
    size_t n = (size_t)options->n_threads,
           set_bytes = (options->set_bytes + PART - 1) / PART * PART;
    struct sets all = {.read = options->read, .set_bytes = set_bytes};
    uint8_t *memory = NULL;
    bool ok = false;
    struct pool *pool = pool_open(options->n_threads, err);
    if (!pool)
        return false;
    all.sets = mem_new(n, sizeof *all.sets, err);
    if (!all.sets)
        goto out;
    memory = mem_map(n * set_bytes, err);
    if (!memory)
        goto out;
    (void)mem_huge(memory, n * set_bytes, options->huge);
    for (size_t i = 0; i < n; i++)
        all.sets[i].bytes = memory + i * set_bytes;
    *bytes_per_s = best_pass(pool, &all);
    ok = true;
out:
    mem_unmap(memory, n * set_bytes);
    free(all.sets);
    pool_close(pool);
    return ok;
}
