/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/units.h"
#include "cli/console.h"
#include "cli/machine.h"
#include "cli/read_speed.h"
#include "cli/summary.h"
#include "cpu/cpu_backend.h"
#include "cpu/cpu_peak.h"
#include "lib/runtime.h"

#define MEMORY_BYTES ((uint64_t)1 << 30) /* read in all; more where the caches are larger */
#define L3_BYTES     ((uint64_t)16 << 20)
#define PASSES       5    /* of a loop; the best counts */
#define CHUNK_S      1e-3 /* seconds that a thread takes at a time */
#define CHUNKS       30   /* of each thread in a pass */
#define MAX_COLUMNS  12   /* 1, 2, 4 .. threads */
#define MAX_ROWS     (4 + CPU_PEAK_MAX)

struct row {
    const char *name, *key, *unit;
    double values[MAX_COLUMNS]; /* per second; the first n are there */
    int n;
};

struct table {
    unsigned flags;
    enum bench_form form;
    int threads[MAX_COLUMNS], n_columns;
    struct row rows[MAX_ROWS];
    int n_rows;
};

struct peak_job {
    const struct cpu_peak *peak;
    const void *ones;
    int n_rounds;
};

static void run_chunks(void *arg, int begin, int end, int worker)
{
    const struct peak_job *job = arg;
    (void)worker;
    for (int i = begin; i < end; i++)
        (void)job->peak->run(job->n_rounds, job->ones);
}

/* Returns the rounds that take about CHUNK_S. */
static int rounds_of(const struct cpu_peak *peak, const void *ones)
{
    for (int n = 1000;; n *= 4) {
        double start = clock_now();
        (void)peak->run(n, ones);
        double seconds = clock_now() - start;
        if (seconds >= CHUNK_S / 4 || n > CPU_PEAK_ROUNDS / 16) {
            double wanted = n * CHUNK_S / (seconds > 1e-9 ? seconds : 1e-9);
            return wanted < CPU_PEAK_ROUNDS ? (int)wanted + 1 : CPU_PEAK_ROUNDS;
        }
    }
}

static bool measure_peak(const struct cpu_peak *peak, int n_threads, double *ops_per_s,
                         struct err *err)
{
    double best = 0;
    struct pool *pool = pool_open(n_threads, err);
    if (!pool)
        return false;
    void *ones = mem_map(CPU_PEAK_BYTES, err);
    if (ones) {
        cpu_peak_fill(peak->type, ones);
        struct peak_job job = {peak, ones, rounds_of(peak, ones)};
        for (int i = 0; i < PASSES; i++) {
            double start = clock_now();
            pool_run(pool, CHUNKS * n_threads, 1, run_chunks, &job);
            double done = 2.0 * job.n_rounds * peak->adds * CHUNKS * n_threads;
            double rate = done / (clock_now() - start);
            best = rate > best ? rate : best;
        }
        mem_unmap(ones, CPU_PEAK_BYTES);
    }
    pool_close(pool);
    *ops_per_s = best;
    return ones != NULL;
}

/* What each of n_threads reads so that little of it is still in a cache in the next round. */
static size_t memory_set(int n_threads)
{
    uint64_t size = 4 * machine_cache(0), memory = machine_memory("");
    if (size < MEMORY_BYTES)
        size = MEMORY_BYTES;
    if (memory && size > memory / 2)
        size = memory / 2;
    return (size_t)(size / (uint64_t)n_threads);
}

static bool measure_memory(unsigned flags, int n_threads, bool huge, double *bytes_per_s,
                           struct err *err)
{
    return read_speed(&(struct read_speed_options){.read = cpu_reader(flags),
                                                   .n_threads = n_threads,
                                                   .set_bytes = memory_set(n_threads),
                                                   .huge = huge},
                      bytes_per_s, err);
}

static bool find_flags(const struct runtime_options *options, unsigned *flags, struct err *err)
{
    return cpu_flags_from_name(options->cpu ? options->cpu : "auto", flags, err);
}

/* Says whether prompts are multiplied by this: tiles of bf16, else weights in blocks in 8 bits. */
static bool rounds_prompts(const struct cpu_peak *peak, bool blocks)
{
    return strcmp(peak->key, "amx_bf16") == 0 ||
           (blocks &&
            (strcmp(peak->key, "avx512_int8") == 0 || strcmp(peak->key, "avx2_int8") == 0));
}

/* What multiplies prompts: the last of these, or with exact float32. */
static struct cpu_peak prompt_peak(unsigned flags, bool exact, bool blocks)
{
    struct cpu_peak peaks[CPU_PEAK_MAX], found = {0};
    int n = cpu_peaks(flags, peaks);
    for (int i = 0; i < n; i++)
        if (peaks[i].type == CPU_PEAK_F32 || (!exact && rounds_prompts(&peaks[i], blocks)))
            found = peaks[i];
    return found;
}

struct bench_share bench_share(const struct bench_limits *limits, double bytes_per_s,
                               double flops_per_s, double disk_part)
{
    double memory = units_rate(bytes_per_s, limits->read);
    double compute = units_rate(flops_per_s, limits->compute);
    if (disk_part > memory && disk_part > compute)
        return (struct bench_share){disk_part, "disk"};
    if (memory > compute)
        return (struct bench_share){memory, "memory"};
    return (struct bench_share){compute, limits->compute_name};
}

bool bench_limits_measure(struct bench_limits *limits, const struct runtime_options *options,
                          bool blocks, struct err *err)
{
    unsigned flags;
    *limits = (struct bench_limits){0};
    if (!find_flags(options, &flags, err))
        return false;
    struct cpu_peak peak = prompt_peak(flags, options->exact, blocks);
    console_progress("limits");
    bool ok = measure_memory(flags, options->n_threads, true, &limits->read, err) &&
              measure_peak(&peak, options->n_threads, &limits->compute, err);
    console_progress_end();
    if (ok)
        limits->compute_name = peak.name;
    limits->compute_unit = peak.type == CPU_PEAK_INT8 ? "OP/s" : "FLOP/s";
    return ok && summary_go_on(err);
}

static bool print_row(const struct row *row, int n_columns, struct err *err)
{
    printf("%-24s", row->name);
    for (int i = 0; i < n_columns; i++)
        printf(" %11.1f", row->values[i] / 1e9);
    printf("  G%s\n", row->unit);
    return console_flush(err);
}

static void print_json(const struct table *t)
{
    printf("{\"threads\":[");
    for (int i = 0; i < t->n_columns; i++)
        printf("%s%d", i ? "," : "", t->threads[i]);
    printf("],\"limits\":[");
    for (int i = 0; i < t->n_rows; i++) {
        const struct row *row = &t->rows[i];
        printf("%s{\"name\":\"%s\",\"unit\":\"%s\",\"values\":[", i ? "," : "", row->key,
               row->unit);
        for (int k = 0; k < row->n; k++)
            printf("%s%.6g", k ? "," : "", row->values[k]);
        printf("]}");
    }
    puts("]}");
}

static void print_csv(const struct table *t)
{
    puts("limit,unit,threads,value");
    for (int i = 0; i < t->n_rows; i++)
        for (int k = 0; k < t->rows[i].n; k++)
            printf("%s,%s,%d,%.6g\n", t->rows[i].key, t->rows[i].unit, t->threads[k],
                   t->rows[i].values[k]);
}

static struct row *begin_row(struct table *t, const char *name, const char *key, const char *unit)
{
    struct row *row = &t->rows[t->n_rows++];
    *row = (struct row){.name = name, .key = key, .unit = unit};
    console_progress("%s", name);
    return row;
}

static bool end_row(const struct table *t, const struct row *row, bool ok, struct err *err)
{
    console_progress_end();
    return ok && (t->form != BENCH_TEXT || print_row(row, t->n_columns, err));
}

static bool add_memory(struct table *t, bool huge, struct err *err)
{
    bool ok = true;
    struct row *row = begin_row(t, huge ? "memory, huge pages" : "memory, ordinary pages",
                                huge ? "memory_huge" : "memory_ordinary", "B/s");
    for (; ok && row->n < t->n_columns; row->n += ok)
        ok = measure_memory(t->flags, t->threads[row->n], huge, &row->values[row->n], err) &&
             summary_go_on(err);
    return end_row(t, row, ok, err);
}

/* Reads sets that fit into one level of cache and not into the one below. */
static bool add_cache(struct table *t, int level, struct err *err)
{
    bool ok = true;
    uint64_t size = machine_cache(level), below = machine_cache(2);
    if (!size)
        return true;
    struct row *row =
        begin_row(t, level == 3 ? "L3 cache" : "L2 cache", level == 3 ? "l3" : "l2", "B/s");
    for (; ok && row->n < t->n_columns; row->n += ok) {
        int n_threads = t->threads[row->n];
        uint64_t set = size / 2;
        if (level == 3) {
            set = size / 2 / (uint64_t)n_threads;
            set = set > L3_BYTES ? L3_BYTES : set < 2 * below ? 2 * below : set;
        }
        struct read_speed_options options = {
            .read = cpu_reader(t->flags), .n_threads = n_threads, .set_bytes = set, .huge = true};
        ok = read_speed(&options, &row->values[row->n], err) && summary_go_on(err);
    }
    return end_row(t, row, ok, err);
}

static bool add_peak(struct table *t, const struct cpu_peak *peak, struct err *err)
{
    bool ok = true;
    struct row *row =
        begin_row(t, peak->name, peak->key, peak->type == CPU_PEAK_INT8 ? "OP/s" : "FLOP/s");
    for (; ok && row->n < t->n_columns; row->n += ok)
        ok =
            measure_peak(peak, t->threads[row->n], &row->values[row->n], err) && summary_go_on(err);
    return end_row(t, row, ok, err);
}

static bool add_all(struct table *t, struct err *err)
{
    struct cpu_peak peaks[CPU_PEAK_MAX];
    int n = cpu_peaks(t->flags, peaks);
    bool ok = add_memory(t, false, err) && add_memory(t, true, err) && add_cache(t, 3, err) &&
              add_cache(t, 2, err);
    for (int i = 0; ok && i < n; i++)
        ok = add_peak(t, &peaks[i], err);
    return ok;
}

bool bench_limits_print(const struct runtime_options *options, enum bench_form form,
                        struct err *err)
{
    struct table t = {.form = form};
    if (!find_flags(options, &t.flags, err))
        return false;
    for (int n = 1; n < options->n_threads && t.n_columns < MAX_COLUMNS - 1; n *= 2)
        t.threads[t.n_columns++] = n;
    t.threads[t.n_columns++] = options->n_threads;
    if (form == BENCH_TEXT) {
        printf("%-24s", "threads");
        for (int i = 0; i < t.n_columns; i++)
            printf(" %11d", t.threads[i]);
        puts("");
    }
    bool ok = add_all(&t, err);
    if (form != BENCH_TEXT && (ok || err->code == ERR_CANCELLED))
        (form == BENCH_JSON ? print_json : print_csv)(&t);
    return ok;
}
