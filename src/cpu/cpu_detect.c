/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cpu/cpu_backend.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* The register sets that the system saves and restores (XCR0). */
static unsigned saved_registers(void)
{
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static bool all_of(unsigned word, unsigned bits)
{
    return (word & bits) == bits;
}

unsigned cpu_detect(void)
{
    const unsigned ymm_state = 0x06, zmm_state = 0xe6;
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !all_of(c, bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C))
        return 0;
    unsigned saved = saved_registers();
    if (!all_of(saved, ymm_state) || !__get_cpuid_count(7, 0, &a, &b, &c, &d) ||
        !all_of(b, bit_AVX2))
        return 0;
    if (!all_of(saved, zmm_state) ||
        !all_of(b, bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL) ||
        !all_of(c, bit_AVX512VNNI))
        return CPU_AVX2;
    return CPU_AVX2 | CPU_AVX512;
}

#else

unsigned cpu_detect(void)
{
    return 0;
}

#endif

bool cpu_flags_from_name(const char *name, unsigned *flags, struct err *err)
{
    unsigned have = cpu_detect(), want;
    if (!strcmp(name, "auto"))
        want = have;
    else if (!strcmp(name, "c"))
        want = 0;
    else if (!strcmp(name, "avx2"))
        want = CPU_AVX2;
    else if (!strcmp(name, "avx512"))
        want = CPU_AVX2 | CPU_AVX512;
    else
        return err_set(err, ERR_ARG, "%s: no such instruction set; use c, avx2, avx512 or auto",
                       name);
    if (want & ~have)
        return err_set(err, ERR_UNSUPPORTED, "%s: this machine lacks it; use auto", name);
    *flags = want;
    return true;
}
