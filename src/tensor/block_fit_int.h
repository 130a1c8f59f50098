/* SPDX-License-Identifier: Apache-2.0 */
/* block_fit_int.h - the scale, or scale and minimum, with which a few codes say some numbers best.
 *
 * Best means the least sum of w (x - scale code - min)^2.  For fixed codes that is linear
 * regression; for fixed scale and minimum each code is the nearest one.  A search tries several
 * ranges, solves the regression for the codes of each, and goes on from the best by turns.
 * Each measurement yields the exact error of what was asked and, from the residuals, the solution
 * of the regression: nothing is lost by cancellation.
 * Thread: any; nothing is kept. */
#ifndef TENSOR_BLOCK_FIT_INT_H
#define TENSOR_BLOCK_FIT_INT_H

#include <stdint.h>

#define FIT_MAX       32 /* numbers that share a scale */
#define FIT_MAX_STEPS 32

/* Numbers of magnitude near 1 at most, so that no square overflows. */
struct fit_data {
    const float *x, *w; /* [n], w >= 0 and not all 0 */
    int n;              /* 32, or 16 with codes that are whole numbers */
};

/* The codes of a format: the whole numbers from low to high, or 16 levels of these bounds. */
struct fit_codes {
    const int8_t *levels; /* [16] ascending, or NULL */
    float low, high;
    float first, last; /* a search lets the largest number reach low times first .. last */
    int n_steps;
};

/* A scale, its error, and what a change of it by d does: error - 2 d slope + d^2 curve. */
struct fit_scale {
    float scale, error, slope, curve;
};

/* The same for scale and minimum: residual sums r0, r1 and code moments s0, s1, s2. */
struct fit_line {
    float scale, min, error;
    float r0, r1, s0, s1, s2;
};

/* Functions of one instruction set. */
struct fit_ops {
    /* Rounds (x - min) / scale to values of codes.  values: [n] f32. */
    void (*round)(const struct fit_codes *codes, const struct fit_data *data, float scale,
                  float min, float *values);

    /* Measures one scale. */
    struct fit_scale (*scale_at)(const struct fit_codes *codes, const struct fit_data *data,
                                 float scale);

    /* Searches for the best scale; its slope is 0 and its error that of the codes it was solved
     * for.  Numbers that are all 0 have scale 0. */
    struct fit_scale (*scale_search)(const struct fit_codes *codes, const struct fit_data *data);

    /* Measures scale and minimum of 32 numbers. */
    struct fit_line (*line_at)(const struct fit_codes *codes, const struct fit_data *data,
                               float scale, float min);

    /* Searches for the best scale >= 0 and minimum of 32 numbers; it is at most max_min. */
    struct fit_line (*line_search)(const struct fit_codes *codes, const struct fit_data *data,
                                   float max_min);
};

extern const struct fit_ops fit_ops_c, fit_ops_avx2;

/* Returns the fastest that the processor has; all compute the same bits.  Borrowed: static. */
const struct fit_ops *fit_ops(void);

#endif
