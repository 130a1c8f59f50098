/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_profile.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/console.h"
#include "cli/units.h"
#include "model/checkpoint.h"

struct matrix {
    const void *data;
    enum profile_op op;
};

struct bench_matrices {
    size_t n;
    struct matrix items[]; /* [n], by address */
};

enum { OF_LAYER = 11 };

static void add(struct bench_matrices *m, const struct tensor *w, enum profile_op op)
{
    if (w->data)
        m->items[m->n++] = (struct matrix){w->data, op};
}

static int by_address(const void *a, const void *b)
{
    const char *x = ((const struct matrix *)a)->data, *y = ((const struct matrix *)b)->data;
    return (x > y) - (x < y);
}

struct bench_matrices *bench_matrices_open(const struct checkpoint *ckpt, struct err *err)
{
    size_t n = 1 + (size_t)OF_LAYER * ckpt->config.n_layers;
    struct bench_matrices *m = mem_new(1, sizeof *m + n * sizeof m->items[0], err);
    if (!m)
        return NULL;
    add(m, &ckpt->weights.output, PROFILE_OUTPUT);
    for (uint32_t i = 0; i < ckpt->config.n_layers; i++) {
        const struct layer_weights *w = &ckpt->weights.layers[i];
        add(m, &w->wq, PROFILE_QKV);
        add(m, &w->wk, PROFILE_QKV);
        add(m, &w->wv, PROFILE_QKV);
        add(m, &w->q_a, PROFILE_QKV);
        add(m, &w->q_b, PROFILE_QKV);
        add(m, &w->kv_a, PROFILE_QKV);
        add(m, &w->wo, PROFILE_O);
        add(m, &w->ffn.w_gate, PROFILE_GATE_UP);
        add(m, &w->ffn.w_up, PROFILE_GATE_UP);
        add(m, &w->ffn.w_down, PROFILE_DOWN);
        add(m, &w->router, PROFILE_ROUTER);
    }
    qsort(m->items, m->n, sizeof m->items[0], by_address);
    return m;
}

void bench_matrices_close(struct bench_matrices *matrices)
{
    free(matrices);
}

enum profile_op bench_matrices_classify(void *arg, const struct tensor *w)
{
    const struct bench_matrices *m = arg;
    struct matrix key = {.data = w->data};
    const struct matrix *found = bsearch(&key, m->items, m->n, sizeof key, by_address);
    return found ? found->op : PROFILE_PRODUCT;
}

bool bench_profile_text(const struct profile *profile, const char *name,
                        const struct bench_limits *limits, struct err *err)
{
    printf("\n%-16s %10s %7s %9s %9s %9s   of memory, %s\n", name, "ms", "share", "calls", "GB/s",
           "GFLOP/s", limits->compute_name);
    for (int i = 0; i < PROFILE_OPS; i++) {
        const struct profile_sum *s = &profile->sums[i];
        if (!s->n_calls && i != PROFILE_REST)
            continue;
        printf("%-16s %10.2f %6.1f%% %9llu", profile_name((enum profile_op)i), 1e3 * s->seconds,
               100 * units_rate(s->seconds, profile->seconds), (unsigned long long)s->n_calls);
        if (s->flops > 0)
            printf(" %9.1f %9.1f   %.2f %.2f", units_rate(s->bytes, s->seconds) / 1e9,
                   units_rate(s->flops, s->seconds) / 1e9,
                   units_rate(s->bytes, s->seconds * limits->read),
                   units_rate(s->flops, s->seconds * limits->compute));
        puts("");
    }
    printf("%-16s %10.2f\n", "all", 1e3 * profile->seconds);
    return console_flush(err);
}

void bench_profile_json(const struct profile *profile, const char *name)
{
    bool first = true;
    printf("{\"name\":\"%s\",\"seconds\":%.6g,\"operations\":[", name, profile->seconds);
    for (int i = 0; i < PROFILE_OPS; i++) {
        const struct profile_sum *s = &profile->sums[i];
        if (!s->n_calls && i != PROFILE_REST)
            continue;
        printf("%s{\"name\":\"%s\",\"calls\":%llu,\"seconds\":%.6g", first ? "" : ",",
               profile_name((enum profile_op)i), (unsigned long long)s->n_calls, s->seconds);
        if (s->flops > 0)
            printf(",\"bytes\":%.6g,\"flops\":%.6g", s->bytes, s->flops);
        printf("}");
        first = false;
    }
    printf("]}");
}
