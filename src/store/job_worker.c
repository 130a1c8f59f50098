/* SPDX-License-Identifier: Apache-2.0 */
/* job_worker.c - which process works on a job, and whether it still lives.
 *
 * A worker is BOOT/NAMESPACE/PID/START/UUID: boot and process namespace say where the process is
 * known by that number, and when it began tells it from a later one of the same number.  Where the
 * system does not say, the fields are empty and nobody else is ever known to be dead. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/small_text.h"
#include "store/jobs_int.h"

/* Writes "BOOT/NAMESPACE/" of this process to text: [size], or "" when it is not known. */
static void describe_place(char *text, size_t size)
{
    char boot[64], namespace[64];
    *text = '\0';
    ssize_t n = readlink("/proc/self/ns/pid", namespace, sizeof namespace - 1);
    if (n <= 0 || !small_text_read(boot, sizeof boot, "/proc/sys/kernel/random/boot_id"))
        return;
    namespace[n] = '\0';
    boot[strcspn(boot, "\n")] = '\0';
    snprintf(text, size, "%s/%s/", boot, namespace);
}

/* Reads when a process began, in ticks since the boot, and whether it has ended already and waits
 * for its parent.  Returns false when that cannot be read. */
static bool read_process(long pid, long long *start, bool *has_ended)
{
    char text[1024];
    if (!small_text_read(text, sizeof text, "/proc/%ld/stat", pid))
        return false;
    /* The name in brackets may hold anything; the 3rd field follows its last bracket. */
    const char *at = strrchr(text, ')');
    if (!at || at[1] != ' ' || !at[2])
        return false;
    *has_ended = at[2] == 'Z' || at[2] == 'X';
    at += 2;
    for (int field = 3; field < 22; field++) {
        at = strchr(at, ' ');
        if (!at)
            return false;
        at++;
    }
    return small_text_number(&at, start);
}

bool jobs_worker(char *worker, struct err *err)
{
    char place[128], id[UUID_TEXT];
    long long start = 0;
    bool has_ended;
    if (!uuid_new(id, err))
        return false;
    describe_place(place, sizeof place);
    if (!*place || !read_process((long)getpid(), &start, &has_ended))
        snprintf(worker, JOB_WORKER_BYTES, "////%s", id);
    else
        snprintf(worker, JOB_WORKER_BYTES, "%s%ld/%lld/%s", place, (long)getpid(), start, id);
    return true;
}

bool job_worker_is_dead(const char *worker)
{
    char place[128];
    long long pid, start, now_start;
    bool has_ended;
    describe_place(place, sizeof place);
    size_t n = strlen(place);
    if (!n || strncmp(worker, place, n) != 0)
        return false;
    const char *at = worker + n;
    if (!small_text_number(&at, &pid) || *at++ != '/' || !small_text_number(&at, &start) ||
        pid <= 0 || pid > INT32_MAX)
        return false;
    if (kill((pid_t)pid, 0) != 0 && errno == ESRCH)
        return true;
    return read_process((long)pid, &now_start, &has_ended) && (has_ended || now_start != start);
}
