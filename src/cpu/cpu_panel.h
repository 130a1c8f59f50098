/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_panel.h - block-quantised weights as products of rounded activations take them.
 *
 * A panel is 16 rows by 256 columns, turned so that a vector holds the same columns of all rows:
 * sums then need no permutation, and a (row, token) is one chain of additions over the blocks of
 * its row in order,
 *     sum += (scale * step) * (integer product of the block) [- min * (sum of the activations)],
 * whichever kernel multiplied the integers, which are exact.
 * Weights are q * scale - min in formats with minima, else (q - bias) * scale. */
#ifndef CPU_CPU_PANEL_H
#define CPU_CPU_PANEL_H

#include "cpu/cpu_ops.h"

#define PANEL_LANES 16 /* rows */
#define PANEL_SPAN  64 /* tokens that a panel meets before the next one is unpacked */

struct panel {
    _Alignas(64) uint8_t q[ACT_GROUP / 4][PANEL_LANES][4]; /* [columns / 4][row][column % 4] */
    float scale[ACT_GROUP / 16][PANEL_LANES];              /* half of them used for blocks of 32 */
    float min[ACT_GROUP / 32][PANEL_LANES];
};

/* Fills the panel from 16 rows that lie row_bytes apart. */
typedef void panel_fn(const uint8_t *src, size_t row_bytes, struct panel *panel);

/* The first n columns of 16 rows, whole groups, times one token. */
struct panel_one {
    const uint8_t *src; /* row after row, row_bytes apart */
    const int8_t *act;
    const uint8_t *ahead; /* what the cache may fetch meanwhile, as many bytes as the rows have */
    float *sums;          /* [PANEL_LANES], added to */
    size_t row_bytes, group_bytes, n_pad, n;
};
typedef void panel_one_fn(const struct panel_one *one);

/* What the sums of one token need besides products with its activations. */
struct panel_extra {
    _Alignas(64) int32_t add[ACT_GROUP / 16]; /* to each product: -bias times the activations */
    float sums[ACT_GROUP / 16];               /* of the activations, to be multiplied with minima */
};

struct panel_format {
    panel_fn *unpack;
    panel_one_fn *dot_one;
    int bias;
    int run; /* AVX2: pairs of products that 16 bits hold, 0 for signed weights */
    bool mins;
    bool sixteens; /* scales are those of 16 columns, else of 32 */
};

/* Returns how a format is unpacked.  Borrowed: static. */
const struct panel_format *cpu_panel_format_avx2(enum dtype type);
const struct panel_format *cpu_panel_format_avx512(enum dtype type);

/* Tokens that meet a panel whose first column is k; sums are added to. */
struct panel_tokens {
    const int8_t *act; /* of the first of them, n_pad elements each */
    float *sums;       /* [n][PANEL_LANES] */
    size_t n_pad, k;
    int n; /* up to PANEL_SPAN */
};
typedef void panel_dot_fn(const struct panel *panel, const struct panel_format *format,
                          const struct panel_tokens *tokens);

/* The one for any processor that knows AVX-512. */
panel_dot_fn cpu_panel_dot_avx512;

/* y = products of a job whose weights have this format, panel by panel. */
void cpu_panel_products(const struct narrow_job *job, const struct panel_format *format,
                        panel_dot_fn *dot);

/* Finds them for columns k..k+255 of a token. */
static inline void cpu_panel_find_extra(struct panel_extra *extra,
                                        const struct panel_format *format, const int8_t *act,
                                        size_t n_pad, size_t k)
{
    const float *steps = act_steps(act, n_pad) + k / 16;
    const int32_t *sums = act_sums(act, n_pad) + k / 16;
    for (size_t i = 0; i < ACT_GROUP / 16; i++) {
        int32_t sum = format->sixteens ? sums[i] : sums[i] + sums[i ^ 1];
        extra->sums[i] = steps[i] * (float)sum;
        extra->add[i] = sum * -format->bias;
    }
}

#endif
