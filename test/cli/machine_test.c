/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "test.h"

/* Writes a file below a folder of this run, with the folders that lead to it. */
static void put(const char *root, const char *path, const char *text)
{
    char at[1024];
    snprintf(at, sizeof at, "%s%s", root, path);
    for (char *slash = at + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        mkdir(at, 0700);
    }
    test_write(at, text, strlen(text));
}

static const char *new_root(const char *name)
{
    static char root[512];
    snprintf(root, sizeof root, "%s", test_tmp(name));
    mkdir(root, 0700);
    return root;
}

TEST(machine, memory_is_what_the_system_calls_available)
{
    const char *root = new_root("machine_plain");
    put(root, "/proc/meminfo", "MemTotal:  1000 kB\nMemFree:  10 kB\nMemAvailable:     500 kB\n");
    assert_int_equal(machine_memory(root), 512000);
}

TEST(machine, a_control_group_lowers_it)
{
    const char *root = new_root("machine_v2");
    put(root, "/proc/meminfo", "MemAvailable: 500 kB\n");
    put(root, "/proc/self/cgroup", "0::/a/b\n");
    put(root, "/sys/fs/cgroup/a/b/memory.max", "max\n");
    put(root, "/sys/fs/cgroup/a/b/memory.current", "7\n");
    assert_int_equal(machine_memory(root), 512000);
    /* The group above counts as well; what its page cache holds can go. */
    put(root, "/sys/fs/cgroup/a/memory.max", "100000\n");
    put(root, "/sys/fs/cgroup/a/memory.current", "90000\n");
    put(root, "/sys/fs/cgroup/a/memory.stat", "anon 60000\nfile 30000\n");
    assert_int_equal(machine_memory(root), 40000);
    put(root, "/sys/fs/cgroup/a/b/memory.max", "5\n");
    assert_int_equal(machine_memory(root), 1); /* known: nothing is left */
}

TEST(machine, the_first_version_of_control_groups_is_known)
{
    const char *root = new_root("machine_v1");
    put(root, "/proc/meminfo", "MemAvailable: 500 kB\n");
    put(root, "/proc/self/cgroup", "5:cpu:/\n4:memory:/job\n0::/\n");
    put(root, "/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1000\n");
    put(root, "/sys/fs/cgroup/memory/job/memory.usage_in_bytes", "600\n");
    put(root, "/sys/fs/cgroup/memory/job/memory.stat", "cache 1\ntotal_cache 200\n");
    assert_int_equal(machine_memory(root), 600);
}

TEST(machine, unknown_memory_is_zero)
{
    assert_int_equal(machine_memory(new_root("machine_empty")), 0);
    assert_true(machine_memory("") > 0);
}
