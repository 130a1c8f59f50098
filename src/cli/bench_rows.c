/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_rows.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct bench_unit units[] = {
    {"s", "ms", 1e3, "slower", "faster", false, true},
    {"tokens/s", "tokens/s", 1, "faster", "slower", true, true},
    {"B", "MB", 1e-6, "more", "less", false, false},
    {"B/s", "GB/s", 1e-9, "faster", "slower", true, false},
    {"FLOP/s", "GFLOP/s", 1e-9, "faster", "slower", true, false},
};

const struct bench_unit *bench_unit(const char *key)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(units[i].key, key) == 0)
            return &units[i];
    return NULL;
}

struct bench_row bench_row_of(const char *name, const char *unit, double value)
{
    struct bench_row row = {.unit = bench_unit(unit),
                            .value = {.n_runs = 1, .median = value, .min = value, .max = value}};
    assert(row.unit);
    snprintf(row.name, sizeof row.name, "%s", name);
    return row;
}

/* Writes "0.78 of memory"; what is nearly nothing is not called nothing. */
static void describe(char *text, size_t size, const struct bench_share *share)
{
    if (share->part < 0.005)
        snprintf(text, size, " <0.01 of %s", share->limit);
    else
        snprintf(text, size, "%6.2f of %s", share->part, share->limit);
}

bool bench_rows_add(struct bench_rows *rows, const struct bench_row *row, bool ok, struct err *err)
{
    char behind[64] = "";
    if (!row->value.n_runs)
        return ok;
    assert(rows->n < BENCH_MAX_ROWS);
    rows->rows[rows->n++] = *row;
    if (rows->form != BENCH_TEXT)
        return ok;
    if (row->share.part > 0)
        describe(behind, sizeof behind, &row->share);
    return summary_print_row(&row->value, ok, row->name, row->unit->scale, row->unit->name, behind,
                             err);
}

void bench_rows_json(const struct bench_rows *rows)
{
    printf(",\"rows\":[");
    for (int i = 0; i < rows->n; i++) {
        const struct bench_row *row = &rows->rows[i];
        const struct summary *s = &row->value;
        printf("%s{\"name\":\"%s\",\"unit\":\"%s\",\"median\":%.6g,\"min\":%.6g,\"max\":%.6g,"
               "\"runs\":%d",
               i ? "," : "", row->name, row->unit->key, s->median, s->min, s->max, s->n_runs);
        if (row->share.part > 0)
            printf(",\"ratio\":%.4g,\"limit\":\"%s\"", row->share.part, row->share.limit);
        printf("}");
    }
    printf("]");
}

void bench_rows_csv(const struct bench_rows *rows)
{
    puts("name,unit,median,min,max,runs,ratio,limit");
    for (int i = 0; i < rows->n; i++) {
        const struct bench_row *row = &rows->rows[i];
        const struct summary *s = &row->value;
        printf("%s,%s,%.6g,%.6g,%.6g,%d,", row->name, row->unit->key, s->median, s->min, s->max,
               s->n_runs);
        if (row->share.part > 0)
            printf("%.4g,%s", row->share.part, row->share.limit);
        else
            printf(",");
        puts("");
    }
}
