/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "cli/console.h"
#include "cli/machine.h"
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

enum { TENTHS = 1000 }; /* of a percent, in the whole */

/* Writes the operations that there were to ops: [PROFILE_OPS], the longest first, those that have
 * no name of their own last.  Returns their number. */
static int by_time(const struct profile *profile, enum profile_op *ops)
{
    int n = 0;
    for (int i = 0; i < PROFILE_OTHER; i++) {
        int at = n;
        if (!profile->sums[i].n_calls)
            continue;
        for (; at && profile->sums[ops[at - 1]].seconds < profile->sums[i].seconds; at--)
            ops[at] = ops[at - 1];
        ops[at] = (enum profile_op)i;
        n++;
    }
    ops[n] = PROFILE_OTHER;
    return n + 1;
}

/* Rounds the shares of n operations to tenths of a percent so that they add up: what rounding down
 * leaves goes to those that lost the most. */
static void round_shares(const struct profile *profile, const enum profile_op *ops, int n,
                         int *tenths)
{
    double lost[PROFILE_OPS];
    int left = TENTHS;
    for (int i = 0; i < n; i++) {
        double share = TENTHS * units_rate(profile->sums[ops[i]].seconds, profile->seconds);
        tenths[i] = (int)share;
        lost[i] = share - tenths[i];
        left -= tenths[i];
    }
    for (; left > 0 && left <= n; left--) {
        int most = 0;
        for (int i = 1; i < n; i++)
            most = lost[i] > lost[most] ? i : most;
        tenths[most]++;
        lost[most] = -1;
    }
}

/* Says whether what a step reads is more than a cache holds. */
static bool reads_memory(const struct profile *profile)
{
    double bytes = 0, n_steps = (double)profile->sums[PROFILE_EMBED].n_calls;
    for (int i = 0; i < PROFILE_OPS; i++)
        bytes += profile->sums[i].bytes;
    return bytes > n_steps * (double)machine_cache(0);
}

static void print_work(const struct profile_sum *s, const struct bench_limits *limits,
                       bool from_memory, int width)
{
    printf(" %9.1f", units_rate(s->bytes, s->seconds) / 1e9);
    if (from_memory)
        printf(" %9.2f", units_rate(s->bytes, s->seconds * limits->read));
    else
        printf(" %9s", "-");
    printf(" %9.1f %*.2f", units_rate(s->flops, s->seconds) / 1e9, width,
           units_rate(s->flops, s->seconds * limits->compute));
}

bool bench_profile_text(const struct profile *profile, const char *name,
                        const struct bench_limits *limits, struct err *err)
{
    enum profile_op ops[PROFILE_OPS];
    int tenths[PROFILE_OPS], n = by_time(profile, ops);
    int width = (int)strlen("of ") + (int)strlen(limits->compute_name);
    bool from_memory = reads_memory(profile);
    char unit[16];
    snprintf(unit, sizeof unit, "G%s", limits->compute_unit);
    round_shares(profile, ops, n, tenths);
    printf("\n%-24s %10s %7s %9s %9s %9s %9s of %s\n", name, "ms", "share", "calls", "GB/s",
           "of memory", unit, limits->compute_name);
    for (int i = 0; i < n; i++) {
        const struct profile_sum *s = &profile->sums[ops[i]];
        printf("%-24s %10.2f %5d.%d%%", profile_name(ops[i]), 1e3 * s->seconds, tenths[i] / 10,
               tenths[i] % 10);
        if (ops[i] != PROFILE_OTHER)
            printf(" %9llu", (unsigned long long)s->n_calls);
        if (s->flops > 0)
            print_work(s, limits, from_memory, width);
        puts("");
    }
    printf("%-24s %10.2f %6.1f%%\n", "all", 1e3 * profile->seconds, 100.0);
    return console_flush(err);
}

void bench_profile_json(const struct profile *profile, const char *name)
{
    bool first = true;
    printf("{\"name\":\"%s\",\"seconds\":%.6g,\"operations\":[", name, profile->seconds);
    for (int i = 0; i < PROFILE_OPS; i++) {
        const struct profile_sum *s = &profile->sums[i];
        if (!s->n_calls && i != PROFILE_OTHER)
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
