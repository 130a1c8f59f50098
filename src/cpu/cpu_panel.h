/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_panel.h - block-quantised weights as products of rounded activations take them.
 *
 * A panel is 16 rows by 256 columns, turned so that a vector holds the same columns of all rows:
 * sums then need no permutation, and a (row, token) is one chain of additions over the blocks of
 * its row in order,
 *     sum += (scale * step) * (product of the block) [- min * (value of the activations)],
 * whichever kernel multiplied the integers.  Weights are q * scale - min in formats with minima,
 * else (q - bias) * scale: then bias times the sum of the activations is taken from the product,
 * which is exact in float32. */
#ifndef CPU_CPU_PANEL_H
#define CPU_CPU_PANEL_H

#include <assert.h>

#include "cpu/cpu_ops.h"

static_assert(AHEAD_RUNS == ACT_GROUP / ACT_BLOCK,
              "each block of a group asks for one run's piece");

#define PANEL_LANES 16 /* rows */
#define PANEL_SPAN  64 /* tokens that a panel meets before the next one is unpacked */

struct panel {
    _Alignas(64) uint8_t q[ACT_GROUP / 4][PANEL_LANES][4]; /* [columns / 4][row][column % 4] */
    float scale[ACT_GROUP / 16][PANEL_LANES];              /* half of them used for blocks of 32 */
    float min[ACT_GROUP / 32][PANEL_LANES];
};

/* Fills the panel from 16 rows that lie row_bytes apart. */
typedef void panel_fn(const uint8_t *src, size_t row_bytes, struct panel *panel);

/* The first n columns of 16 rows, whole groups, times up to PANEL_FEW tokens, without a panel. */
#define PANEL_FEW 4
struct panel_few {
    const uint8_t *src;   /* row after row, row_bytes apart */
    const int8_t *act;    /* of the first token, act_stride bytes each */
    const uint8_t *ahead; /* what the cache may fetch meanwhile, as many bytes as the rows have */
    float *sums;          /* [n_tok][PANEL_LANES], added to */
    size_t row_bytes, group_bytes, act_stride, n;
    size_t run_bytes; /* of AHEAD_RUNS runs that all of ahead is */
    int n_tok;
};
typedef void panel_few_fn(const struct panel_few *few);

struct panel_format {
    panel_fn *unpack;
    panel_few_fn *dot_few;
    int few; /* tokens that it is faster for, PANEL_FEW at most */
    float bias;
    int run; /* AVX2: pairs of products that 16 bits hold, 0 for signed weights */
    bool mins;
    bool sixteens; /* scales are those of 16 columns, else of 32 */
};

/* Returns how a format is unpacked.  Borrowed: static. */
const struct panel_format *cpu_panel_format_avx2(enum dtype type);
const struct panel_format *cpu_panel_format_avx512(enum dtype type);

/* Tokens that meet a panel; sums are added to. */
struct panel_tokens {
    const int8_t *act; /* the group of the first of them; of each other act_stride bytes further */
    float *sums;       /* [n][PANEL_LANES] */
    size_t act_stride;
    int n; /* up to PANEL_SPAN */
};
typedef void panel_dot_fn(const struct panel *panel, const struct panel_format *format,
                          const struct panel_tokens *tokens);

/* The one for any processor that knows AVX-512. */
panel_dot_fn cpu_panel_dot_avx512;

/* y = products of a job whose weights have this format, panel by panel. */
void cpu_panel_products(const struct narrow_job *job, const struct panel_format *format,
                        panel_dot_fn *dot);

#endif
