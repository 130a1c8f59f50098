/* SPDX-License-Identifier: Apache-2.0 */
/* read_speed.h - how fast threads read from memory or from a cache. */
#ifndef CLI_READ_SPEED_H
#define CLI_READ_SPEED_H

#include <stddef.h>

#include "base/err.h"
#include "cpu/cpu_peak.h"

/* Each thread reads its own set again and again. */
struct read_speed_options {
    cpu_read_fn *read;
    int n_threads;
    size_t set_bytes; /* of each thread; rounded up to 64 KiB */
    bool huge;        /* pages */
};

/* Stores the bytes per second of all threads together: the best of some passes, as other work on
 * the machine only makes a pass slower.  Errors: ERR_LIMIT without memory for the sets. */
bool read_speed(const struct read_speed_options *options, double *bytes_per_s,
                struct err *err) CHECKED;

#endif
