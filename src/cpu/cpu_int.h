/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_int.h - the parts of the CPU backend, shared by its files only. */
#ifndef CPU_CPU_INT_H
#define CPU_CPU_INT_H

#include "base/pool.h"
#include "cpu/cpu_backend.h"
#include "cpu/cpu_ops.h"

struct cpu_backend {
    struct backend base;
    struct cpu_ops ops;
    struct pool *pool;
    int8_t *acts;  /* [ACTS_BYTES]: rounded inputs of the current product */
    float *panels; /* [n_threads][PANEL_FLOATS]: decoded weights */
    size_t panels_bytes;
};

/* A panel of decoded weights stays in a core's second-level cache. */
#define PANEL_ROWS   32
#define PANEL_COLS   1024
#define PANEL_FLOATS ((size_t)PANEL_ROWS * PANEL_COLS)

/* Holds 682 tokens of 4096 elements, 2 of the longest vector; larger calls go in parts. */
#define ACTS_BYTES ((size_t)4 << 20)

/* Returns how many items of cost_per_item operations make a chunk that is worth
 * handing to a thread. */
int cpu_grain(int64_t cost_per_item);

/* backend.matmul and backend.attention. */
void cpu_matmul(struct backend *b, const struct matmul_args *args);
void cpu_attention(struct backend *b, const struct attention_args *args);

#endif
