/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup.h - the control groups that limit this process.
 *
 * A process is in one group of each hierarchy, and the groups above it limit it, too.  In a
 * container the path of the group may be one of the host's, which is not there: then the top of
 * what is mounted is the container's own group.
 * Thread: any. */
#ifndef BASE_CGROUP_H
#define BASE_CGROUP_H

#include <stdint.h>

/* dir: folder of a group, which need not exist; version: 1 or 2. */
typedef void cgroup_fn(void *arg, const char *dir, int version);

/* Calls fn for the group of this process and for each above it, in the second version and in the
 * hierarchy of the first that has controller ("cpu", "memory").  root stands before /proc and
 * /sys, "" but in tests. */
void cgroup_each(const char *root, const char *controller, cgroup_fn *fn, void *arg);

/* What a group in the folder dir may have of memory and has, in bytes; SMALL_TEXT_NONE: no limit,
 * or not known. */
struct cgroup_memory {
    uint64_t limit, usage;
    uint64_t cache; /* of usage: what goes when memory is needed */
};
struct cgroup_memory cgroup_memory(const char *dir, int version);

/* Returns the least limit of memory of the groups of this process, or SMALL_TEXT_NONE.  root: as
 * above. */
uint64_t cgroup_memory_limit(const char *root);

#endif
