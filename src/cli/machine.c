/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/machine.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/small_text.h"

#define NO_LIMIT UINT64_MAX /* no such number, or "max" */

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

uint64_t machine_cache(int level)
{
    static const int names[] = {_SC_LEVEL3_CACHE_SIZE, _SC_LEVEL2_CACHE_SIZE};
    for (int i = 0; i < 2; i++) {
        long n = level == 0 || level == 3 - i ? sysconf(names[i]) : 0;
        if (n > 0)
            return (uint64_t)n;
    }
    return 0;
}

/* Reads an amount of memory from what the kernel says about this process. */
static uint64_t read_status(const char *key)
{
    uint64_t kib = read_number("/proc/self", "status", key);
    return kib == NO_LIMIT ? 0 : kib * 1024;
}

struct machine_resident machine_resident(void)
{
    return (struct machine_resident){.peak = read_status("VmHWM:"),
                                     .files = read_status("RssFile:")};
}

bool machine_forget_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (!f)
        return false;
    bool ok = fputs("5", f) >= 0;
    return fclose(f) == 0 && ok;
}
