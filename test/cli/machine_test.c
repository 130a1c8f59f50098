/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/machine.h"

#include "base/system_tree.h"
#include "test.h"

TEST(machine, memory_is_what_the_system_calls_available)
{
    const char *root = tree_new("machine_plain");
    tree_put(root, "/proc/meminfo",
             "MemTotal:  1000 kB\nMemFree:  10 kB\nMemAvailable:     500 kB\n");
    assert_int_equal(machine_memory(root), 512000);
}

TEST(machine, a_control_group_lowers_it)
{
    const char *root = tree_new("machine_v2");
    tree_put(root, "/proc/meminfo", "MemAvailable: 500 kB\n");
    tree_put(root, "/proc/self/cgroup", "0::/a/b\n");
    tree_put(root, "/sys/fs/cgroup/a/b/memory.max", "max\n");
    tree_put(root, "/sys/fs/cgroup/a/b/memory.current", "7\n");
    assert_int_equal(machine_memory(root), 512000);
    /* The group above counts as well; what its page cache holds can go. */
    tree_put(root, "/sys/fs/cgroup/a/memory.max", "100000\n");
    tree_put(root, "/sys/fs/cgroup/a/memory.current", "90000\n");
    tree_put(root, "/sys/fs/cgroup/a/memory.stat", "anon 60000\nfile 30000\n");
    assert_int_equal(machine_memory(root), 40000);
    tree_put(root, "/sys/fs/cgroup/a/b/memory.max", "5\n");
    assert_int_equal(machine_memory(root), 1); /* known: nothing is left */
}

TEST(machine, the_first_version_of_control_groups_is_known)
{
    const char *root = tree_new("machine_v1");
    tree_put(root, "/proc/meminfo", "MemAvailable: 500 kB\n");
    tree_put(root, "/proc/self/cgroup", "5:cpu:/\n4:memory:/job\n0::/\n");
    tree_put(root, "/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1000\n");
    tree_put(root, "/sys/fs/cgroup/memory/job/memory.usage_in_bytes", "600\n");
    tree_put(root, "/sys/fs/cgroup/memory/job/memory.stat", "cache 1\ntotal_cache 200\n");
    assert_int_equal(machine_memory(root), 600);
}

TEST(machine, unknown_memory_is_zero)
{
    assert_int_equal(machine_memory(tree_new("machine_empty")), 0);
    assert_true(machine_memory("") > 0);
}
