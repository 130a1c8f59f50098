/* SPDX-License-Identifier: Apache-2.0 */
/* encode.c - how fast weights are encoded in every format, and how well.
 * usage: bench_encode [format]
 * CSV: format; millions of elements a second on one core, the fastest of several runs, without and
 * with importance; the error beside the numbers, both as root of the mean square, of the same
 * nearly normally distributed numbers, and the same weighted with the importance. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tensor/block.h"
#include "tensor/block_encode.h"

#define N    (1 << 18)
#define RUNS 5

struct data {
    float x[N], importance[N], back[N];
    uint8_t blocks[N * sizeof(float)];
};

static float uniform(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) / 16777216.0f;
}

static void fill(struct data *d)
{
    uint32_t state = 1;
    for (int i = 0; i < N; i++) {
        float sum = -6.0f, u = uniform(&state);
        for (int k = 0; k < 12; k++)
            sum += uniform(&state);
        d->x[i] = 0.02f * sum;
        d->importance[i] = u * u * u;
    }
}

static double error_of(const struct data *d, const float *importance)
{
    double error = 0.0, all = 0.0;
    for (int i = 0; i < N; i++) {
        double w = importance ? (double)importance[i] : 1.0;
        double x = (double)d->x[i], e = x - (double)d->back[i];
        error += w * e * e;
        all += w * x * x;
    }
    return sqrt(error / all);
}

static bool measure(struct data *d, enum dtype type, const float *importance, double *speed,
                    double *error)
{
    struct err err = {0};
    *speed = 0.0;
    for (int run = 0; run < RUNS; run++) {
        double begin = clock_now();
        if (!block_encode(type, d->x, importance, d->blocks, N, &err)) {
            fprintf(stderr, "bench_encode: %s\n", err.text);
            return false;
        }
        *speed = fmax(*speed, N / (clock_now() - begin) / 1e6);
    }
    block_decode(type, d->blocks, d->back, N);
    *error = error_of(d, importance);
    return true;
}

int main(int argc, char **argv)
{
    static struct data d;
    fill(&d);
    printf("format,m_elements_s,with_importance,rms_error,with_importance\n");
    for (int i = 0; i < DTYPE_COUNT; i++) {
        enum dtype type = (enum dtype)i;
        const char *name = dtype_info(type)->name;
        double speed[2], error[2];
        if (!block_encodes(type) || (argc > 1 && strcmp(argv[1], name)))
            continue;
        if (!measure(&d, type, NULL, &speed[0], &error[0]) ||
            !measure(&d, type, d.importance, &speed[1], &error[1]))
            return 1;
        printf("%s,%.1f,%.1f,%.6f,%.6f\n", name, speed[0], speed[1], error[0], error[1]);
    }
    return 0;
}
