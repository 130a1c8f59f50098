/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

TEST(mem, sizes_that_overflow_are_refused)
{
    size_t out = 7;
    assert_false(size_mul(SIZE_MAX, 2, &out));
    assert_false(size_add(SIZE_MAX, 1, &out));
    assert_int_equal(out, 7);
    assert_true(size_mul(1u << 20, 3, &out));
    assert_int_equal(out, 3u << 20);
    assert_true(size_add(SIZE_MAX - 1, 1, &out));
    assert_true(out == SIZE_MAX);
}

TEST(mem, new_is_zeroed_and_overflow_is_an_error)
{
    struct err err = {0};
    uint64_t *p = mem_new(1000, sizeof *p, &err);
    assert_non_null(p);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(p[i], 0);
    free(p);
    assert_null(mem_new(SIZE_MAX, 16, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_null(mem_resize(NULL, SIZE_MAX / 2, 4, &err));
}

TEST(mem, resize_keeps_content)
{
    struct err err = {0};
    int *p = mem_new(4, sizeof *p, &err);
    p[3] = 42;
    p = mem_resize(p, 4000, sizeof *p, &err);
    assert_non_null(p);
    assert_int_equal(p[3], 42);
    free(p);
}

TEST(mem, string_copies_bytes_and_ends_them)
{
    struct err err = {0};
    char *s = mem_string("abcdef", 3, &err);
    assert_string_equal(s, "abc");
    free(s);
    assert_null(mem_string("", SIZE_MAX, &err));
}

TEST(mem, map_refuses_the_impossible)
{
    struct err err = {0};
    char *p = mem_map(1 << 20, &err);
    assert_non_null(p);
    p[(1 << 20) - 1] = 1;
    mem_unmap(p, 1 << 20);
    assert_null(mem_map(SIZE_MAX / 2, &err));
    assert_int_equal(err.code, ERR_LIMIT);
}

TEST(mem, fail_after_lets_n_succeed)
{
    struct err err = {0};
    mem_fail_after(2);
    void *a = mem_new(1, 1, &err);
    void *b = mem_malloc(1);
    void *c = mem_new(1, 1, &err);
    void *d = mem_map(4096, &err);
    void *e = mem_malloc(1);
    size_t n_failed = mem_n_failed();
    mem_fail_never();
    assert_true(a && b && !c && !d && !e);
    assert_int_equal(n_failed, 3);
    assert_int_equal(err.code, ERR_LIMIT);
    free(a);
    free(b);
    a = mem_new(1, 1, &err);
    assert_non_null(a);
    free(a);
}

TEST(mem, fail_once_lets_the_rest_succeed)
{
    struct err err = {0};
    mem_fail_once(1);
    void *a = mem_new(1, 1, &err);
    void *b = mem_malloc(1);
    void *c = mem_new(1, 1, &err);
    size_t n_failed = mem_n_failed();
    mem_fail_never();
    assert_true(a && !b && c);
    assert_int_equal(n_failed, 1);
    free(a);
    free(c);
}

/* Says how a child ends that allocates in this way while it is forbidden. */
static int forbidden_exit(bool forbid)
{
    struct err err = {0};
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        close(2); /* the message is expected */
        mem_forbid(true);
        mem_forbid(forbid);
        _exit(mem_map(4096, &err) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

TEST(mem, a_forbidden_allocation_aborts)
{
    int status = forbidden_exit(true);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_int_equal(forbidden_exit(false), 0);
}

TEST(mem, pinning_says_whether_the_system_allows_it)
{
    struct err err = {0};
    struct rlimit before;
    size_t size = 64 << 10;
    char *p = mem_map(size, &err);
    assert_non_null(p);
    assert_true(mem_pin(p + 100, 5000)); /* far below what everybody may lock */
    p[100] = 1;
    assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
    /* Sanitizers make locking do nothing, whatever is asked for. */
    if (mlock(NULL, 1) == 0) {
        mem_unmap(p, size);
        skip();
    }
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        /* Who may lock anything is not limited: become nobody. */
        bool ok = setrlimit(RLIMIT_MEMLOCK, &none) == 0 && (geteuid() || setuid(65534) == 0);
        _exit(ok && !mem_pin(p, size) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    mem_unmap(p, size);
}
