/* SPDX-License-Identifier: Apache-2.0 */
/* small_ops.c - what a layer does beside products and attention, with the shapes of Mistral 7B
 * and Ministral 3 3B.
 * usage: bench_small_ops [c|avx2|avx512|auto]
 * CSV: shape; operation; microseconds of processor time on one thread for 1 and for 512 tokens,
 * everything in cache; and, for 512, GB/s of what is read and written. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "cpu/cpu_backend.h"

#define MAX_TOK 512
#define FLOATS  ((size_t)MAX_TOK * 14336)
#define TIMES   41

struct shape {
    const char *name;
    int dim, n_heads, n_kv, head_dim, ffn_dim;
};

static const struct shape shapes[] = {
    {"7b", 4096, 32, 8, 128, 14336},
    {"3b", 3072, 32, 8, 128, 9216},
};

struct bench {
    struct backend *b[2]; /* with keys and values in bf16, in 8-bit blocks */
    const struct shape *shape;
    float *x, *y, *table;
    uint8_t *pages;
    uint32_t page_ids[MAX_TOK / BACKEND_PAGE_TOKENS];
};

typedef void op_fn(struct bench *p, int n_tok);

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void norm(struct bench *p, int n_tok)
{
    int dim = p->shape->dim;
    p->b[0]->rms_norm(p->b[0], p->y, p->x, p->table, n_tok, dim, dim, 1e-5f);
}

static void rope(struct bench *p, int n_tok, enum rope_layout layout)
{
    const struct shape *s = p->shape;
    struct backend *b = p->b[0];
    b->rope(b, p->x, p->table, n_tok, s->n_heads, s->head_dim, s->head_dim, layout);
    b->rope(b, p->y, p->table, n_tok, s->n_kv, s->head_dim, s->head_dim, layout);
}

static void rope_interleaved(struct bench *p, int n_tok)
{
    rope(p, n_tok, ROPE_INTERLEAVED);
}

static void rope_half_split(struct bench *p, int n_tok)
{
    rope(p, n_tok, ROPE_HALF_SPLIT);
}

static void write_kv(struct bench *p, int n_tok, int which)
{
    const struct shape *s = p->shape;
    struct backend *b = p->b[which];
    struct kv_span span = {.page_ids = p->page_ids, .n_tok = n_tok};
    struct kv_view kv = {.data = p->pages, .dtype = b->kv_type};
    kv.n_kv_heads = s->n_kv;
    kv.head_dim = s->head_dim;
    kv.page_bytes =
        2 * BACKEND_PAGE_TOKENS * dtype_bytes(b->kv_type, (int64_t)s->n_kv * s->head_dim);
    b->kv_write(b, &kv, p->x, p->y, &span, 1);
}

static void write_bf16(struct bench *p, int n_tok)
{
    write_kv(p, n_tok, 0);
}

static void write_q8_0(struct bench *p, int n_tok)
{
    write_kv(p, n_tok, 1);
}

static void silu_mul(struct bench *p, int n_tok)
{
    p->b[0]->silu_mul(p->b[0], p->x, p->y, (size_t)n_tok * (size_t)p->shape->ffn_dim);
}

static void add(struct bench *p, int n_tok)
{
    p->b[0]->add(p->b[0], p->x, p->y, (size_t)n_tok * (size_t)p->shape->dim);
}

/* Microseconds: a quarter of the runs was faster. */
static double measure(struct bench *p, op_fn *op, int n_tok)
{
    static double t[TIMES];
    int n_each = n_tok == 1 ? 200 : 1;
    for (size_t i = 0; i < FLOATS; i++)
        p->x[i] = p->y[i] = (float)(i % 61) / 31.0f - 1.0f;
    for (int i = 0; i < TIMES; i++) {
        double begin = cpu_seconds();
        for (int k = 0; k < n_each; k++)
            op(p, n_tok);
        t[i] = (cpu_seconds() - begin) / n_each;
    }
    qsort(t, TIMES, sizeof *t, compare);
    return t[TIMES / 4] * 1e6;
}

static void report(struct bench *p)
{
    const struct shape *s = p->shape;
    int q_dim = s->n_heads * s->head_dim, kv_dim = s->n_kv * s->head_dim;
    const struct {
        const char *name;
        op_fn *op;
        double bytes; /* of a token, read and written */
    } ops[] = {
        {"norm", norm, 8.0 * s->dim},
        {"rope_interleaved", rope_interleaved, 8.0 * (q_dim + kv_dim)},
        {"rope_half_split", rope_half_split, 8.0 * (q_dim + kv_dim)},
        {"kv_write_bf16", write_bf16, 12.0 * kv_dim},
        {"kv_write_q8_0", write_q8_0, 10.125 * kv_dim},
        {"silu_mul", silu_mul, 12.0 * s->ffn_dim},
        {"add", add, 12.0 * s->dim},
    };
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        double one = measure(p, ops[i].op, 1), many = measure(p, ops[i].op, MAX_TOK);
        printf("%s,%s,%.2f,%.0f,%.1f\n", s->name, ops[i].name, one, many,
               ops[i].bytes * MAX_TOK / many * 1e-3);
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    struct err err = {0};
    static struct bench p;
    struct cpu_options options = {.n_threads = 1};
    const size_t n_bytes = FLOATS * sizeof(float);
    bool ok = cpu_flags_from_name(argc > 1 ? argv[1] : "auto", &options.flags, &err);
    for (int i = 0; i < 2 && ok; i++) {
        options.kv_q8 = i == 1;
        ok = (p.b[i] = cpu_backend_open(&options, &err)) != NULL;
    }
    if (!ok || !(p.x = mem_map(n_bytes, &err)) || !(p.y = mem_map(n_bytes, &err)) ||
        !(p.table = mem_map(n_bytes, &err)) || !(p.pages = mem_map(n_bytes, &err))) {
        fprintf(stderr, "bench_small_ops: %s\n", err.text);
        return 1;
    }
    for (size_t i = 0; i < FLOATS; i += 2)
        p.table[i] = 1.0f; /* angles of 0: what is turned often stays what it is */
    for (uint32_t i = 0; i < MAX_TOK / BACKEND_PAGE_TOKENS; i++)
        p.page_ids[i] = i;
    printf("# %s, one thread\nshape,operation,us_1,us_512,gb_s_512\n", p.b[0]->name);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        p.shape = &shapes[i];
        report(&p);
    }
    p.b[0]->close(p.b[0]);
    p.b[1]->close(p.b[1]);
    mem_unmap(p.x, n_bytes);
    mem_unmap(p.y, n_bytes);
    mem_unmap(p.table, n_bytes);
    mem_unmap(p.pages, n_bytes);
    return 0;
}
