/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "cpu/cpu_int.h"

#define PART_KEYS 512

struct cpu_parts cpu_parts_of(int begin, int pos, int most)
{
    struct cpu_parts parts = {.n_keys = PART_KEYS};
    while (pos / parts.n_keys >= most)
        parts.n_keys *= 2;
    parts.first = begin / parts.n_keys;
    parts.n = pos / parts.n_keys - parts.first + 1;
    return parts;
}

size_t cpu_part_floats(int n_heads, int dim)
{
    return (size_t)n_heads * ((size_t)dim + 2);
}

struct cpu_part cpu_part_at(float *room, int n_heads, int dim)
{
    float *max = room + (size_t)n_heads * (size_t)dim;
    return (struct cpu_part){.out = room, .max = max, .sum = max + n_heads};
}

void cpu_divide(float *out, int n, float by)
{
    for (int i = 0; i < n; i++)
        out[i] /= by;
}

void cpu_join_parts(float *out, float *parts, size_t stride, int n_parts, int n_heads, int dim)
{
    for (int h = 0; h < n_heads; h++, out += dim) {
        float max = -INFINITY, sum = 0.0f;
        for (int part = 0; part < n_parts; part++)
            max = fmaxf(max, cpu_part_at(parts + (size_t)part * stride, n_heads, dim).max[h]);
        for (int part = 0; part < n_parts; part++) {
            struct cpu_part p = cpu_part_at(parts + (size_t)part * stride, n_heads, dim);
            const float *from = p.out + (size_t)h * (size_t)dim;
            float weight = expf(p.max[h] - max);
            sum += weight * p.sum[h];
            for (int i = 0; i < dim; i++)
                out[i] = part > 0 ? out[i] + weight * from[i] : weight * from[i];
        }
        cpu_divide(out, dim, sum);
    }
}
