/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__)
#include <immintrin.h>

#include "cpu/cpu_peak_int.h"

enum { SUMS = 16, LANES = 16 };

static double run_f32(int n_rounds, const void *ones)
{
    __m512 x = _mm512_load_ps(ones), sums[SUMS];
    double all = 0;
    for (int i = 0; i < SUMS; i++)
        sums[i] = _mm512_setzero_ps();
    for (int k = 0; k < n_rounds; k++)
        for (int i = 0; i < SUMS; i++)
            sums[i] = _mm512_fmadd_ps(x, x, sums[i]);
    for (int i = 0; i < SUMS; i++)
        all += (double)_mm512_reduce_add_ps(sums[i]);
    return all;
}

static double run_int8(int n_rounds, const void *ones)
{
    __m512i x = _mm512_load_si512(ones), sums[SUMS];
    double all = 0;
    for (int i = 0; i < SUMS; i++)
        sums[i] = _mm512_setzero_si512();
    for (int k = 0; k < n_rounds; k++)
        for (int i = 0; i < SUMS; i++)
            sums[i] = _mm512_dpbusd_epi32(sums[i], x, x);
    for (int i = 0; i < SUMS; i++)
        all += _mm512_reduce_add_epi32(sums[i]);
    return all;
}

uint64_t cpu_read_avx512(const void *p, size_t n_bytes)
{
    const uint8_t *at = p;
    const size_t run = n_bytes / CPU_READ_RUNS;
    __m512i bits[4] = {{0}, {0}, {0}, {0}};
    for (size_t i = 0; i < run; i += 64)
        for (size_t r = 0; r < CPU_READ_RUNS; r++)
            bits[r % 4] = _mm512_or_si512(bits[r % 4], _mm512_load_si512(at + r * run + i));
    return (uint64_t)_mm512_reduce_or_epi64(
        _mm512_or_si512(_mm512_or_si512(bits[0], bits[1]), _mm512_or_si512(bits[2], bits[3])));
}

int cpu_peaks_avx512(struct cpu_peak *peaks)
{
    peaks[0] =
        (struct cpu_peak){"AVX-512 float32", "avx512_f32", CPU_PEAK_F32, SUMS * LANES, run_f32};
    peaks[1] = (struct cpu_peak){"AVX-512 VNNI int8", "avx512_int8", CPU_PEAK_INT8,
                                 SUMS * LANES * 4, run_int8};
    return 2;
}

#endif
