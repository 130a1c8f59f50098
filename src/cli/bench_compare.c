/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_compare.h"

#include <stdio.h>
#include <string.h>

#include "data/json.h"

#define MAX_RUNS  SUMMARY_MAX_RUNS
#define MAX_VALUE 1e18
#define FEW_RUNS  3 /* fewer say nothing about noise */

static const char *const known_units[] = {"tokens/s", "s", "B"};

enum bench_change bench_change(const struct bench_row *now, const struct bench_row *stored)
{
    const struct summary *a = &now->value, *b = &stored->value;
    bool more_is_better = strcmp(now->unit, "tokens/s") == 0;
    if (a->n_runs < FEW_RUNS || b->n_runs < FEW_RUNS)
        return BENCH_NOISE;
    if (a->min > b->max)
        return more_is_better ? BENCH_BETTER : BENCH_WORSE;
    if (a->max < b->min)
        return more_is_better ? BENCH_WORSE : BENCH_BETTER;
    return BENCH_NOISE;
}

static bool read_unit(const struct json *row, const char **unit, struct err *err)
{
    struct json value;
    const char *text = NULL;
    size_t n;
    if (!json_need(row, "unit", &value, err) || !json_read_string(&value, &text, &n, err))
        return false;
    for (size_t i = 0; i < sizeof known_units / sizeof *known_units; i++)
        if (strcmp(text, known_units[i]) == 0) {
            *unit = known_units[i];
            return true;
        }
    return json_fail(&value, err, ERR_FORMAT, "no unit of bise bench");
}

static bool read_row(const struct json *json, struct bench_row *row, struct err *err)
{
    struct json name;
    const char *text = NULL;
    size_t n;
    uint32_t n_runs = 0;
    *row = (struct bench_row){0};
    if (!json_need(json, "name", &name, err) || !json_read_string(&name, &text, &n, err) ||
        !read_unit(json, &row->unit, err) ||
        !json_f64(json, "median", 0, MAX_VALUE, &row->value.median, err) ||
        !json_f64(json, "min", 0, MAX_VALUE, &row->value.min, err) ||
        !json_f64(json, "max", 0, MAX_VALUE, &row->value.max, err) ||
        !json_u32(json, "runs", 1, MAX_RUNS, &n_runs, err))
        return false;
    row->value.n_runs = (int)n_runs;
    if (n >= sizeof row->name)
        return json_fail(&name, err, ERR_FORMAT, "no row of bise bench");
    memcpy(row->name, text, n + 1);
    return true;
}

bool bench_compare_read(struct bench_rows *stored, const char *path, struct err *err)
{
    struct json root, list;
    bool ok = false;
    *stored = (struct bench_rows){0};
    struct json_doc *doc = json_open(path, err);
    if (!doc)
        return false;
    root = json_root(doc);
    if (!json_find(&root, "rows", &list) || !json_is_array(&list) ||
        json_count(&list) > BENCH_MAX_ROWS) {
        err_set(err, ERR_FORMAT, "%s: no rows; give a file that 'bise bench --json' printed", path);
        goto out;
    }
    ok = true;
    for (size_t i = 0; ok && i < json_count(&list); i++) {
        struct json item = json_item(&list, i);
        ok = read_row(&item, &stored->rows[stored->n++], err);
    }
out:
    json_close(doc);
    return ok;
}

static const struct bench_row *find(const struct bench_rows *rows, const struct bench_row *like)
{
    for (int i = 0; i < rows->n; i++)
        if (strcmp(rows->rows[i].name, like->name) == 0 &&
            strcmp(rows->rows[i].unit, like->unit) == 0)
            return &rows->rows[i];
    return NULL;
}

/* How far the runs of a row lie apart, as a share of their median. */
static double spread(const struct summary *s)
{
    return s->median > 0 ? (s->max - s->min) / s->median : 0;
}

void bench_compare_print(const struct bench_rows *now, const struct bench_rows *stored,
                         const char *path)
{
    static const char *const changes[] = {"", "better", "worse"};
    printf("\nbeside %s\n%-24s %12s %12s %8s %8s\n", path, "", "stored", "now", "ratio", "spread");
    for (int i = 0; i < now->n; i++) {
        const struct bench_row *row = &now->rows[i], *before = find(stored, row);
        if (!before) {
            printf("%-24s %12s %12.6g\n", row->name, "-", row->value.median);
            continue;
        }
        double a = spread(&row->value), b = spread(&before->value);
        printf("%-24s %12.6g %12.6g %8.3f %7.1f%%  %s\n", row->name, before->value.median,
               row->value.median,
               before->value.median > 0 ? row->value.median / before->value.median : 0,
               100 * (a > b ? a : b), changes[bench_change(row, before)]);
    }
}
