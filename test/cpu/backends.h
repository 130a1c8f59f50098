/* SPDX-License-Identifier: Apache-2.0 */
/* backends.h - every variant of the CPU backend that this machine can run. */
#ifndef TEST_CPU_BACKENDS_H
#define TEST_CPU_BACKENDS_H

#include "cpu/cpu_backend.h"
#include "test.h"

#define MAX_MASKS 4

/* Fills masks with the sets of flags to test, plain C first, and returns how many. */
static inline int cpu_masks(unsigned masks[MAX_MASKS])
{
    unsigned have = cpu_detect();
    int n = 0;
    masks[n++] = 0;
    if (have & CPU_AVX2)
        masks[n++] = CPU_AVX2;
    if (have & CPU_AVX512)
        masks[n++] = CPU_AVX2 | CPU_AVX512;
    if (have & CPU_AMX)
        masks[n++] = CPU_AVX2 | CPU_AVX512 | CPU_AMX;
    return n;
}

static inline struct backend *open_cpu(unsigned flags, int n_threads, bool exact)
{
    struct err err = {0};
    struct cpu_options options = {.n_threads = n_threads, .flags = flags, .exact = exact};
    struct backend *b = cpu_backend_open(&options, &err);
    assert_non_null(b);
    return b;
}

#endif
