/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cgroup.h"

#include <stdlib.h>

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
