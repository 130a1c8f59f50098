/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"

#define MAX_PATH 4096
#define FILE_MAX 65536u     /* bytes of a file in /proc or /sys */
#define NO_LIMIT UINT64_MAX /* no such number, or "max" */

/* Returns what stands behind key at the start of a line, or NULL. */
static const char *find_line(const char *text, const char *key)
{
    size_t n = strlen(key);
    while (strncmp(text, key, n) != 0) {
        text = strchr(text, '\n');
        if (!text)
            return NULL;
        text++;
    }
    return text + n;
}

/* Reads a small file; text is empty when there is none. */
static void read_small(struct buf *text, const char *path)
{
    struct err ignored = {0};
    buf_init(text, FILE_MAX);
    if (!file_read(text, path, &ignored))
        buf_clear(text);
}

/* Reads the number behind key in the file DIR/NAME. */
static uint64_t read_number(const char *dir, const char *name, const char *key)
{
    struct buf text;
    char path[MAX_PATH];
    uint64_t number = NO_LIMIT;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    read_small(&text, path);
    const char *value = text.len ? find_line(text.data, key) : NULL;
    if (value) {
        value += strspn(value, " \t");
        if (*value >= '0' && *value <= '9')
            number = strtoull(value, NULL, 10);
    }
    buf_free(&text);
    return number;
}

/* How one version of control groups spells what is needed. */
struct cgroup {
    const char *line;  /* in /proc/self/cgroup, before the path */
    const char *mount; /* under the root */
    const char *limit, *usage;
    const char *cache; /* in memory.stat: usage that goes when memory is needed */
};

static const struct cgroup cgroup_versions[] = {
    {"0::", "/sys/fs/cgroup", "memory.max", "memory.current", "file "},
    {":memory:", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
     "total_cache "},
};

/* What one group leaves. */
static uint64_t group_left(const struct cgroup *version, const char *dir)
{
    uint64_t limit = read_number(dir, version->limit, "");
    uint64_t usage = read_number(dir, version->usage, "");
    uint64_t cache = read_number(dir, "memory.stat", version->cache);
    if (limit == NO_LIMIT || usage == NO_LIMIT)
        return NO_LIMIT;
    if (cache != NO_LIMIT)
        usage = cache < usage ? usage - cache : 0;
    return limit > usage ? limit - usage : 0;
}

/* Finds where a version's line in /proc/self/cgroup begins its path; version 1 numbers its
 * lines, so the name stands inside. */
static const char *group_path(const struct cgroup *version, const char *groups)
{
    if (version->line[0] != ':')
        return find_line(groups, version->line);
    const char *at = strstr(groups, version->line);
    return at ? at + strlen(version->line) : NULL;
}

/* The least that the process's group and those above it leave. */
static uint64_t groups_left(const struct cgroup *version, const char *root, const char *groups)
{
    char dir[MAX_PATH];
    uint64_t least = NO_LIMIT;
    const char *path = group_path(version, groups);
    if (!path)
        return least;
    int n_mount = snprintf(dir, sizeof dir, "%s%s", root, version->mount);
    snprintf(dir + n_mount, sizeof dir - (size_t)n_mount, "%.*s", (int)strcspn(path, "\n"), path);
    for (;;) {
        uint64_t left = group_left(version, dir);
        if (left < least)
            least = left;
        char *slash = strrchr(dir, '/');
        if (!slash || slash < dir + n_mount)
            return least;
        *slash = '\0';
    }
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
    struct buf groups;
    char path[MAX_PATH];
    snprintf(path, sizeof path, "%s/proc", root);
    uint64_t least = read_number(path, "meminfo", "MemAvailable:");
    if (least != NO_LIMIT)
        least *= 1024; /* meminfo counts in KiB */
    else if (!*root)
        least = free_memory(); /* a bare tree without /proc */
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    read_small(&groups, path);
    for (int i = 0; groups.len && i < 2; i++) {
        uint64_t left = groups_left(&cgroup_versions[i], root, groups.data);
        if (left < least)
            least = left;
    }
    buf_free(&groups);
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
