/* SPDX-License-Identifier: Apache-2.0 */
/* machine.h - what this machine has left for a model. */
#ifndef CLI_MACHINE_H
#define CLI_MACHINE_H

#include <stdint.h>

#include "base/err.h"

/* Returns the bytes of memory that this process could take without pushing others out: what
 * the system calls available, within the limits of the process's control groups; 1 when
 * nothing is left, 0 when nothing is known.  root stands before /proc and /sys, "" but in
 * tests. */
uint64_t machine_memory(const char *root);

/* Returns the bytes of a processor's largest cache, 0 when not known. */
uint64_t machine_cache(void);

/* Measures how many bytes per second n_threads read from memory: the best of a few passes over
 * a block too large for the caches.  Errors: ERR_LIMIT without memory for the block. */
bool machine_bandwidth(int n_threads, double *bytes_per_s, struct err *err) CHECKED;

#endif
