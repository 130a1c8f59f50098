/* SPDX-License-Identifier: Apache-2.0 */
/* kernels.c - products of every weight format beside the limits of the machine.
 * usage: bench_kernels [c|avx2|avx512|amx|auto] [threads] [format | attention]
 * Beside the formats: F8_BLOCKS, F8_E4M3 in scaled blocks of 128x128; F4_BLOCKS, F4 with a
 * scale for 16 elements; BF16_TURNED, BF16 stored by columns.
 * CSV: format; narrow: GB/s of weights that come from memory, and that over the
 * read bandwidth measured in the same run; the time of 4, 16 and 64 tokens over
 * that of one; wide: GFLOP/s with 256 tokens.  Every figure is the fastest tenth of
 * many short runs, because other programs use the machine too.
 * Before them, attention: nanoseconds of a thread for four heads of a generated token and a page of
 * 16 keys, of 256 of which it is near; GB/s of a cache from memory that a generated token reads,
 * and that over the bandwidth; GFLOP/s of 256 tokens of a prompt, of what they see only. Behind
 * them, milliseconds of whole operations with true shapes in the format: the experts of a layer of
 * Mixtral 8x7B for 8 and 256 tokens, the attention of one of Small 4 for a token after 4096 and for
 * 256 more of a prompt. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpus.h"
#include "base/mem.h"
#include "base/pool.h"
#include "cpu/cpu_backend.h"

#define N           4096
#define TOKENS      256
#define POOL_BYTES  ((size_t)768 << 20) /* several times any cache */
#define READ_CHUNKS 4096
#define READ_STEP   64 /* chunks of one timed read: 12 MiB */
#define MAX_TIMES   1024

/* How the weights of one line of the table lie. */
struct layout {
    const char *name;
    enum dtype type;
    int block_rows, block_cols; /* of scales of scale_type, or 0 */
    enum dtype scale_type;
    bool transposed;
};

static const struct layout special[] = {
    {"F8_BLOCKS", DTYPE_E4M3, 128, 128, DTYPE_BF16, false},
    {"F4_BLOCKS", DTYPE_E2M1, 1, 16, DTYPE_E4M3, false},
    {"BF16_TURNED", DTYPE_BF16, 0, 0, DTYPE_F32, true},
};

struct bench {
    struct backend *b;
    uint8_t *weights; /* [POOL_BYTES] */
    float *x, *y;     /* [TOKENS][N] */
    double read;      /* bytes per second */
    int n_threads;
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

/* Bytes of a matrix of N rows, behind them its scales. */
static size_t scale_bytes(const struct layout *l)
{
    if (!l->block_rows)
        return 0;
    return (size_t)(N / l->block_rows) * dtype_bytes(l->scale_type, N / l->block_cols);
}

static size_t matrix_bytes(const struct layout *l)
{
    return dtype_bytes(l->type, (int64_t)N * N) + scale_bytes(l);
}

static double multiply(struct bench *p, const struct layout *l, size_t at, int n_tok,
                       enum phase phase)
{
    struct tensor w = {.data = p->weights + at,
                       .dtype = l->type,
                       .n_rows = N,
                       .n_cols = N,
                       .transposed = l->transposed};
    if (l->block_rows)
        w.scales = (struct tensor_scales){.data = p->weights + at + tensor_bytes(&w),
                                          .dtype = l->scale_type,
                                          .n_rows = l->block_rows,
                                          .n_cols = l->block_cols,
                                          .stride = N / l->block_cols};
    struct matmul_args args = {.x = p->x, .n_tok = n_tok, .n_in = N, .phase = phase, .n_out = 1};
    args.out[0].w = &w;
    args.out[0].y = p->y;
    double begin = clock_now();
    p->b->matmul(p->b, &args);
    return clock_now() - begin;
}

/* Seconds of a product with matrices from memory. */
static double narrow_time(struct bench *p, const struct layout *l, int n_tok)
{
    static struct times times;
    size_t bytes = matrix_bytes(l), n = POOL_BYTES / bytes;
    times.n = 0;
    for (size_t i = 0; i < (n_tok > 1 ? 30 : 3 * n) && times.n < MAX_TIMES; i++)
        times.t[times.n++] = multiply(p, l, i % n * bytes, n_tok, PHASE_GENERATE);
    return fastest_tenth(&times);
}

static void report(struct bench *p, const struct layout *l)
{
    double one = narrow_time(p, l, 1), wide = 1e9;
    double speed = (double)matrix_bytes(l) / one;
    for (int pass = 0; pass < 6; pass++) {
        double s = multiply(p, l, 0, TOKENS, PHASE_PROMPT);
        wide = s < wide ? s : wide;
    }
    printf("%s,%.1f,%.2f,%.2f,%.2f,%.2f,%.0f\n", l->name, speed / 1e9, speed / p->read,
           narrow_time(p, l, 4) / one, narrow_time(p, l, 16) / one, narrow_time(p, l, 64) / one,
           2.0 * TOKENS * N * N / wide / 1e9);
    fflush(stdout);
}

/* Milliseconds of the experts of one layer of Mixtral 8x7B. */
static double experts_time(struct bench *p, enum dtype type, int n_tok, enum phase phase)
{
    enum { EXPERTS = 8, DIM = 4096, FFN = 14336, USED = 2 };
    struct err err = {0};
    struct ffn_tensors ffn[EXPERTS];
    struct expert_group groups[EXPERTS];
    static int32_t tokens[TOKENS * USED];
    static float weights[TOKENS * USED];
    size_t bytes = dtype_bytes(type, (int64_t)DIM * FFN), n = POOL_BYTES / bytes, at = 0;
    int first = 0;
    for (int e = 0; e < EXPERTS; e++) {
        struct tensor wide = {.dtype = type, .n_rows = FFN, .n_cols = DIM}, down = wide;
        down.n_rows = DIM;
        down.n_cols = FFN;
        ffn[e] = (struct ffn_tensors){wide, wide, down};
        ffn[e].w_gate.data = p->weights + at++ % n * bytes;
        ffn[e].w_up.data = p->weights + at++ % n * bytes;
        ffn[e].w_down.data = p->weights + at++ % n * bytes;
        groups[e] = (struct expert_group){.ffn = &ffn[e], .first = first};
        for (int t = 0; t < n_tok; t++)
            if (t % EXPERTS == e || (t + 3) % EXPERTS == e) {
                tokens[first] = t;
                weights[first++] = 0.5f;
            }
        groups[e].n = first - groups[e].first;
    }
    size_t work = experts_work_floats(first, DIM, FFN) * sizeof(float);
    struct experts_args args = {.y = p->y, .x = p->x, .n_tok = n_tok, .dim = DIM, .ffn_dim = FFN};
    args.phase = phase;
    args.n_groups = EXPERTS;
    args.groups = groups;
    args.tokens = tokens;
    args.weights = weights;
    args.work = mem_map(work, &err);
    double best = 1e9;
    for (int pass = 0; pass < (n_tok > 16 ? 2 : 4) && args.work; pass++) {
        double begin = clock_now();
        p->b->experts(p->b, &args);
        double s = clock_now() - begin;
        best = s < best ? s : best;
    }
    mem_unmap(args.work, work);
    return best * 1e3;
}

/* Milliseconds of the attention of one layer of Small 4 after 4096 tokens. */
static double latent_time(struct bench *p, enum dtype type, int n_tok, enum phase phase)
{
    enum { HEADS = 32, NOPE = 64, ROPE = 64, V = 128, RANK = 256, BEFORE = 4096 };
    enum { PAGES = (BEFORE + TOKENS) / BACKEND_PAGE_TOKENS };
    struct err err = {0};
    static uint32_t page_ids[PAGES];
    static float scales[TOKENS];
    size_t page = BACKEND_PAGE_TOKENS * dtype_bytes(DTYPE_BF16, RANK + ROPE);
    struct tensor kv_b = {.data = p->weights, .dtype = type, .n_cols = RANK};
    kv_b.n_rows = (int64_t)HEADS * (NOPE + V);
    struct head_tensor wk = {.w = kv_b, .stride = NOPE + V}, wv = wk;
    wv.first = NOPE;
    for (uint32_t i = 0; i < PAGES; i++)
        page_ids[i] = i;
    for (int t = 0; t < n_tok; t++)
        scales[t] = 0.1f;
    struct kv_view kv = {.data = mem_map(PAGES * page, &err), .page_bytes = page};
    kv.dtype = DTYPE_BF16;
    kv.n_kv_heads = 1;
    kv.head_dim = RANK + ROPE;
    const struct kv_span span = {.page_ids = page_ids, .pos0 = BEFORE, .n_tok = n_tok};
    size_t work = latent_work_floats(HEADS, NOPE, ROPE, V, RANK, n_tok) * sizeof(float);
    struct latent_args args = {.out = p->y, .q = p->x, .scales = scales, .kv = &kv};
    args.wk = &wk;
    args.wv = &wv;
    args.work = mem_map(work, &err);
    args.spans = &span;
    args.n_spans = 1;
    args.phase = phase;
    args.n_heads = HEADS;
    args.nope_dim = NOPE;
    args.rope_dim = ROPE;
    args.v_dim = V;
    args.kv_rank = RANK;
    double best = 1e9;
    for (int pass = 0; pass < 8 && args.work && kv.data; pass++) {
        double begin = clock_now();
        p->b->latent_attention(p->b, &args);
        double s = clock_now() - begin;
        best = s < best ? s : best;
    }
    mem_unmap(kv.data, PAGES * page);
    mem_unmap(args.work, work);
    return best * 1e3;
}

/* Seconds of the attention of one layer of 32 heads that share 8 of keys, n_tok tokens after
 * n_before, whose cache comes from memory, or is near. */
static double attention_time(struct bench *p, enum dtype type, int n_before, int n_tok,
                             enum phase phase, bool near)
{
    enum { HEADS = 32, KV_HEADS = 8, DIM = 128 };
    static uint32_t page_ids[POOL_BYTES / (2 * BACKEND_PAGE_TOKENS * KV_HEADS * DIM)];
    static float scales[TOKENS];
    static struct times times;
    size_t page = 2 * BACKEND_PAGE_TOKENS * dtype_bytes(type, KV_HEADS * DIM);
    size_t n_pages = POOL_BYTES / page;
    size_t n_used = (size_t)(n_before + n_tok + BACKEND_PAGE_TOKENS - 1) / BACKEND_PAGE_TOKENS;
    struct kv_view kv = {.data = p->weights, .page_bytes = page, .dtype = type};
    kv.n_kv_heads = KV_HEADS;
    kv.head_dim = DIM;
    struct kv_span span = {.pos0 = n_before, .n_tok = n_tok};
    struct attention_args args = {.out = p->y, .q = p->x, .scales = scales, .kv = &kv};
    args.spans = &span;
    args.n_spans = 1;
    args.phase = phase;
    args.n_heads = HEADS;
    for (size_t i = 0; i < n_pages; i++)
        page_ids[i] = (uint32_t)i;
    for (int t = 0; t < n_tok; t++)
        scales[t] = 0.1f;
    times.n = 0;
    int n_times = near ? 300 : n_tok > 1 ? 5 : 30;
    for (size_t at = 0; times.n < n_times; at += near ? 0 : n_used) {
        at = at + n_used > n_pages ? 0 : at;
        span.page_ids = page_ids + at;
        double begin = clock_now();
        p->b->attention(p->b, &args);
        times.t[times.n++] = clock_now() - begin;
    }
    return fastest_tenth(&times);
}

static void report_attention(struct bench *p)
{
    static const enum dtype types[] = {DTYPE_BF16, DTYPE_Q8_0};
    printf("cache,page_ns,token_4096_gb_s,of_read,token_32768_gb_s,of_read,prompt_0_gflop_s,"
           "prompt_8192_gflop_s\n");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        /* Of 16 pages of each of 8 heads, for 4 heads that share them. */
        double page = attention_time(p, types[i], 255, 1, PHASE_GENERATE, true) / 16;
        int turns = (8 + p->n_threads - 1) / p->n_threads;
        printf("%s,%.0f", dtype_info(types[i])->name, page / turns * 1e9);
        for (int n = 4096; n <= 32768; n *= 8) {
            double bytes = 2.0 * (double)dtype_bytes(types[i], 1024) * (n + 1);
            double speed = bytes / attention_time(p, types[i], n, 1, PHASE_GENERATE, false);
            printf(",%.1f,%.2f", speed / 1e9, speed / p->read);
        }
        for (int n = 0; n <= 8192; n += 8192) {
            double keys = TOKENS * (n + (TOKENS + 1) / 2.0);
            printf(",%.0f", 4.0 * 4096.0 * keys /
                                attention_time(p, types[i], n, TOKENS, PHASE_PROMPT, false) / 1e9);
        }
        printf("\n");
        fflush(stdout);
    }
}

static void report_layers(struct bench *p, const char *only)
{
    static const enum dtype types[] = {DTYPE_BF16, DTYPE_E4M3, DTYPE_Q8_0, DTYPE_Q4_K};
    printf("format,experts_8_ms,experts_256_ms,latent_1_ms,latent_256_ms\n");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const char *name = dtype_info(types[i])->name;
        if (only && strcmp(only, name) != 0)
            continue;
        printf("%s,%.1f,%.0f,%.2f,%.1f\n", name, experts_time(p, types[i], 8, PHASE_GENERATE),
               experts_time(p, types[i], TOKENS, PHASE_PROMPT),
               latent_time(p, types[i], 1, PHASE_GENERATE),
               latent_time(p, types[i], TOKENS, PHASE_PROMPT));
        fflush(stdout);
    }
}

static void report_all(struct bench *p, const char *only)
{
    for (int type = 0; type < DTYPE_COUNT; type++) {
        struct layout plain = {.name = dtype_info((enum dtype)type)->name,
                               .type = (enum dtype)type};
        if (!only || !strcmp(only, plain.name))
            report(p, &plain);
    }
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
        if (!only || !strcmp(only, special[i].name))
            report(p, &special[i]);
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
    const char *only = argc > 3 ? argv[3] : NULL;
    p.n_threads = options.n_threads > 0 ? options.n_threads : cpus_n_threads();
    p.read = read_bandwidth(p.weights, p.n_threads);
    printf("# %s, %d threads, read %.1f GB/s\n", p.b->name, p.n_threads, p.read / 1e9);
    if (!only || !strcmp(only, "attention"))
        report_attention(&p);
    printf("format,narrow_gb_s,of_read,time_4,time_16,time_64,wide_gflop_s\n");
    report_all(&p, only);
    report_layers(&p, only);
    p.b->close(p.b);
    mem_unmap(p.weights, POOL_BYTES);
    mem_unmap(p.x, n_act);
    mem_unmap(p.y, n_act);
    return 0;
}
