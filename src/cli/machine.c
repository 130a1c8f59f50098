/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/machine.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/small_text.h"

#define NO_LIMIT  UINT64_MAX /* no such number, or "max" */
#define PASSES    5          /* over the block; the best counts */
#define PART      (1u << 20) /* bytes that a thread reads at a time */
#define MIN_BLOCK ((uint64_t)256 << 20)
#define MAX_BLOCK ((uint64_t)1 << 30)

/* How one version of control groups spells what is needed. */
struct spelling {
    const char *limit, *usage;
    const char *cache; /* in memory.stat: usage that goes when memory is needed */
};

static const struct spelling spellings[] = {
    {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_cache "},
    {"memory.max", "memory.current", "file "},
};

/* Reads the number behind key in the file DIR/NAME. */
static uint64_t read_number(const char *dir, const char *name, const char *key)
{
    char text[SMALL_TEXT_BYTES];
    long long number;
    small_text_read(text, sizeof text, "%s/%s", dir, name);
    const char *value = small_text_line(text, key);
    if (!value)
        return NO_LIMIT;
    value += strspn(value, " \t");
    return small_text_number(&value, &number) ? (uint64_t)number : NO_LIMIT;
}

/* Lowers *arg to what one group leaves. */
static void group_left(void *arg, const char *dir, int version)
{
    const struct spelling *s = &spellings[version - 1];
    uint64_t *least = arg;
    uint64_t limit = read_number(dir, s->limit, ""), usage = read_number(dir, s->usage, "");
    uint64_t cache = read_number(dir, "memory.stat", s->cache);
    if (limit == NO_LIMIT || usage == NO_LIMIT)
        return;
    if (cache != NO_LIMIT)
        usage = cache < usage ? usage - cache : 0;
    uint64_t left = limit > usage ? limit - usage : 0;
    if (left < *least)
        *least = left;
}

/* What the kernel itself says: less than what is available, as it leaves out the page cache. */
static uint64_t free_memory(void)
{
    struct sysinfo info;
    return sysinfo(&info) == 0 ? (uint64_t)(info.freeram + info.bufferram) * info.mem_unit
                               : NO_LIMIT;
}

uint64_t machine_memory(const char *root)
{
    char proc[PATH_MAX];
    snprintf(proc, sizeof proc, "%s/proc", root);
    uint64_t least = read_number(proc, "meminfo", "MemAvailable:");
    if (least != NO_LIMIT)
        least *= 1024; /* meminfo counts in KiB */
    else if (!*root)
        least = free_memory(); /* a bare tree without /proc */
    cgroup_each(root, "memory", group_left, &least);
    return least == NO_LIMIT ? 0 : least ? least : 1;
}

uint64_t machine_cache(void)
{
    static const int levels[] = {_SC_LEVEL3_CACHE_SIZE, _SC_LEVEL2_CACHE_SIZE};
    for (int i = 0; i < 2; i++) {
        long n = sysconf(levels[i]);
        if (n > 0)
            return (uint64_t)n;
    }
    return 0;
}

struct block {
    uint64_t *words;
    uint64_t *results; /* [parts]: what was read must be used */
};

static void fill_parts(void *arg, int begin, int end, int worker)
{
    struct block *b = arg;
    (void)worker;
    memset((char *)b->words + (size_t)begin * PART, 1, (size_t)(end - begin) * PART);
}

static void read_parts(void *arg, int begin, int end, int worker)
{
    struct block *b = arg;
    (void)worker;
    for (int part = begin; part < end; part++) {
        const uint64_t *words = b->words + (size_t)part * (PART / sizeof *words);
        uint64_t all = 0;
        for (size_t i = 0; i < PART / sizeof *words; i++)
            all |= words[i];
        b->results[part] = all;
    }
}

/* Four times the cache, so that little of a pass is still there in the next. */
static uint64_t block_bytes(void)
{
    uint64_t size = 4 * machine_cache(), memory = machine_memory("");
    if (size < MIN_BLOCK)
        size = MIN_BLOCK;
    if (size > MAX_BLOCK)
        size = MAX_BLOCK;
    if (memory && size > memory / 2)
        size = memory / 2;
    return size > PART ? size / PART * PART : PART;
}

bool machine_bandwidth(int n_threads, double *bytes_per_s, struct err *err)
{
    size_t size = block_bytes();
    int n_parts = (int)(size / PART);
    double best = 0;
    struct block block = {0};
    struct pool *pool = pool_open(n_threads, err);
    if (!pool)
        return false;
    block.results = mem_new((size_t)n_parts, sizeof *block.results, err);
    if (!block.results)
        goto out;
    block.words = mem_map(size, err);
    if (!block.words)
        goto out;
    pool_run(pool, n_parts, 1, fill_parts, &block);
    for (int i = 0; i < PASSES; i++) {
        double start = clock_now();
        pool_run(pool, n_parts, 1, read_parts, &block);
        double rate = (double)size / (clock_now() - start);
        if (rate > best)
            best = rate;
    }
    *bytes_per_s = best;
out:
    if (block.words)
        mem_unmap(block.words, size);
    free(block.results);
    pool_close(pool);
    return best > 0;
}
