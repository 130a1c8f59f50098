/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpus.h"

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cgroup.h"
#include "base/limits.h"
#include "base/small_text.h"

/* The system's own lists are far below this many characters. */
#define LIST_BYTES 16384

struct cpu_bits {
    uint64_t words[LIMIT_CPUS / 64];
};

static bool has(const struct cpu_bits *bits, int cpu)
{
    return bits->words[cpu / 64] >> (cpu % 64) & 1;
}

/* Reads "0-3,8", which may end in a newline.  Returns false when it is something else. */
static bool parse_list(struct cpu_bits *bits, const char *list)
{
    *bits = (struct cpu_bits){0};
    for (;; list++) {
        long long first, last;
        if (!small_text_number(&list, &first))
            return false;
        last = first;
        if (*list == '-') {
            list++;
            if (!small_text_number(&list, &last))
                return false;
        }
        if (first > last || last >= LIMIT_CPUS)
            return false;
        for (long long cpu = first; cpu <= last; cpu++)
            bits->words[cpu / 64] |= (uint64_t)1 << (cpu % 64);
        if (*list != ',')
            return *list == '\0' || strcmp(list, "\n") == 0;
    }
}

static bool read_list(struct cpu_bits *bits, const char *root, const char *name, int id,
                      const char *what)
{
    char text[LIST_BYTES];
    return small_text_read(text, sizeof text, "%s/sys/devices/system/%s%d/%s", root, name, id,
                           what) &&
           parse_list(bits, text);
}

static void find_allowed(struct cpu_bits *bits, const char *allowed)
{
    *bits = (struct cpu_bits){0};
    if (allowed ? parse_list(bits, allowed)
                : sched_getaffinity(0, sizeof *bits, (cpu_set_t *)(void *)bits) == 0)
        return;
    bits->words[0] = 1;
}

/* Says whether a processor is the first allowed one of its core. */
static bool is_first(const char *root, const struct cpu_bits *allowed, int cpu)
{
    struct cpu_bits core;
    if (!read_list(&core, root, "cpu/cpu", cpu, "topology/thread_siblings_list"))
        return true;
    for (int i = 0; i < cpu; i++)
        if (has(&core, i) && has(allowed, i))
            return false;
    return true;
}

static int count_nodes(const char *root, const struct cpu_bits *allowed)
{
    int n_nodes = 0;
    for (int node = 0; node < LIMIT_NODES; node++) {
        struct cpu_bits near;
        uint64_t shared = 0;
        if (!read_list(&near, root, "node/node", node, "cpulist"))
            continue;
        for (size_t i = 0; i < LIMIT_CPUS / 64; i++)
            shared |= near.words[i] & allowed->words[i];
        n_nodes += shared != 0;
    }
    return n_nodes ? n_nodes : 1;
}

/* Reads the microseconds of a period that a group may use.  Returns false when it may use all. */
static bool read_quota(const char *dir, int version, long long *quota, long long *period)
{
    char text[128];
    const char *at = text;
    if (version == 2)
        return small_text_read(text, sizeof text, "%s/cpu.max", dir) &&
               small_text_number(&at, quota) && *at++ == ' ' && small_text_number(&at, period);
    if (!small_text_read(text, sizeof text, "%s/cpu.cfs_quota_us", dir) ||
        !small_text_number(&at, quota)) /* -1 is no limit */
        return false;
    at = text;
    return small_text_read(text, sizeof text, "%s/cpu.cfs_period_us", dir) &&
           small_text_number(&at, period);
}

static void lower_quota(void *arg, const char *dir, int version)
{
    int *least = arg;
    long long quota, period;
    if (!read_quota(dir, version, &quota, &period) || period <= 0)
        return;
    long long whole = quota / period + (quota % period != 0);
    if (whole < 1)
        whole = 1;
    if (whole <= LIMIT_CPUS && (!*least || whole < *least))
        *least = (int)whole;
}

void cpus_find(struct cpus *cpus, const char *root, const char *allowed)
{
    struct cpu_bits bits;
    find_allowed(&bits, allowed);
    *cpus = (struct cpus){0};
    for (int cpu = 0; cpu < LIMIT_CPUS; cpu++)
        if (has(&bits, cpu)) {
            cpus->n_allowed++;
            cpus->n_cores += is_first(root, &bits, cpu);
        }
    cpus->n_nodes = count_nodes(root, &bits);
    cgroup_each(root, "cpu", lower_quota, &cpus->quota);
    cpus->n_threads = cpus->n_cores < LIMIT_THREADS ? cpus->n_cores : LIMIT_THREADS;
    if (cpus->quota && cpus->quota < cpus->n_threads)
        cpus->n_threads = cpus->quota;
}

int cpus_n_threads(void)
{
    struct cpus cpus;
    cpus_find(&cpus, "", NULL);
    return cpus.n_threads;
}
