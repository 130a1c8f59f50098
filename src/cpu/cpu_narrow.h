/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_narrow.h - how products of few tokens with float weights are cut into tiles, for each format
 * and number of rows and tokens a loop of its own. */
#ifndef CPU_CPU_NARROW_H
#define CPU_CPU_NARROW_H

#include <assert.h>

#include "cpu/cpu_ops.h"

#define INLINE static inline __attribute__((always_inline))

#define ROWS 4 /* that are read together at most */

/* Multiplies rows r0..r0+n_rows-1, ROWS or 1, with tokens t0..t0+n_tok-1.  scaled: by job->scale or
 * job->scales. */
typedef void narrow_tile_fn(const struct narrow_job *job, int r0, int n_rows, int t0, int n_tok,
                            enum dtype type, bool scaled);

/* Rows r0.. meet all tokens, up to n_tok (2 or more) at once, while a cache has them. */
INLINE void narrow_rows(const struct narrow_job *job, int r0, int n_rows, int n_tok,
                        enum dtype type, bool scaled, narrow_tile_fn *multiply)
{
    int t = 0;
    for (; t + n_tok <= job->n_tok; t += n_tok)
        multiply(job, r0, n_rows, t, n_tok, type, scaled);
    for (; t + 2 <= job->n_tok; t += 2)
        multiply(job, r0, n_rows, t, 2, type, scaled);
    if (t < job->n_tok)
        multiply(job, r0, n_rows, t, 1, type, scaled);
}

INLINE void narrow_scaled(const struct narrow_job *job, int n_tok, enum dtype type, bool scaled,
                          narrow_tile_fn *multiply)
{
    int r = 0;
    for (; r + ROWS <= job->n_rows; r += ROWS)
        narrow_rows(job, r, ROWS, n_tok, type, scaled, multiply);
    for (; r < job->n_rows; r++)
        narrow_rows(job, r, 1, n_tok, type, scaled, multiply);
}

INLINE void narrow_type(const struct narrow_job *job, int n_tok, enum dtype type,
                        narrow_tile_fn *multiply)
{
    if (job->scales || job->scale != 1.0f)
        narrow_scaled(job, n_tok, type, true, multiply);
    else
        narrow_scaled(job, n_tok, type, false, multiply);
}

/* All of a job; n_tok and multiply are constants. */
INLINE void narrow_by_tiles(const struct narrow_job *job, int n_tok, narrow_tile_fn *multiply)
{
    switch (job->type) {
    case DTYPE_F32:
        narrow_type(job, n_tok, DTYPE_F32, multiply);
        break;
    case DTYPE_F16:
        narrow_type(job, n_tok, DTYPE_F16, multiply);
        break;
    case DTYPE_BF16:
        narrow_type(job, n_tok, DTYPE_BF16, multiply);
        break;
    case DTYPE_E4M3:
        narrow_type(job, n_tok, DTYPE_E4M3, multiply);
        break;
    default:
        assert(job->type == DTYPE_E2M1);
        narrow_type(job, n_tok, DTYPE_E2M1, multiply);
    }
}

#endif
