/* SPDX-License-Identifier: Apache-2.0 */
/* cpus.h - the processors of this machine that this process may use.
 *
 * Two threads of one core share what computes: more threads than cores make a product no faster
 * and a barrier slower.  Threads beyond the time that control groups grant are stopped in the
 * middle of a loop, and the others wait for them.
 * Thread: any. */
#ifndef BASE_CPUS_H
#define BASE_CPUS_H

struct cpus {
    int n_allowed; /* processors on which the process may run, at least 1 */
    int n_cores;   /* physical cores that these belong to */
    int n_nodes;   /* nodes of memory that these are near to */
    int quota;     /* processors' time that control groups grant, rounded up; 0: no limit */
    int n_threads; /* the smaller of n_cores and quota, 1..LIMIT_THREADS */
};

/* Looks at the machine.  What the system does not say, or says in a way that is not understood,
 * counts as it would on the plainest machine: a core for each processor, one node, no limit.
 * root stands before /proc and /sys, and allowed is a list such as "0-3,8" of the processors on
 * which the process may run; "" and NULL, which asks the system, but in tests. */
void cpus_find(struct cpus *cpus, const char *root, const char *allowed);

/* Returns n_threads of this machine: how many compute threads to start unless told otherwise. */
int cpus_n_threads(void);

#endif
