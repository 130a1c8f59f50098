/* SPDX-License-Identifier: Apache-2.0 */
/* kernels.c - products of every weight format beside the limits of the machine.
 * usage: bench_kernels [c|avx2|avx512|auto] [threads] [format]
 * CSV: format; narrow: GB/s of weights that come from memory, and that over the
 * read bandwidth measured in the same run; the time of 4 and 16 tokens over that
 * of one; wide: GFLOP/s with 256 tokens.  Every figure is the fastest tenth of
 * many short runs, because other programs use the machine too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "cpu/cpu_backend.h"

#define N           4096
#define TOKENS      256
#define POOL_BYTES  ((size_t)768 << 20) /* several times any cache */
#define READ_CHUNKS 4096
#define READ_STEP   64 /* chunks of one timed read: 12 MiB */
#define MAX_TIMES   1024

struct bench {
    struct backend *b;
    uint8_t *weights; /* [POOL_BYTES] */
    float *x, *y;     /* [TOKENS][N] */
    double read;      /* bytes per second */
};

struct reading {
    const uint64_t *words; /* of the current step */
    uint64_t sums[READ_STEP];
};

struct times {
    double t[MAX_TIMES];
    int n;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double fastest_tenth(struct times *times)
{
    qsort(times->t, (size_t)times->n, sizeof times->t[0], compare);
    return times->t[times->n / 10];
}

static void read_chunks(void *arg, int begin, int end, int worker)
{
    (void)worker;
    struct reading *r = arg;
    const size_t n = POOL_BYTES / READ_CHUNKS / sizeof(uint64_t);
    for (int c = begin; c < end; c++) {
        uint64_t sum[8] = {0};
        for (size_t i = 0; i < n; i += 8)
            for (size_t j = 0; j < 8; j++)
                sum[j] += r->words[(size_t)c * n + i + j];
        for (int j = 0; j < 8; j++)
            r->sums[c] += sum[j];
    }
}

static double read_bandwidth(const uint8_t *weights, int n_threads)
{
    struct err err = {0};
    static struct reading r;
    static struct times times;
    const size_t step = POOL_BYTES / READ_CHUNKS * READ_STEP;
    struct pool *pool = pool_open(n_threads, &err);
    if (!pool)
        return 0.0;
    for (size_t pass = 0; pass < 3 * READ_CHUNKS / READ_STEP; pass++) {
        r.words = (const uint64_t *)(const void *)(weights + pass * step % POOL_BYTES);
        double begin = clock_now();
        pool_run(pool, READ_STEP, 1, read_chunks, &r);
        times.t[times.n++] = clock_now() - begin;
    }
    pool_close(pool);
    return (double)step / fastest_tenth(&times);
}

/* Codes whose scales are small numbers in every format. */
static void fill(uint8_t *weights, size_t n)
{
    uint32_t state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        weights[i] = ((uint8_t)(state >> 24) & 0x1b) | 0x20;
    }
}

static double multiply(struct bench *p, enum dtype type, size_t at, int n_tok, enum phase phase)
{
    struct tensor w = {.data = p->weights + at, .dtype = type, .n_rows = N, .n_cols = N};
    struct matmul_args args = {.x = p->x, .n_tok = n_tok, .n_in = N, .phase = phase, .n_out = 1};
    args.out[0].w = &w;
    args.out[0].y = p->y;
    double begin = clock_now();
    p->b->matmul(p->b, &args);
    return clock_now() - begin;
}

/* Seconds of a product with matrices from memory. */
static double narrow_time(struct bench *p, enum dtype type, int n_tok)
{
    static struct times times;
    size_t bytes = dtype_bytes(type, (int64_t)N * N), n = POOL_BYTES / bytes;
    times.n = 0;
    for (size_t i = 0; i < (n_tok > 1 ? 30 : 3 * n) && times.n < MAX_TIMES; i++)
        times.t[times.n++] = multiply(p, type, i % n * bytes, n_tok, PHASE_GENERATE);
    return fastest_tenth(&times);
}

static void report(struct bench *p, enum dtype type)
{
    double one = narrow_time(p, type, 1), wide = 1e9;
    double speed = (double)dtype_bytes(type, (int64_t)N * N) / one;
    for (int pass = 0; pass < 6; pass++) {
        double s = multiply(p, type, 0, TOKENS, PHASE_PROMPT);
        wide = s < wide ? s : wide;
    }
    printf("%s,%.1f,%.2f,%.2f,%.2f,%.0f\n", dtype_info(type)->name, speed / 1e9, speed / p->read,
           narrow_time(p, type, 4) / one, narrow_time(p, type, 16) / one,
           2.0 * TOKENS * N * N / wide / 1e9);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct err err = {0};
    struct cpu_options options = {.n_threads = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0};
    struct bench p = {0};
    const size_t n_act = (size_t)TOKENS * N * sizeof(float);
    if (cpu_flags_from_name(argc > 1 ? argv[1] : "auto", &options.flags, &err) &&
        (p.weights = mem_map(POOL_BYTES, &err)) && (p.x = mem_map(n_act, &err)) &&
        (p.y = mem_map(n_act, &err)))
        p.b = cpu_backend_open(&options, &err);
    if (!p.b) {
        fprintf(stderr, "bench_kernels: %s\n", err.text);
        return 1;
    }
    fill(p.weights, POOL_BYTES);
    for (size_t i = 0; i < (size_t)TOKENS * N; i++)
        p.x[i] = (float)(i % 61) / 31.0f - 1.0f;
    int n_threads = options.n_threads > 0 ? options.n_threads : pool_n_cpus();
    p.read = read_bandwidth(p.weights, n_threads);
    printf("# %s, %d threads, read %.1f GB/s\n", p.b->name, n_threads, p.read / 1e9);
    printf("format,narrow_gb_s,of_read,time_4,time_16,wide_gflop_s\n");
    for (int type = 0; type < DTYPE_COUNT; type++)
        if (argc < 4 || !strcmp(argv[3], dtype_info((enum dtype)type)->name))
            report(&p, (enum dtype)type);
    p.b->close(p.b);
    mem_unmap(p.weights, POOL_BYTES);
    mem_unmap(p.x, n_act);
    mem_unmap(p.y, n_act);
    return 0;
}
