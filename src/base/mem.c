/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_BYTES ((size_t)8 << 20)

static _Thread_local bool forbidden;
static _Thread_local bool failing, once;
static _Thread_local size_t n_left, n_failed;

/* Says whether this allocation must fail because a test wants it to. */
static bool denied(void)
{
    if (forbidden) {
        fputs("allocation inside a step that must not allocate\n", stderr);
        abort();
    }
    if (!failing)
        return false;
    if (n_left) {
        n_left--;
        return false;
    }
    n_failed++;
    failing = !once;
    return true;
}

bool size_mul(size_t a, size_t b, size_t *out)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *out = product;
    return true;
}

bool size_add(size_t a, size_t b, size_t *out)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}

void *mem_new(size_t n, size_t size, struct err *err)
{
    size_t bytes;
    void *p = NULL;
    if (size_mul(n, size, &bytes) && !denied())
        p = calloc(bytes ? bytes : 1, 1);
    if (!p)
        err_set(err, ERR_LIMIT, "out of memory: %zu x %zu bytes", n, size);
    return p;
}

void *mem_resize(void *p, size_t n, size_t size, struct err *err)
{
    size_t bytes;
    void *q = NULL;
    if (size_mul(n, size, &bytes) && !denied())
        q = realloc(p, bytes ? bytes : 1);
    if (!q)
        err_set(err, ERR_LIMIT, "out of memory: %zu x %zu bytes", n, size);
    return q;
}

char *mem_string(const char *bytes, size_t n, struct err *err)
{
    size_t size;
    if (!size_add(n, 1, &size)) {
        err_set(err, ERR_LIMIT, "out of memory: %zu bytes", n);
        return NULL;
    }
    char *s = mem_new(size, 1, err);
    if (s && n)
        memcpy(s, bytes, n);
    return s;
}

void *mem_map(size_t size, struct err *err)
{
    void *p = MAP_FAILED;
    if (!denied())
        p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        err_set(err, ERR_LIMIT, "cannot reserve %zu bytes of memory", size);
        return NULL;
    }
    /* Half the time for the first touch; a small block would only take more memory. */
    if (size >= HUGE_BYTES)
        (void)madvise(p, size, MADV_HUGEPAGE);
    return p;
}

void mem_unmap(void *p, size_t size)
{
    if (p)
        munmap(p, size);
}

bool mem_huge(void *p, size_t n, bool huge)
{
#if defined(MADV_HUGEPAGE)
    return madvise(p, n, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) == 0;
#else
    (void)p;
    (void)n;
    (void)huge;
    return false;
#endif
}

bool mem_pin(const void *p, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), skip = (uintptr_t)p % page;
    void *start = (void *)((uintptr_t)p - skip);
    /* Advice only, so a failure says nothing; locking reads what is missing. */
    (void)madvise(start, skip + n, MADV_WILLNEED);
    return mlock(start, skip + n) == 0;
}

void mem_forbid(bool forbid)
{
    forbidden = forbid;
}

static void fail(size_t n, bool only_once)
{
    failing = true;
    once = only_once;
    n_left = n;
    n_failed = 0;
}

void mem_fail_after(size_t n)
{
    fail(n, false);
}

void mem_fail_once(size_t n)
{
    fail(n, true);
}

void mem_fail_never(void)
{
    failing = false;
}

size_t mem_n_failed(void)
{
    return n_failed;
}

void *mem_malloc(size_t size)
{
    return denied() ? NULL : malloc(size);
}
