/* SPDX-License-Identifier: Apache-2.0 */
/* Files are really cut short while they are mapped: that is what raises the signal. */
#include "base/map_guard.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/pool.h"
#include "test.h"

enum { PAGES = 64, THREADS = 4 };

static size_t page;

/* Each test has a handler of cmocka's, put over what the test before installed. */
static void guard(void)
{
    map_guard_uninstall();
    map_guard_install();
}

/* Writes a file of PAGES pages, each byte of which is 1, and maps it. */
static const char *map_ones(struct file_map *map, const char *name)
{
    static char bytes[PAGES * 65536];
    struct err err = {0};
    page = (size_t)sysconf(_SC_PAGESIZE);
    assert_true(page <= 65536);
    memset(bytes, 1, PAGES * page);
    const char *path = test_write(test_tmp(name), bytes, PAGES * page);
    assert_true(file_map(map, path, &err));
    return path;
}

static int byte_at(const struct file_map *map, size_t offset)
{
    return *(const volatile uint8_t *)(map->data + offset);
}

static void cut(const char *path, size_t size)
{
    assert_int_equal(truncate(path, (off_t)size), 0);
}

TEST(map_guard, a_read_behind_the_end_gives_zeros_and_is_remembered)
{
    struct err err = {0};
    struct file_map map, other;
    guard();
    map_guard_install(); /* does nothing, or it would pass faults on to itself */
    const char *path = map_ones(&map, "cut");
    map_ones(&other, "whole");
    assert_int_equal(byte_at(&map, PAGES * page - 1), 1);
    cut(path, PAGES / 2 * page);
    assert_true(file_map_check(&map, path, &err)); /* nothing was read since */
    assert_int_equal(byte_at(&map, PAGES / 2 * page - 1), 1);
    assert_true(file_map_check(&map, path, &err));
    assert_int_equal(byte_at(&map, (PAGES - 2) * page + 77), 0);
    assert_int_equal(byte_at(&map, PAGES / 2 * page + 1), 0);
    assert_int_equal(byte_at(&map, PAGES * page - 1), 0);
    assert_int_equal(byte_at(&map, PAGES / 2 * page - 1), 1);
    err_set(&err, ERR_FORMAT, "what the zeros led to");
    assert_false(file_map_check(&map, path, &err));
    assert_int_equal(err.code, ERR_IO);
    char want[700];
    snprintf(want, sizeof want,
             "%s: reading at byte %zu failed: the file changed or its disk failed; restore the "
             "file and open it again",
             path, (PAGES - 2) * page);
    assert_string_equal(err.text, want);
    assert_true(file_map_check(&other, "whole", &err));
    /* It lasts although the file is whole again, until that is mapped anew. */
    cut(path, PAGES * page);
    assert_int_equal(byte_at(&map, PAGES * page - 1), 0);
    assert_false(file_map_check(&map, path, &err));
    file_unmap(&map);
    assert_true(file_map(&map, path, &err));
    assert_int_equal(byte_at(&map, PAGES / 2 * page - 1), 1);
    assert_true(file_map_check(&map, path, &err));
    file_unmap(&map);
    file_unmap(&other);
}

struct meeting {
    const struct file_map *map;
    atomic_int n_there;
    int sum[THREADS];
};

/* Reads, at the same time as the others, pages from the end to the middle. */
static void meet(void *arg, int begin, int end, int worker)
{
    struct meeting *m = arg;
    (void)worker;
    for (int i = begin; i < end; i++) {
        atomic_fetch_add(&m->n_there, 1);
        while (atomic_load(&m->n_there) < THREADS)
            ;
        for (size_t p = PAGES; p > PAGES / 2; p--)
            m->sum[i] += byte_at(m->map, p * page - 1);
    }
}

TEST(map_guard, threads_may_meet_at_one_page)
{
    struct err err = {0};
    guard();
    struct pool *pool = pool_open(THREADS, &err);
    assert_non_null(pool);
    for (int round = 0; round < 20; round++) {
        struct file_map map;
        const char *path = map_ones(&map, "met");
        struct meeting m = {.map = &map};
        cut(path, PAGES / 2 * page);
        pool_run(pool, THREADS, 1, meet, &m);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(m.sum[i], 0);
        assert_false(file_map_check(&map, path, &err));
        file_unmap(&map);
    }
    pool_close(pool);
}

TEST(map_guard, what_cannot_be_read_is_not_written_as_if)
{
    struct err err = {0};
    struct file_map map;
    guard();
    const char *path = map_ones(&map, "source"), *to = test_tmp("copy");
    cut(path, PAGES / 2 * page);
    FILE *f = fopen(to, "wb");
    assert_non_null(f);
    assert_true(file_write(fileno(f), to, map.data, map.size, &err));
    fclose(f);
    assert_false(file_map_check(&map, path, &err));
    assert_non_null(strstr(err.text, "source: reading at byte "));
    file_unmap(&map);
}

static void leave(int number)
{
    _exit(number == SIGBUS ? 7 : 8);
}

static void leave_with_address(int number, siginfo_t *info, void *context)
{
    (void)context;
    _exit(number == SIGBUS && info->si_code == BUS_ADRERR && info->si_addr ? 9 : 10);
}

enum how { BY_FAULT, BY_KILL };

/* Says how a child ends that had this handler first, when a fault or a signal is not ours. */
static int stranger_exit(const struct sigaction *first, enum how how)
{
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        char name[64];
        snprintf(name, sizeof name, "%d %d", (int)getpid(), (int)how);
        const char *path = test_write(test_tmp("strange"), name, sizeof name);
        FILE *f = fopen(path, "rb");
        void *p = mmap(NULL, sizeof name, PROT_READ, MAP_SHARED, fileno(f), 0);
        map_guard_uninstall();
        sigaction(SIGBUS, first, NULL);
        map_guard_install();
        cut(path, 0);
        if (how == BY_KILL)
            raise(SIGBUS);
        else
            _exit(*(volatile char *)p);
        _exit(11);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

TEST(map_guard, what_is_not_ours_goes_where_it_went_before)
{
    const struct sigaction dies = {.sa_handler = SIG_DFL}, ignores = {.sa_handler = SIG_IGN};
    const struct sigaction plain = {.sa_handler = leave};
    const struct sigaction full = {.sa_sigaction = leave_with_address, .sa_flags = SA_SIGINFO};
    int status = stranger_exit(&dies, BY_FAULT);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    status = stranger_exit(&dies, BY_KILL);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    status = stranger_exit(&ignores, BY_FAULT); /* as the kernel has it */
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    status = stranger_exit(&ignores, BY_KILL);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 11);
    status = stranger_exit(&plain, BY_FAULT);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    status = stranger_exit(&plain, BY_KILL);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    status = stranger_exit(&full, BY_FAULT);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 9);
    status = stranger_exit(&full, BY_KILL);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 10);
}

TEST(map_guard, has_a_limit)
{
    static size_t slots[LIMIT_MAPPED_FILES];
    static const char nowhere[1];
    struct err err = {0};
    struct file_map map;
    size_t n = 0;
    while (n < LIMIT_MAPPED_FILES && map_guard_add(nowhere, sizeof nowhere, &slots[n], &err))
        n++;
    assert_true(n > 16000); /* some may be in use */
    err = (struct err){0};
    const char *path = test_write(test_tmp("more"), "1", 1);
    assert_false(file_map(&map, path, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(strstr(err.text, "/more: more than 16384 mapped files; close a model first"));
    for (size_t i = 0; i < n; i++)
        map_guard_remove(slots[i]);
    assert_true(file_map(&map, path, &err));
    file_unmap(&map);
}
