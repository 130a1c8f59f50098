/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/cpu_peak.h"

#include <string.h>

#include "cpu/cpu_backend.h"
#include "cpu/cpu_peak_int.h"
#include "tensor/number.h"

enum { SUMS = 32 };

static double run_c(int n_rounds, const void *ones)
{
    const float *x = ones;
    float sums[SUMS] = {0}, a = x[0], b = x[1];
    double all = 0;
    for (int k = 0; k < n_rounds; k++)
        for (int i = 0; i < SUMS; i++)
            sums[i] += a * b * x[i];
    for (int i = 0; i < SUMS; i++)
        all += (double)sums[i];
    return all;
}

static uint64_t read_c(const void *p, size_t n_bytes)
{
    const uint64_t *words = p;
    const size_t run = n_bytes / CPU_READ_RUNS / sizeof *words;
    uint64_t bits = 0;
    for (size_t i = 0; i < run; i++)
        for (size_t r = 0; r < CPU_READ_RUNS; r++)
            bits |= words[r * run + i];
    return bits;
}

void cpu_peak_fill(enum cpu_peak_type type, void *ones)
{
    uint8_t *at = ones;
    float f32 = 1.0f;
    uint16_t bf16 = number_to_bf16(f32);
    size_t size = type == CPU_PEAK_F32 ? sizeof f32 : type == CPU_PEAK_BF16 ? sizeof bf16 : 1;
    for (size_t i = 0; i < CPU_PEAK_BYTES; i += size)
        memcpy(at + i,
               type == CPU_PEAK_F32    ? (void *)&f32
               : type == CPU_PEAK_BF16 ? (void *)&bf16
                                       : (void *)&(uint8_t){1},
               size);
}

int cpu_peaks(unsigned flags, struct cpu_peak *peaks)
{
    int n = 0;
    peaks[n++] = (struct cpu_peak){"plain C float32", "c_f32", CPU_PEAK_F32, SUMS, run_c};
#if defined(__x86_64__)
    if (flags & CPU_AVX2)
        n += cpu_peaks_avx2(peaks + n);
    if (flags & CPU_AVX512)
        n += cpu_peaks_avx512(peaks + n);
    if (flags & CPU_AMX)
        n += cpu_peaks_amx(peaks + n);
#endif
    return n;
}

cpu_read_fn *cpu_reader(unsigned flags)
{
#if defined(__x86_64__)
    if (flags & CPU_AVX512)
        return cpu_read_avx512;
    if (flags & CPU_AVX2)
        return cpu_read_avx2;
#endif
    return read_c;
}
