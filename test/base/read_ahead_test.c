/* SPDX-License-Identifier: Apache-2.0 */
#include "base/read_ahead.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/system_tree.h"
#include "test.h"

enum { SIZE = 9 << 20, SYSTEM_PAGE = 4096, PAGES = SIZE / SYSTEM_PAGE };

/* Pages of a mapping that are in memory. */
static int n_present(const struct file_map *map)
{
    static unsigned char present[PAGES];
    int n = 0;
    assert_int_equal(mincore((void *)(uintptr_t)map->data, map->size, present), 0);
    for (size_t i = 0; i < (map->size + SYSTEM_PAGE - 1) / SYSTEM_PAGE; i++)
        n += present[i] & 1;
    return n;
}

/* A file on disk alone, as far as the system follows the advice. */
static const char *cold_file(const char *name, size_t size)
{
    const char *path = test_tmp(name);
    char *bytes = malloc(size);
    memset(bytes, 7, size);
    test_write(path, bytes, size);
    free(bytes);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    fdatasync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
    return path;
}

TEST(read_ahead, every_file_comes_into_memory)
{
    struct err err = {0};
    struct file_map maps[3] = {{0}};
    assert_true(file_map(&maps[0], cold_file("ahead_0", SIZE), &err));
    assert_true(file_map(&maps[2], cold_file("ahead_2", 5 * SYSTEM_PAGE + 1), &err));
    struct read_ahead *ahead = read_ahead_open(maps, 3, &err);
    assert_non_null(ahead);
    for (double end = clock_now() + 30.0; clock_now() < end; usleep(1000))
        if (n_present(&maps[0]) == PAGES && n_present(&maps[2]) == 6)
            break;
    assert_int_equal(n_present(&maps[0]), PAGES);
    assert_int_equal(n_present(&maps[2]), 6);
    read_ahead_close(ahead);
    file_unmap(&maps[0]);
    file_unmap(&maps[2]);
}

/* A group that may have little would push out its own pages: half of that is read. */
TEST(read_ahead, control_groups_lower_what_is_read)
{
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    const char *root = tree_new("ahead_groups");
    assert_int_equal(read_ahead_most(root), machine / 2);
    tree_put(root, "/proc/self/cgroup", "0::/a/b\n");
    tree_put(root, "/sys/fs/cgroup/a/b/memory.max", "max\n");
    assert_int_equal(read_ahead_most(root), machine / 2);
    tree_put(root, "/sys/fs/cgroup/a/memory.max", "1000000\n");
    assert_int_equal(read_ahead_most(root), 500000);
    tree_put(root, "/proc/self/cgroup", "4:memory:/job\n0::/a\n");
    tree_put(root, "/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(read_ahead_most(root), 500000);
    tree_put(root, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "60000\n");
    assert_int_equal(read_ahead_most(root), 30000);
}

TEST(read_ahead, ends_at_once_and_reports_failures)
{
    struct err err = {0};
    struct file_map map;
    assert_true(file_map(&map, cold_file("ahead_3", SIZE), &err));
    for (int i = 0; i < 50; i++) {
        struct read_ahead *ahead = read_ahead_open(&map, 1, &err);
        assert_non_null(ahead);
        read_ahead_close(ahead);
    }
    read_ahead_close(NULL);
    mem_fail_after(0);
    assert_null(read_ahead_open(&map, 1, &err));
    mem_fail_never();
    assert_int_equal(err.code, ERR_LIMIT);
    file_unmap(&map);
}
