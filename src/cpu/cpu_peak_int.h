/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_peak_int.h - the loops of each instruction set. */
#ifndef CPU_CPU_PEAK_INT_H
#define CPU_CPU_PEAK_INT_H

#include "cpu/cpu_peak.h"

/* Store the loops of one instruction set at peaks: [CPU_PEAK_MAX].  Return how many. */
int cpu_peaks_avx2(struct cpu_peak *peaks);
int cpu_peaks_avx512(struct cpu_peak *peaks);
int cpu_peaks_amx(struct cpu_peak *peaks);

/* As cpu_read_fn. */
uint64_t cpu_read_avx2(const void *p, size_t n_bytes);
uint64_t cpu_read_avx512(const void *p, size_t n_bytes);

#endif
