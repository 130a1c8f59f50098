/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cpu/cpu_backend.h"
#include "test.h"

/* Says whether the system lists all of some features for the first processor. */
static bool listed(const char *const *features)
{
    char line[16384];
    bool found = false;
    FILE *f = fopen("/proc/cpuinfo", "r");
    if (!f)
        skip(); /* a bare tree without /proc */
    while (!found && fgets(line, sizeof line, f))
        found = !strncmp(line, "flags", 5);
    fclose(f);
    for (; found && *features; features++) {
        const char *at = strstr(line, *features);
        size_t n = strlen(*features);
        while (at && !(at[-1] == ' ' && (at[n] == ' ' || at[n] == '\n')))
            at = strstr(at + 1, *features);
        found = at != NULL;
    }
    return found;
}

TEST(cpu_detect, agrees_with_the_system)
{
    static const char *const avx2[] = {"avx2", "fma", "f16c", NULL};
    static const char *const avx512[] = {"avx512f",     "avx512bw", "avx512dq", "avx512vl",
                                         "avx512_vnni", "avx2",     "fma",      NULL};
    static const char *const amx[] = {"amx_tile", "amx_int8", "amx_bf16", "avx512_bf16", NULL};
    unsigned want = (listed(avx2) ? CPU_AVX2 : 0) | (listed(avx512) ? CPU_AVX512 : 0) |
                    (listed(avx512) && listed(amx) ? CPU_AMX : 0);
    assert_int_equal(cpu_detect(), want);
}

TEST(cpu_detect, names_become_flags)
{
    unsigned flags = 99, have = cpu_detect();
    struct err err = {0};
    assert_true(cpu_flags_from_name("auto", &flags, &err));
    assert_int_equal(flags, have);
    assert_true(cpu_flags_from_name("c", &flags, &err));
    assert_int_equal(flags, 0);
    assert_int_equal(cpu_flags_from_name("avx2", &flags, &err), (have & CPU_AVX2) != 0);
    if (have & CPU_AVX2)
        assert_int_equal(flags, CPU_AVX2);
    assert_int_equal(cpu_flags_from_name("avx512", &flags, &err), (have & CPU_AVX512) != 0);
    if (have & CPU_AVX512)
        assert_int_equal(flags, CPU_AVX2 | CPU_AVX512);
    assert_int_equal(cpu_flags_from_name("amx", &flags, &err), (have & CPU_AMX) != 0);
    if (have & CPU_AMX)
        assert_int_equal(flags, CPU_AVX2 | CPU_AVX512 | CPU_AMX);
}

TEST(cpu_detect, an_unknown_name_is_refused)
{
    unsigned flags = 99;
    struct err err = {0};
    assert_false(cpu_flags_from_name("neon", &flags, &err));
    assert_int_equal(err.code, ERR_ARG);
    assert_non_null(strstr(err.text, "neon"));
    assert_false(cpu_flags_from_name("", &flags, &err));
    assert_int_equal(flags, 99);
}
