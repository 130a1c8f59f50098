/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/summary.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/console.h"
#include "cli/interrupt.h"

bool summary_go_on(struct err *err)
{
    return !interrupt_came() || err_set(err, ERR_CANCELLED, "interrupted");
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct summary summary_of(double *samples, int n)
{
    qsort(samples, (size_t)n, sizeof *samples, by_size);
    return (struct summary){.n_runs = n,
                            .median = (samples[n / 2] + samples[(n - 1) / 2]) / 2,
                            .min = samples[0],
                            .max = samples[n - 1]};
}

bool summary_measure(struct summary *out, const char *name, const struct summary_limits *limits,
                     summary_fn *fn, void *arg, struct err *err)
{
    double samples[SUMMARY_MAX_RUNS], start = clock_now();
    int n = 0;
    assert(limits->n_repeats <= SUMMARY_MAX_RUNS);
    console_progress("%s: warming up", name);
    bool ok = fn(arg, &samples[0], err);
    while (ok && n < limits->n_repeats && (n == 0 || clock_now() - start < limits->max_s)) {
        console_progress("%s: run %d of %d", name, n + 1, limits->n_repeats);
        ok = fn(arg, &samples[n], err) && summary_go_on(err);
        n += ok;
    }
    if (n)
        *out = summary_of(samples, n);
    console_progress_end();
    return ok;
}

int summary_decimals(double figure)
{
    return figure < 1 ? 3 : figure < 10 ? 2 : 1;
}

void summary_print_head(const char *behind)
{
    printf("%-24s %12s %12s %12s  %-9s %5s%s%s\n", "", "median", "least", "most", "unit", "runs",
           *behind ? " " : "", behind);
}

bool summary_print_row(const struct summary *s, bool ok, const char *label, double scale,
                       const char *unit, const char *behind, struct err *err)
{
    int n = summary_decimals(scale * s->median);
    if (!s->n_runs)
        return ok;
    printf("%-24s %12.*f %12.*f %12.*f  %-9s %5d%s%s\n", label, n, scale * s->median, n,
           scale * s->min, n, scale * s->max, unit, s->n_runs, *behind ? " " : "", behind);
    return ok ? console_flush(err) : ok;
}

void summary_print_json(const struct summary *s, const char *key)
{
    if (s->n_runs)
        printf(",\"%s\":{\"median\":%.6g,\"min\":%.6g,\"max\":%.6g,\"runs\":%d}", key, s->median,
               s->min, s->max, s->n_runs);
}
