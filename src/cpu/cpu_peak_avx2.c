/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__)
#include <immintrin.h>

#include "cpu/cpu_peak_int.h"

enum {
    SUMS = 12,
    CHAINS = 6,
    TIMES = 8,
    LANES = 8
}; /* twelve and two operands fill the sixteen registers nearly */

static double run_f32(int n_rounds, const void *ones)
{
    __m256 x = _mm256_load_ps(ones), sums[SUMS];
    double all = 0;
    for (int i = 0; i < SUMS; i++)
        sums[i] = _mm256_setzero_ps();
    for (int k = 0; k < n_rounds; k++)
        for (int i = 0; i < SUMS; i++)
            sums[i] = _mm256_fmadd_ps(x, x, sums[i]);
    for (int i = 0; i < SUMS; i++) {
        float lanes[LANES];
        _mm256_storeu_ps(lanes, sums[i]);
        for (int k = 0; k < LANES; k++)
            all += (double)lanes[k];
    }
    return all;
}

/* Products of bytes are added up in 16 bits before they go to 32, eight times, as those of codes of
 * four bits may be. */
static double run_int8(int n_rounds, const void *ones)
{
    __m256i x = _mm256_load_si256(ones), words = _mm256_set1_epi16(1), sums[CHAINS];
    double all = 0;
    for (int i = 0; i < CHAINS; i++)
        sums[i] = _mm256_setzero_si256();
    for (int k = 0; k < n_rounds; k++) {
        __m256i pairs[CHAINS];
        for (int i = 0; i < CHAINS; i++)
            pairs[i] = _mm256_setzero_si256();
        for (int t = 0; t < TIMES; t++)
            for (int i = 0; i < CHAINS; i++) {
                __asm__("" : "+x"(x)); /* or else one product would do for all */
                pairs[i] = _mm256_add_epi16(pairs[i], _mm256_maddubs_epi16(x, x));
            }
        for (int i = 0; i < CHAINS; i++)
            sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(pairs[i], words));
    }
    for (int i = 0; i < CHAINS; i++) {
        int32_t lanes[LANES];
        _mm256_storeu_si256((__m256i *)(void *)lanes, sums[i]);
        for (int k = 0; k < LANES; k++)
            all += lanes[k];
    }
    return all;
}

uint64_t cpu_read_avx2(const void *p, size_t n_bytes)
{
    const uint8_t *at = p;
    const size_t run = n_bytes / CPU_READ_RUNS;
    __m256i bits[4] = {{0}, {0}, {0}, {0}};
    uint64_t words[4];
    for (size_t i = 0; i < run; i += 32)
        for (size_t r = 0; r < CPU_READ_RUNS; r++)
            bits[r % 4] = _mm256_or_si256(
                bits[r % 4], _mm256_load_si256((const __m256i *)(const void *)(at + r * run + i)));
    bits[0] = _mm256_or_si256(_mm256_or_si256(bits[0], bits[1]), _mm256_or_si256(bits[2], bits[3]));
    _mm256_storeu_si256((__m256i *)(void *)words, bits[0]);
    return words[0] | words[1] | words[2] | words[3];
}

int cpu_peaks_avx2(struct cpu_peak *peaks)
{
    peaks[0] = (struct cpu_peak){"AVX2 float32", "avx2_f32", CPU_PEAK_F32, SUMS * LANES, run_f32};
    peaks[1] = (struct cpu_peak){"AVX2 int8", "avx2_int8", CPU_PEAK_INT8,
                                 CHAINS * TIMES * 4 * LANES, run_int8};
    return 2;
}

#endif
