/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/latency.h"

#include <math.h>

#define LEAST 1e-6 /* seconds */

enum { N_BUCKETS = LATENCY_OCTAVES * LATENCY_PER_OCTAVE };

/* Octaves are cut into even parts: no logarithm is needed. */
static uint32_t bucket_of(double seconds)
{
    int octave;
    double part = frexp(seconds / LEAST, &octave); /* from 0.5 to below 1 */
    if (octave < 1)
        return 0;
    uint32_t within = (uint32_t)((2 * part - 1) * LATENCY_PER_OCTAVE);
    uint32_t bucket = (uint32_t)(octave - 1) * LATENCY_PER_OCTAVE + within;
    return bucket < N_BUCKETS ? bucket : N_BUCKETS - 1;
}

/* The middle of a bucket. */
static double middle_of(uint32_t bucket)
{
    double within = (bucket % LATENCY_PER_OCTAVE + 0.5) / LATENCY_PER_OCTAVE;
    return LEAST * ldexp(1 + within, (int)(bucket / LATENCY_PER_OCTAVE));
}

void latency_add(struct latency *latency, double seconds)
{
    seconds = seconds < LEAST ? LEAST : seconds;
    if (!latency->n || seconds < latency->min)
        latency->min = seconds;
    if (seconds > latency->max)
        latency->max = seconds;
    latency->n++;
    latency->sum += seconds;
    latency->buckets[bucket_of(seconds)]++;
}

double latency_at(const struct latency *latency, double part)
{
    double want = ceil(part * (double)latency->n);
    uint64_t rank = want < 1 ? 1 : (uint64_t)want, n = 0;
    if (!latency->n)
        return 0;
    if (rank >= latency->n)
        return latency->max;
    uint32_t i = 0;
    while (i < N_BUCKETS - 1 && (n += latency->buckets[i]) < rank)
        i++;
    double at = middle_of(i);
    return at < latency->min ? latency->min : at > latency->max ? latency->max : at;
}

double latency_mean(const struct latency *latency)
{
    return latency->n ? latency->sum / (double)latency->n : 0;
}
