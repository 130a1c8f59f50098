/* SPDX-License-Identifier: Apache-2.0 */
/* block_fit_body_int.h - the functions of block_fit_int.h, compiled once for each instruction set.
 *
 * Sums run in eight lanes, in the same order in each, and no product is fused with a sum: every
 * variant computes the same bits. */
#ifndef TENSOR_BLOCK_FIT_BODY_INT_H
#define TENSOR_BLOCK_FIT_BODY_INT_H

#include <math.h>
#include <string.h>

#include "tensor/block_fit_int.h"

#define N_TURNS 2

typedef float vec __attribute__((vector_size(32), aligned(4), may_alias));
typedef float vec4 __attribute__((vector_size(16)));
#define LANES 8

/* Adds the lanes of four vectors. */
static inline void totals(const vec *v, float *sums)
{
    vec4 half[4];
    for (int i = 0; i < 4; i++)
        half[i] = __builtin_shufflevector(v[i], v[i], 0, 1, 2, 3) +
                  __builtin_shufflevector(v[i], v[i], 4, 5, 6, 7);
    vec4 a = __builtin_shufflevector(half[0], half[1], 0, 4, 1, 5) +
             __builtin_shufflevector(half[0], half[1], 2, 6, 3, 7);
    vec4 b = __builtin_shufflevector(half[2], half[3], 0, 4, 1, 5) +
             __builtin_shufflevector(half[2], half[3], 2, 6, 3, 7);
    vec4 sum =
        __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
    memcpy(sums, &sum, sizeof sum);
}

static inline void round_linear(const struct fit_codes *codes, const float *x, int n, float inverse,
                                float min, float *restrict values)
{
    const float low = codes->low, high = codes->high;
    for (int i = 0; i < n; i++) {
        float v = (x[i] - min) * inverse;
        v = v < low ? low : v;
        v = v > high ? high : v;
        values[i] = (v + 0x1.8p23f) - 0x1.8p23f; /* nearest even */
    }
}

static inline void round_levels(const struct fit_codes *codes, const float *x, int n, float inverse,
                                float min, float *restrict values)
{
    float middle[15], step[15];
    for (int k = 0; k < 15; k++) {
        middle[k] = 0.5f * (float)(codes->levels[k] + codes->levels[k + 1]);
        step[k] = (float)(codes->levels[k + 1] - codes->levels[k]);
    }
    for (int i = 0; i < n; i++) {
        float v = (x[i] - min) * inverse, level = codes->low;
        for (int k = 0; k < 15; k++)
            level += v > middle[k] ? step[k] : 0.0f;
        values[i] = level;
    }
}

static inline float inverse_of(float scale)
{
    return fabsf(scale) > 0x1p-100f ? 1.0f / scale : 0.0f;
}

static void round_values(const struct fit_codes *codes, const struct fit_data *data, float scale,
                         float min, float *values)
{
    float inverse = inverse_of(scale);
    if (codes->levels)
        round_levels(codes, data->x, data->n, inverse, min, values);
    else
        round_linear(codes, data->x, data->n, inverse, min, values);
}

static inline struct fit_scale scale_sums(const struct fit_data *data, int n, const float *values,
                                          float scale)
{
    vec v[4] = {{0}};
    float sums[4];
    for (int i = 0; i < n; i += LANES) {
        vec q = *(const vec *)(values + i), w = *(const vec *)(data->w + i);
        vec r = *(const vec *)(data->x + i) - scale * q, wr = w * r;
        v[0] += wr * r;
        v[1] += wr * q;
        v[2] += w * q * q;
    }
    totals(v, sums);
    return (struct fit_scale){scale, sums[0], sums[1], sums[2]};
}

static struct fit_scale scale_at(const struct fit_codes *codes, const struct fit_data *data,
                                 float scale)
{
    float values[FIT_MAX], inverse = inverse_of(scale);
    if (codes->levels) {
        round_levels(codes, data->x, FIT_MAX, inverse, 0.0f, values);
        return scale_sums(data, FIT_MAX, values, scale);
    }
    if (data->n == FIT_MAX) {
        round_linear(codes, data->x, FIT_MAX, inverse, 0.0f, values);
        return scale_sums(data, FIT_MAX, values, scale);
    }
    round_linear(codes, data->x, FIT_MAX / 2, inverse, 0.0f, values);
    return scale_sums(data, FIT_MAX / 2, values, scale);
}

static inline float reach_of(const struct fit_codes *codes, int step)
{
    return codes->first + (codes->last - codes->first) * (float)step / (float)codes->n_steps;
}

/* The regression for the codes that f was measured with. */
static struct fit_scale solve_scale(struct fit_scale f)
{
    if (f.curve <= 0.0f)
        return f;
    float d = f.slope / f.curve;
    return (struct fit_scale){f.scale + d, f.error - d * f.slope, 0.0f, f.curve};
}

/* The largest number becomes the lowest code or the highest by turns, because the codes of the two
 * signs differ.  Every range is measured before any is compared: a branch on each would wait for
 * its sums. */
static struct fit_scale scale_search(const struct fit_codes *codes, const struct fit_data *data)
{
    struct fit_scale tried[FIT_MAX_STEPS + 1];
    float extreme = 0.0f;
    for (int i = 0; i < data->n; i++)
        extreme = fabsf(data->x[i]) > fabsf(extreme) ? data->x[i] : extreme;
    struct fit_scale best = scale_at(codes, data, extreme / codes->low);
    if (extreme == 0.0f)
        return best;
    best = solve_scale(best);
    for (int i = 0; i < codes->n_steps; i++) {
        float limit = i % 2 ? codes->high : codes->low;
        tried[i] = solve_scale(scale_at(codes, data, extreme / (limit * reach_of(codes, i))));
    }
    tried[codes->n_steps] = solve_scale(scale_at(codes, data, extreme / codes->high));
    for (int i = 0; i <= codes->n_steps; i++)
        best = tried[i].error < best.error ? tried[i] : best;
    for (int i = 0; i < N_TURNS; i++) {
        struct fit_scale f = solve_scale(scale_at(codes, data, best.scale));
        best = f.error < best.error ? f : best;
    }
    return best;
}

static struct fit_line line_at(const struct fit_codes *codes, const struct fit_data *data,
                               float scale, float min)
{
    float values[FIT_MAX];
    vec v[8] = {{0}};
    float sums[8];
    round_linear(codes, data->x, FIT_MAX, inverse_of(scale), min, values);
    for (int i = 0; i < FIT_MAX; i += LANES) {
        vec q = *(const vec *)(values + i), r = *(const vec *)(data->x + i) - min - scale * q,
            w = *(const vec *)(data->w + i);
        vec wr = w * r, wq = w * q;
        v[0] += wr * r;
        v[1] += wr;
        v[2] += wr * q;
        v[4] += w;
        v[5] += wq;
        v[6] += wq * q;
    }
    totals(v, sums);
    totals(v + 4, sums + 4);
    return (struct fit_line){scale, min, sums[0], sums[1], sums[2], sums[4], sums[5], sums[6]};
}

/* The regression for the codes that f was measured with. */
static struct fit_line solve_line(struct fit_line f, float max_min)
{
    float det = f.s0 * f.s2 - f.s1 * f.s1, d = 0.0f, m = f.r0 / f.s0;
    if (det > 1e-6f * f.s0 * f.s2) {
        d = (f.s0 * f.r1 - f.s1 * f.r0) / det;
        m = (f.s2 * f.r0 - f.s1 * f.r1) / det;
    }
    if (f.min + m > max_min) {
        m = max_min - f.min;
        d = f.s2 > 0.0f ? (f.r1 - f.s1 * m) / f.s2 : 0.0f;
    }
    f.error += d * (d * f.s2 + 2.0f * (m * f.s1 - f.r1)) + m * (m * f.s0 - 2.0f * f.r0);
    f.scale += d;
    f.min += m;
    f.r0 = f.r1 = 0.0f;
    return f;
}

static struct fit_line line_search(const struct fit_codes *codes, const struct fit_data *data,
                                   float max_min)
{
    struct fit_line tried[3 * FIT_MAX_STEPS];
    float low = data->x[0], high = data->x[0];
    for (int i = 1; i < data->n; i++) {
        low = data->x[i] < low ? data->x[i] : low;
        high = data->x[i] > high ? data->x[i] : high;
    }
    low = low > max_min ? max_min : low;
    float range = high > low ? high - low : 0.0f;
    int n = 3 * codes->n_steps;
    for (int i = 0; i < n; i++) {
        float reach = reach_of(codes, i / 3), side = 0.5f * (float)(i % 3);
        float left = range - range / reach; /* what the codes do not cover, or less than nothing */
        tried[i] = solve_line(
            line_at(codes, data, range / (reach * codes->high), low + side * left), max_min);
    }
    struct fit_line best = line_at(codes, data, range / codes->high, low);
    for (int i = 0; i < n; i++)
        best = tried[i].error < best.error && tried[i].scale >= 0.0f ? tried[i] : best;
    for (int i = 0; i < N_TURNS; i++) {
        struct fit_line f = solve_line(line_at(codes, data, best.scale, best.min), max_min);
        best = f.error < best.error && f.scale >= 0.0f ? f : best;
    }
    return best;
}

#define FIT_BODY_OPS                                                                               \
    {                                                                                              \
        round_values, scale_at, scale_search, line_at, line_search                                 \
    }

#endif
