/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cgroup.h"

#include <stdlib.h>

#include "base/small_text.h"
#include "base/system_tree.h"

struct visits {
    size_t n_root; /* characters of the root, which are left out */
    char text[4096];
};

static void visit(void *arg, const char *dir, int version)
{
    struct visits *v = arg;
    size_t n = strlen(v->text);
    snprintf(v->text + n, sizeof v->text - n, "%d%s ", version, dir + v->n_root);
}

static void check(const char *groups, const char *want)
{
    const char *root = tree_new("cgroup");
    struct visits v = {.n_root = strlen(root)};
    tree_put(root, "/proc/self/cgroup", groups);
    cgroup_each(root, "cpu", visit, &v);
    assert_string_equal(v.text, want);
}

TEST(cgroup, a_group_and_those_above_it_are_seen)
{
    check("0::/a/b\n", "2/sys/fs/cgroup/a/b 2/sys/fs/cgroup/a 2/sys/fs/cgroup ");
    check("0::/", "2/sys/fs/cgroup/ 2/sys/fs/cgroup ");
    check("7:cpuset:/x\n4:cpu,cpuacct:/j\n3:memory:/m\n",
          "1/sys/fs/cgroup/cpu/j 1/sys/fs/cgroup/cpu ");
    check("4:cpuacct,cpu:/\n0::/a:b\n",
          "1/sys/fs/cgroup/cpu/ 1/sys/fs/cgroup/cpu 2/sys/fs/cgroup/a:b 2/sys/fs/cgroup ");
}

TEST(cgroup, what_is_not_understood_is_passed_over)
{
    static const char *const bad[] = {"",        "\n\n",  "0",     "0:",     ":",
                                      "::",      ":::",   "1::/a", "x::/a",  "3:cpus:/a",
                                      "3:cp:/a", "3:cpu", "\n:\n", "3:,,:/a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check(bad[i], "");
    char *groups = malloc(9001); /* no path is so long */
    memcpy(groups, "0::/", 4);
    memset(groups + 4, 'a', 8996);
    groups[9000] = '\0';
    check(groups, "");
    free(groups);
    struct visits v = {0};
    cgroup_each(test_tmp("cgroup_none"), "cpu", visit, &v);
    assert_string_equal(v.text, "");
}

TEST(cgroup, the_least_limit_of_memory_counts)
{
    static const struct {
        const char *own, *above;
        uint64_t want;
    } cases[] = {
        {"max\n", "max\n", SMALL_TEXT_NONE},
        {"4096\n", "max\n", 4096},
        {"max\n", "4096\n", 4096},
        {"8192\n", "4096\n", 4096},
        {"0\n", "4096\n", 0},
        {"\n", "x\n", SMALL_TEXT_NONE},
        {"-1\n", "99999999999999999999\n", SMALL_TEXT_NONE},
    };
    const char *root = tree_new("cgroup_memory");
    assert_true(cgroup_memory_limit(root) == SMALL_TEXT_NONE);
    tree_put(root, "/proc/self/cgroup", "0::/a/b\n");
    assert_true(cgroup_memory_limit(root) == SMALL_TEXT_NONE);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tree_put(root, "/sys/fs/cgroup/a/b/memory.max", cases[i].own);
        tree_put(root, "/sys/fs/cgroup/a/memory.max", cases[i].above);
        assert_true(cgroup_memory_limit(root) == cases[i].want);
    }
    /* In a container of the first version: its own group is the top of what is mounted. */
    root = tree_new("cgroup_memory_v1");
    tree_put(root, "/proc/self/cgroup", "5:cpu:/c\n4:memory:/docker/1\n");
    tree_put(root, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "12288\n");
    tree_put(root, "/sys/fs/cgroup/cpu/c/memory.limit_in_bytes", "1\n");
    assert_true(cgroup_memory_limit(root) == 12288);
}

TEST(cgroup, a_group_says_what_it_uses)
{
    char dir[600];
    const char *root = tree_new("cgroup_usage");
    tree_put(root, "/g/memory.max", "100\n");
    tree_put(root, "/g/memory.current", "90\n");
    tree_put(root, "/g/memory.stat", "anon 50\nfile 40\n");
    tree_put(root, "/g/memory.limit_in_bytes", "200\n");
    snprintf(dir, sizeof dir, "%s/g", root);
    struct cgroup_memory m = cgroup_memory(dir, 2);
    assert_true(m.limit == 100 && m.usage == 90 && m.cache == 40);
    m = cgroup_memory(dir, 1);
    assert_true(m.limit == 200 && m.usage == SMALL_TEXT_NONE && m.cache == SMALL_TEXT_NONE);
}
