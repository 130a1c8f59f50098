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

/* Returns the bytes of a processor's cache of level 2 or 3, or of the largest it has for 0; 0 when
 * not known. */
uint64_t machine_cache(int level);

/* What of this process is in memory, in bytes; 0: not known. */
struct machine_resident {
    uint64_t peak;  /* the most since the start, or since machine_forget_peak() */
    uint64_t files; /* now, of mapped files */
};
struct machine_resident machine_resident(void);

/* Lets the peak begin again.  Returns false where the system does not allow that. */
bool machine_forget_peak(void);

#endif
