/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/cpu_panel.h"

#include <string.h>

#define GROUP_BYTES_MAX 272 /* of 256 weights: Q8_0 */

/* Returns how many rows a panel has whose first one is this. */
static int rows_from(const struct narrow_job *job, int first)
{
    return job->n_rows - first < PANEL_LANES ? job->n_rows - first : PANEL_LANES;
}

/* Unpacks columns k..k+255 of rows first.. of the job, zeros where it has no such rows or columns:
 * zero bytes are finite weights in every format. */
static void unpack(const struct narrow_job *job, const struct panel_format *format, int first,
                   size_t k, struct panel *panel)
{
    const uint8_t *src =
        job->w + (size_t)first * job->row_bytes + dtype_bytes(job->type, (int64_t)k);
    int n_rows = rows_from(job, first);
    size_t n = (size_t)job->n - k < ACT_GROUP ? (size_t)job->n - k : ACT_GROUP;
    if (n_rows == PANEL_LANES && n == ACT_GROUP) {
        format->unpack(src, job->row_bytes, panel);
        return;
    }
    uint8_t part[PANEL_LANES][GROUP_BYTES_MAX] = {{0}};
    for (int r = 0; r < n_rows; r++)
        memcpy(part[r], src + (size_t)r * job->row_bytes, dtype_bytes(job->type, (int64_t)n));
    format->unpack(part[0], GROUP_BYTES_MAX, panel);
}

/* Where the rows begin that are read behind those of a panel, or NULL. */
static const uint8_t *rows_after(const struct narrow_job *job, int first)
{
    if (first + 2 * PANEL_LANES <= job->n_rows)
        return job->w + (size_t)(first + PANEL_LANES) * job->row_bytes;
    return first + PANEL_LANES == job->n_rows ? job->ahead : NULL;
}

/* Returns the bytes that each run has of the next panel, and of all that are read next to 16 rows.
 */
static size_t piece_bytes(const struct narrow_job *job)
{
    return PANEL_LANES * dtype_bytes(job->type, ACT_GROUP) / AHEAD_RUNS;
}

static size_t run_bytes(const struct narrow_job *job)
{
    return act_padded(job->n) / ACT_GROUP * piece_bytes(job);
}

/* Asks for what a thread reads behind columns k..k+255 of a panel: a piece of each run. */
static inline __attribute__((always_inline)) void ask_for_next(const struct narrow_job *job,
                                                               const uint8_t *next, size_t k)
{
    size_t piece = piece_bytes(job), run = run_bytes(job);
    for (size_t i = 0; i < AHEAD_RUNS; i++)
        cpu_prefetch(next + i * run + k / ACT_GROUP * piece, piece);
}

/* Stores the sums of up to 16 rows: [n_tok][PANEL_LANES]. */
static void store_sums(const struct narrow_job *job, int first, int t0, int n_tok,
                       const float *sums)
{
    int n_rows = rows_from(job, first);
    for (int t = t0; t < t0 + n_tok; t++, sums += PANEL_LANES) {
        float *y = job->y + (size_t)t * job->y_stride + first;
        for (int r = 0; r < n_rows; r++)
            y[r] = sums[r] * job->scale;
    }
}

/* Products of up to 16 rows with up to PANEL_SPAN tokens. */
static void multiply_panels(const struct narrow_job *job, const struct panel_format *format,
                            int first, int t0, int n_tok, panel_dot_fn *dot)
{
    _Alignas(64) float sums[PANEL_SPAN][PANEL_LANES];
    struct panel panel;
    size_t group_bytes = dtype_bytes(job->type, ACT_GROUP), act_stride = act_bytes(job->n);
    const int8_t *act = job->act + (size_t)t0 * act_stride;
    memset(sums, 0, (size_t)n_tok * sizeof sums[0]);
    struct panel_tokens tokens = {.sums = sums[0], .act_stride = act_stride, .n = n_tok};
    size_t k = 0;
    const uint8_t *next = rows_after(job, first);
    if (n_tok <= format->few && job->n_rows - first >= PANEL_LANES) {
        struct panel_few few = {.src = job->w + (size_t)first * job->row_bytes,
                                .act = act,
                                .sums = sums[0],
                                .row_bytes = job->row_bytes,
                                .group_bytes = group_bytes,
                                .act_stride = act_stride,
                                .run_bytes = run_bytes(job),
                                .n = (size_t)job->n / ACT_GROUP * ACT_GROUP,
                                .n_tok = n_tok};
        few.ahead = next ? next : few.src;
        format->dot_few(&few);
        k = few.n;
    }
    for (; k < (size_t)job->n; k += ACT_GROUP) {
        unpack(job, format, first, k, &panel);
        if (next && t0 == 0)
            ask_for_next(job, next, k);
        tokens.act = act + k / ACT_GROUP * sizeof(struct act_group);
        dot(&panel, format, &tokens);
    }
    store_sums(job, first, t0, n_tok, sums[0]);
}

void cpu_panel_products(const struct narrow_job *job, const struct panel_format *format,
                        panel_dot_fn *dot)
{
    /* The activations of these tokens stay in a cache for all rows. */
    for (int t = 0; t < job->n_tok; t += PANEL_SPAN) {
        int n_tok = job->n_tok - t < PANEL_SPAN ? job->n_tok - t : PANEL_SPAN;
        for (int r = 0; r < job->n_rows; r += PANEL_LANES)
            multiply_panels(job, format, r, t, n_tok, dot);
    }
}
