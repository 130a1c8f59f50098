/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_peak.h - how fast a processor can compute and read at most, for each instruction set.
 *
 * Loops of what the kernels are made of and nothing else: no kernel is faster.  Thread: any. */
#ifndef CPU_CPU_PEAK_H
#define CPU_CPU_PEAK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPU_PEAK_MAX    12           /* loops of a machine */
#define CPU_PEAK_BYTES  (512u << 10) /* what a loop may read: more than L1 and less than L2 hold */
#define CPU_PEAK_ROUNDS (1 << 18)    /* at most of a run: float32 counts it without rounding */
#define CPU_READ_RUNS   8            /* that readers read side by side, which is faster than one */
#define CPU_READ_STEP   ((size_t)CPU_READ_RUNS * 64) /* readers take multiples of it */

/* What a loop multiplies, each a one. */
enum cpu_peak_type { CPU_PEAK_F32, CPU_PEAK_BF16, CPU_PEAK_INT8 };

struct cpu_peak {
    const char *name; /* "AMX bf16" */
    const char *key;  /* "amx_bf16", as JSON names it */
    enum cpu_peak_type type;
    double adds; /* multiply-adds of a round */

    /* Does n_rounds rounds on ones: [CPU_PEAK_BYTES], aligned to 64.  Returns the sum of all its
     * accumulators, which is n_rounds * adds. */
    double (*run)(int n_rounds, const void *ones);
};

/* Fills ones: [CPU_PEAK_BYTES] with ones of a type. */
void cpu_peak_fill(enum cpu_peak_type type, void *ones);

/* Stores the loops for flags, a set of enum cpu_flag that this machine has; peaks:
 * [CPU_PEAK_MAX], in ascending order of instruction sets.  Returns how many. */
int cpu_peaks(unsigned flags, struct cpu_peak *peaks);

/* Returns the bits that any of n_bytes bytes at p has, 8 bytes as a word; p is aligned to 64,
 * n_bytes a multiple of CPU_READ_STEP. */
typedef uint64_t cpu_read_fn(const void *p, size_t n_bytes);

/* Returns the fastest reader of flags.  Borrowed: static. */
cpu_read_fn *cpu_reader(unsigned flags);

#endif
