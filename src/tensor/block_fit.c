/* SPDX-License-Identifier: Apache-2.0 */
/* Sums run in four lanes, in the same order on every machine. */
#include "tensor/block_fit_int.h"

#include <math.h>
#include <string.h>

#define N_TURNS 2

typedef float vec __attribute__((vector_size(16)));

static vec load(const float *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static float total(vec v)
{
    return (v[0] + v[1]) + (v[2] + v[3]);
}

static void round_linear(const struct fit_codes *codes, const struct fit_data *data, float inverse,
                         float min, float *values)
{
    const float *x = data->x, low = codes->low, high = codes->high;
    for (int i = 0; i < data->n; i++) {
        float v = (x[i] - min) * inverse;
        v = v < low ? low : v;
        v = v > high ? high : v;
        values[i] = (v + 0x1.8p23f) - 0x1.8p23f; /* nearest even */
    }
}

static void round_levels(const struct fit_codes *codes, const struct fit_data *data, float inverse,
                         float min, float *values)
{
    const float *x = data->x;
    float middle[15], step[15];
    for (int k = 0; k < 15; k++) {
        middle[k] = 0.5f * (float)(codes->levels[k] + codes->levels[k + 1]);
        step[k] = (float)(codes->levels[k + 1] - codes->levels[k]);
    }
    for (int i = 0; i < data->n; i++) {
        float v = (x[i] - min) * inverse, level = codes->low;
        for (int k = 0; k < 15; k++)
            level += v > middle[k] ? step[k] : 0.0f;
        values[i] = level;
    }
}

void fit_round(const struct fit_codes *codes, const struct fit_data *data, float scale, float min,
               float *values)
{
    float inverse = scale != 0.0f ? 1.0f / scale : 0.0f;
    if (codes->levels)
        round_levels(codes, data, inverse, min, values);
    else
        round_linear(codes, data, inverse, min, values);
}

struct fit_scale fit_scale_at(const struct fit_codes *codes, const struct fit_data *data,
                              float scale)
{
    float values[FIT_MAX];
    vec error = {0}, slope = {0}, curve = {0};
    fit_round(codes, data, scale, 0.0f, values);
    for (int i = 0; i < data->n; i += 4) {
        vec q = load(values + i), r = load(data->x + i) - scale * q, w = load(data->w + i);
        vec wr = w * r;
        error += wr * r;
        slope += wr * q;
        curve += w * q * q;
    }
    return (struct fit_scale){scale, total(error), total(slope), total(curve)};
}

/* The regression for the codes that f was measured with. */
static struct fit_scale solve_scale(struct fit_scale f)
{
    if (f.curve <= 0.0f)
        return f;
    float d = f.slope / f.curve;
    return (struct fit_scale){f.scale + d, f.error - d * f.slope, 0.0f, f.curve};
}

struct fit_scale fit_scale_search(const struct fit_codes *codes, const struct fit_data *data)
{
    float extreme = 0.0f;
    for (int i = 0; i < data->n; i++)
        if (fabsf(data->x[i]) > fabsf(extreme))
            extreme = data->x[i];
    struct fit_scale best = fit_scale_at(codes, data, extreme / codes->low);
    if (extreme == 0.0f)
        return best;
    best = solve_scale(best);
    for (int i = 0; i < codes->n_steps; i++) {
        float reach =
            codes->first + (codes->last - codes->first) * (float)i / (float)codes->n_steps;
        struct fit_scale f = solve_scale(fit_scale_at(codes, data, extreme / (codes->low * reach)));
        if (f.error < best.error)
            best = f;
    }
    for (int i = 0; i < N_TURNS; i++) {
        struct fit_scale f = solve_scale(fit_scale_at(codes, data, best.scale));
        if (f.error < best.error)
            best = f;
    }
    return best;
}

struct fit_line fit_line_at(const struct fit_codes *codes, const struct fit_data *data, float scale,
                            float min)
{
    float values[FIT_MAX];
    vec error = {0}, r0 = {0}, r1 = {0}, s0 = {0}, s1 = {0}, s2 = {0};
    fit_round(codes, data, scale, min, values);
    for (int i = 0; i < data->n; i += 4) {
        vec q = load(values + i), r = load(data->x + i) - min - scale * q, w = load(data->w + i);
        vec wr = w * r, wq = w * q;
        error += wr * r;
        r0 += wr;
        r1 += wr * q;
        s0 += w;
        s1 += wq;
        s2 += wq * q;
    }
    return (struct fit_line){scale,     min,       total(error), total(r0),
                             total(r1), total(s0), total(s1),    total(s2)};
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

static void try_line(const struct fit_codes *codes, const struct fit_data *data, float max_min,
                     float scale, float min, struct fit_line *best)
{
    struct fit_line f = solve_line(fit_line_at(codes, data, scale, min), max_min);
    if (f.error < best->error && f.scale >= 0.0f)
        *best = f;
}

struct fit_line fit_line_search(const struct fit_codes *codes, const struct fit_data *data,
                                float max_min)
{
    float low = data->x[0], high = data->x[0];
    for (int i = 1; i < data->n; i++) {
        low = data->x[i] < low ? data->x[i] : low;
        high = data->x[i] > high ? data->x[i] : high;
    }
    low = low > max_min ? max_min : low;
    float range = high > low ? high - low : 0.0f;
    struct fit_line best = fit_line_at(codes, data, range / codes->high, low);
    try_line(codes, data, max_min, best.scale, best.min, &best);
    for (int i = 0; i < codes->n_steps && range > 0.0f; i++) {
        float reach =
            codes->first + (codes->last - codes->first) * (float)i / (float)codes->n_steps;
        float left = range - range / reach; /* what the codes do not cover, or less than nothing */
        for (int side = 0; side < 3; side++)
            try_line(codes, data, max_min, range / (reach * codes->high),
                     low + 0.5f * (float)side * left, &best);
    }
    for (int i = 0; i < N_TURNS; i++)
        try_line(codes, data, max_min, best.scale, best.min, &best);
    return best;
}
