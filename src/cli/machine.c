/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/machine.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/small_text.h"

/* Lowers *arg to what one group leaves. */
static void group_left(void *arg, const char *dir, int version)
{
    uint64_t *least = arg;
    struct cgroup_memory m = cgroup_memory(dir, version);
    if (m.limit == SMALL_TEXT_NONE || m.usage == SMALL_TEXT_NONE)
        return;
    if (m.cache != SMALL_TEXT_NONE)
        m.usage = m.cache < m.usage ? m.usage - m.cache : 0;
    uint64_t left = m.limit > m.usage ? m.limit - m.usage : 0;
    if (left < *least)
        *least = left;
}

/* What the kernel itself says: less than what is available, as it leaves out the page cache. */
static uint64_t free_memory(void)
{
    struct sysinfo info;
    return sysinfo(&info) == 0 ? (uint64_t)(info.freeram + info.bufferram) * info.mem_unit
                               : SMALL_TEXT_NONE;
}

uint64_t machine_memory(const char *root)
{
    char proc[PATH_MAX];
    snprintf(proc, sizeof proc, "%s/proc", root);
    uint64_t least = small_text_amount(proc, "meminfo", "MemAvailable:");
    if (least != SMALL_TEXT_NONE)
        least *= 1024; /* meminfo counts in KiB */
    else if (!*root)
        least = free_memory(); /* a bare tree without /proc */
    cgroup_each(root, "memory", group_left, &least);
    return least == SMALL_TEXT_NONE ? 0 : least ? least : 1;
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
    uint64_t kib = small_text_amount("/proc/self", "status", key);
    return kib == SMALL_TEXT_NONE ? 0 : kib * 1024;
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
