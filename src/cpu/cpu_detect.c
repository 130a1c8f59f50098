/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cpu/cpu_backend.h"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

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

/* Asks the system for the tile registers, which it saves only for processes that want them.
 * Threads that start later inherit the permission. */
static bool tiles_permitted(void)
{
#if defined(__linux__) && defined(SYS_arch_prctl)
    const long request_permission = 0x1023, tile_data = 18;
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
    return false;
#endif
}

static bool detect_amx(unsigned saved, unsigned leaf7_d)
{
    const unsigned tile_state = 0x60000, avx512_bf16 = 1u << 5;
    /* Compilers name these bits differently. */
    const unsigned amx_bf16 = 1u << 22, amx_tile = 1u << 24, amx_int8 = 1u << 25;
    unsigned a, b, c, d;
    return all_of(saved, tile_state) && all_of(leaf7_d, amx_tile | amx_int8 | amx_bf16) &&
           __get_cpuid_count(7, 1, &a, &b, &c, &d) && all_of(a, avx512_bf16) && tiles_permitted();
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
    return CPU_AVX2 | CPU_AVX512 | (detect_amx(saved, d) ? CPU_AMX : 0);
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
    else if (!strcmp(name, "amx"))
        want = CPU_AVX2 | CPU_AVX512 | CPU_AMX;
    else
        return err_set(err, ERR_ARG,
                       "%s: no such instruction set; use c, avx2, avx512, amx or auto", name);
    if (want & ~have)
        return err_set(err, ERR_UNSUPPORTED, "%s: this machine lacks it; use auto", name);
    *flags = want;
    return true;
}
