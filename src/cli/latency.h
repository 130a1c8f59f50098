/* SPDX-License-Identifier: Apache-2.0 */
/* latency.h - how long something took, counted a million times in a few kilobytes.
 *
 * A duration falls into one of 256 buckets per doubling, from a microsecond to nine hours, so what
 * latency_at() says is within 0.4 % of a duration that occurred.  All zero has none. */
#ifndef CLI_LATENCY_H
#define CLI_LATENCY_H

#include <stdint.h>

enum { LATENCY_PER_OCTAVE = 256, LATENCY_OCTAVES = 35 };

struct latency {
    uint64_t n;
    double sum, min, max; /* seconds, exact */
    uint32_t buckets[LATENCY_OCTAVES * LATENCY_PER_OCTAVE];
};

/* Counts a duration; below a microsecond is a microsecond. */
void latency_add(struct latency *latency, double seconds);

/* Returns a duration that a part (0 to 1) of all, rounded up to one, do not exceed; 0 for none.
 * Never more than the longest. */
double latency_at(const struct latency *latency, double part);

/* Returns the mean, 0 for none. */
double latency_mean(const struct latency *latency);

#endif
