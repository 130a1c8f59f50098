/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpus.h"

#include <sched.h>

#include "base/system_tree.h"

#define CPU(n)  "/sys/devices/system/cpu/cpu" #n "/topology/thread_siblings_list"
#define NODE(n) "/sys/devices/system/node/node" #n "/cpulist"

/* Four cores of two threads on two nodes: 0 and 4 share a core, 0 1 4 5 a node. */
static void put_machine(const char *root)
{
    static const char *const files[][2] = {
        {CPU(0), "0,4\n"},      {CPU(1), "1,5\n"},      {CPU(2), "2,6\n"}, {CPU(3), "3,7\n"},
        {CPU(4), "0,4\n"},      {CPU(5), "1,5\n"},      {CPU(6), "2,6\n"}, {CPU(7), "3,7\n"},
        {NODE(0), "0-1,4-5\n"}, {NODE(1), "2-3,6-7\n"}, {NODE(2), "\n"}, /* memory alone */
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        tree_put(root, files[i][0], files[i][1]);
}

static void check(const char *root, const char *allowed, struct cpus want)
{
    struct cpus got;
    cpus_find(&got, root, allowed);
    assert_int_equal(got.n_allowed, want.n_allowed);
    assert_int_equal(got.n_cores, want.n_cores);
    assert_int_equal(got.n_nodes, want.n_nodes);
    assert_int_equal(got.quota, want.quota);
    assert_int_equal(got.n_threads, want.n_threads);
}

TEST(cpus, threads_of_one_core_count_once)
{
    const char *root = tree_new("cpus_cores");
    put_machine(root);
    check(root, "0-7", (struct cpus){8, 4, 2, 0, 4});
    check(root, "0-3", (struct cpus){4, 4, 2, 0, 4});
    check(root, "4-5", (struct cpus){2, 2, 1, 0, 2});
    check(root, "0,4", (struct cpus){2, 1, 1, 0, 1});
    check(root, "6", (struct cpus){1, 1, 1, 0, 1});
    check(root, "0-63", (struct cpus){64, 60, 2, 0, 60}); /* of the others nothing is said */
    check(root, "0-8191", (struct cpus){8192, 8188, 2, 0, 1024});
}

TEST(cpus, control_groups_lower_the_number_of_threads)
{
    static const struct {
        const char *max;
        int quota, n_threads;
    } cases[] = {
        {"max 100000\n", 0, 4},
        {"200000 100000\n", 2, 2},
        {"200001 100000\n", 3, 3},
        {"1000 100000\n", 1, 1},
        {"800000 100000\n", 8, 4},
        {"0 100000\n", 1, 1},
        {"200000 0\n", 0, 4},
        {"200000\n", 0, 4},
        {"200000 \n", 0, 4},
        {"-1 100000\n", 0, 4},
        {"\n", 0, 4},
        {"", 0, 4},
        {"99999999999999999999 1\n", 0, 4},
        {"9223372036854775807 1\n", 0, 4},
    };
    const char *root = tree_new("cpus_v2");
    put_machine(root);
    tree_put(root, "/proc/self/cgroup", "0::/a/b\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tree_put(root, "/sys/fs/cgroup/a/b/cpu.max", cases[i].max);
        check(root, "0-7", (struct cpus){8, 4, 2, cases[i].quota, cases[i].n_threads});
    }
    /* The least of a group and those above it. */
    tree_put(root, "/sys/fs/cgroup/a/b/cpu.max", "300000 100000\n");
    tree_put(root, "/sys/fs/cgroup/a/cpu.max", "max 100000\n");
    tree_put(root, "/sys/fs/cgroup/cpu.max", "150000 100000\n");
    check(root, "0-7", (struct cpus){8, 4, 2, 2, 2});
}

TEST(cpus, the_first_version_of_control_groups_is_known)
{
    const char *root = tree_new("cpus_v1");
    put_machine(root);
    tree_put(root, "/proc/self/cgroup", "4:cpu,cpuacct:/docker/1\n0::/\n");
    /* In a container: its own group is the top of what is mounted. */
    tree_put(root, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000\n");
    check(root, "0-7", (struct cpus){8, 4, 2, 0, 4}); /* no period */
    tree_put(root, "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    check(root, "0-7", (struct cpus){8, 4, 2, 3, 3});
    tree_put(root, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    check(root, "0-7", (struct cpus){8, 4, 2, 0, 4});
}

TEST(cpus, what_is_not_understood_is_the_plainest_machine)
{
    static const char *const bad[] = {
        "",      "\n",   "x",   "0-",     "-1",   "1-0",           "0,,1",
        "0,\n",  "0-1x", "0 1", "0-8192", "8192", "0-99999999999", "99999999999999999999",
        "0\n\n", "0-1-2"};
    const char *root = tree_new("cpus_bad");
    check(root, "0-1", (struct cpus){2, 2, 1, 0, 2});
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tree_put(root, CPU(0), bad[i]);
        tree_put(root, CPU(1), bad[i]);
        tree_put(root, NODE(0), bad[i]);
        check(root, "0-1", (struct cpus){2, 2, 1, 0, 2});
        check(root, bad[i], (struct cpus){1, 1, 1, 0, 1});
    }
    /* A list that goes on and on. */
    static char text[1 << 17];
    memset(text, '0', sizeof text - 1);
    tree_put(root, CPU(1), text);
    check(root, "0-1", (struct cpus){2, 2, 1, 0, 2});
    /* A core that leaves its processor out. */
    tree_put(root, CPU(1), "5\n");
    check(root, "0-1", (struct cpus){2, 2, 1, 0, 2});
}

TEST(cpus, this_machine_has_as_many_as_the_system_says)
{
    cpu_set_t set;
    struct cpus cpus;
    cpus_find(&cpus, "", NULL);
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    assert_int_equal(cpus.n_allowed, CPU_COUNT(&set));
    assert_in_range(cpus.n_cores, 1, cpus.n_allowed);
    assert_in_range(cpus_n_threads(), 1, cpus.n_cores);
}
