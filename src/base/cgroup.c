/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cgroup.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/small_text.h"

/* Returns which version a line is of, "0::PATH" or "N:CONTROLLER,CONTROLLER:PATH", when it
 * concerns controller, or 0; *path is then where the path begins. */
static int line_version(const char *line, const char *controller, const char **path)
{
    size_t n = strlen(controller);
    const char *name = strchr(line, ':'), *end = name ? strchr(name + 1, ':') : NULL;
    if (!end)
        return 0;
    *path = end + 1;
    if (end == name + 1)
        return strncmp(line, "0:", 2) == 0 ? 2 : 0;
    for (name++; name < end; name += strcspn(name, ",:") + 1)
        if (strncmp(name, controller, n) == 0 && strcspn(name, ",:") == n)
            return 1;
    return 0;
}

/* dir: [PATH_MAX], of which the first n_mount bytes are where the hierarchy is mounted. */
static void each_above(char *dir, size_t n_mount, int version, cgroup_fn *fn, void *arg)
{
    for (;;) {
        fn(arg, dir, version);
        char *slash = strrchr(dir, '/');
        if (!slash || slash < dir + n_mount)
            return;
        *slash = '\0';
    }
}

void cgroup_each(const char *root, const char *controller, cgroup_fn *fn, void *arg)
{
    char groups[SMALL_TEXT_BYTES], dir[PATH_MAX];
    const char *path;
    if (!small_text_read(groups, sizeof groups, "%s/proc/self/cgroup", root))
        return;
    for (char *line = groups, *end; *line; line = end) {
        end = line + strcspn(line, "\n");
        if (*end)
            *end++ = '\0';
        int version = line_version(line, controller, &path);
        if (!version)
            continue;
        int n_mount = snprintf(dir, sizeof dir, "%s/sys/fs/cgroup%s%s", root,
                               version == 1 ? "/" : "", version == 1 ? controller : "");
        if (n_mount < 0 || (size_t)n_mount + strlen(path) >= sizeof dir)
            continue;
        snprintf(dir + n_mount, sizeof dir - (size_t)n_mount, "%s", path);
        each_above(dir, (size_t)n_mount, version, fn, arg);
    }
}

struct cgroup_memory cgroup_memory(const char *dir, int version)
{
    bool first = version == 1;
    return (struct cgroup_memory){
        .limit = small_text_amount(dir, first ? "memory.limit_in_bytes" : "memory.max", ""),
        .usage = small_text_amount(dir, first ? "memory.usage_in_bytes" : "memory.current", ""),
        .cache = small_text_amount(dir, "memory.stat", first ? "total_cache " : "file "),
    };
}

static void lower_limit(void *arg, const char *dir, int version)
{
    uint64_t *least = arg, limit = cgroup_memory(dir, version).limit;
    *least = limit < *least ? limit : *least;
}

uint64_t cgroup_memory_limit(const char *root)
{
    uint64_t least = SMALL_TEXT_NONE;
    cgroup_each(root, "memory", lower_limit, &least);
    return least;
}
