/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_rows.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* How a unit is printed for people. */
static const struct {
    const char *unit, *name;
    double scale;
} units[] = {{"s", "ms", 1e3}, {"B", "MB", 1e-6}, {"tokens/s", "tokens/s", 1}};

bool bench_rows_add(struct bench_rows *rows, const struct bench_row *row, bool ok, struct err *err)
{
    char behind[64] = "";
    size_t i = 0;
    if (!row->value.n_runs)
        return ok;
    assert(rows->n < BENCH_MAX_ROWS);
    rows->rows[rows->n++] = *row;
    if (rows->form != BENCH_TEXT)
        return ok;
    while (strcmp(units[i].unit, row->unit) != 0)
        assert(++i < sizeof units / sizeof *units);
    if (row->ratio > 0)
        snprintf(behind, sizeof behind, "%6.2f of %s", row->ratio, row->limit);
    return summary_print_row(&row->value, ok, row->name, units[i].scale, units[i].name, behind,
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
               i ? "," : "", row->name, row->unit, s->median, s->min, s->max, s->n_runs);
        if (row->ratio > 0)
            printf(",\"ratio\":%.4g,\"limit\":\"%s\"", row->ratio, row->limit);
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
        printf("%s,%s,%.6g,%.6g,%.6g,%d,", row->name, row->unit, s->median, s->min, s->max,
               s->n_runs);
        if (row->ratio > 0)
            printf("%.4g,%s", row->ratio, row->limit);
        else
            printf(",");
        puts("");
    }
}
