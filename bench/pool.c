/* SPDX-License-Identifier: Apache-2.0 */
/* pool.c - what a loop of the thread pool costs, and what is left of it beside a busy process.
 * usage: bench_pool [threads]
 * CSV, a line for a quiet machine and one with another process that never rests: microseconds of
 * an empty loop that follows another at once, and of one that comes after a pause in which every
 * thread fell asleep; milliseconds of a step of 200 loops of 400 microseconds of work in all, on
 * one thread and on all.  Medians of many. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpus.h"
#include "base/pool.h"

#define CHUNKS 40
#define LOOPS  200
#define STEPS  15
#define TIMES  20000

static volatile double sink;

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *t, int n)
{
    qsort(t, (size_t)n, sizeof *t, compare);
    return t[n / 2];
}

static void nothing(void *arg, int begin, int end, int worker)
{
    (void)arg;
    (void)begin;
    (void)end;
    (void)worker;
}

/* About 10 microseconds. */
static void work(void *arg, int begin, int end, int worker)
{
    (void)arg;
    (void)worker;
    double x = 1.0;
    for (int i = 0; i < (end - begin) * 1300; i++)
        x = x * 0.999 + 0.5;
    sink = x;
}

static double empty_loop(struct pool *pool, int n_times, unsigned pause_us)
{
    static double t[TIMES];
    for (int i = 0; i < n_times; i++) {
        if (pause_us)
            usleep(pause_us);
        double begin = clock_now();
        pool_run(pool, pool_n_threads(pool), 1, nothing, NULL);
        t[i] = clock_now() - begin;
    }
    return median(t, n_times) * 1e6;
}

static double step_time(struct pool *pool)
{
    double begin = clock_now();
    for (int k = 0; k < LOOPS; k++)
        pool_run(pool, CHUNKS, 1, work, NULL);
    return clock_now() - begin;
}

/* one: a pool of one thread. */
static void report(const char *name, struct pool *pool, struct pool *one)
{
    static double t[STEPS], alone[STEPS];
    double at_once = empty_loop(pool, TIMES, 0), after = empty_loop(pool, 300, 1000);
    for (int i = 0; i < STEPS; i++) { /* by turns: what else runs disturbs both alike */
        t[i] = step_time(pool);
        alone[i] = step_time(one);
    }
    printf("%s,%d,%.2f,%.2f,%.1f,%.1f\n", name, pool_n_threads(pool), at_once, after,
           median(alone, STEPS) * 1e3, median(t, STEPS) * 1e3);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct err err = {0};
    int n_threads = argc > 1 ? (int)strtol(argv[1], NULL, 10) : cpus_n_threads();
    struct pool *one = pool_open(1, &err), *all = pool_open(n_threads, &err);
    if (!one || !all) {
        fprintf(stderr, "bench_pool: %s\n", err.text);
        return 1;
    }
    printf("machine,threads,loop_us,loop_after_pause_us,one_thread_ms,all_threads_ms\n");
    report("quiet", all, one);
    pid_t child = fork();
    if (child == 0)
        for (;;)
            sink = sink + 1.0;
    report("busy", all, one);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    pool_close(one);
    pool_close(all);
    return 0;
}
