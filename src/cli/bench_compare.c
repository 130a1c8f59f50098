/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_compare.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "data/json.h"

#define REMEDY    "give a file that 'bise bench MODEL --json' printed"
#define MAX_RUNS  SUMMARY_MAX_RUNS
#define MAX_VALUE 1e18
#define FEW_RUNS  3 /* fewer say nothing about noise */
#define N_LIMITS  2

enum bench_change bench_change(const struct bench_row *now, const struct bench_row *stored)
{
    const struct summary *a = &now->value, *b = &stored->value;
    if (a->n_runs < FEW_RUNS || b->n_runs < FEW_RUNS)
        return BENCH_FEW_RUNS;
    if (a->min > b->max)
        return now->unit->more_is_better ? BENCH_BETTER : BENCH_WORSE;
    if (a->max < b->min)
        return now->unit->more_is_better ? BENCH_WORSE : BENCH_BETTER;
    return BENCH_NOISE;
}

const char *bench_change_text(char *text, const struct bench_row *now,
                              const struct bench_row *stored)
{
    enum { SIZE = 32 };
    double a = now->value.median, b = stored->value.median;
    double times = a > b ? a / b : b / a;
    if (!(a > 0) || !(b > 0))
        snprintf(text, SIZE, "-");
    else if (times < 1.005)
        snprintf(text, SIZE, "same");
    else
        snprintf(text, SIZE, "%.2fx %s", times, a > b ? now->unit->more : now->unit->less);
    return text;
}

static bool read_unit(const struct json *row, const struct bench_unit **unit, struct err *err)
{
    struct json value;
    const char *text = NULL;
    size_t n;
    if (!json_need(row, "unit", &value, err) || !json_read_string(&value, &text, &n, err))
        return false;
    *unit = bench_unit(text);
    return *unit || json_fail(&value, err, ERR_FORMAT, "'%.20s' is no unit of bise bench", text);
}

static bool read_name(const struct json *row, const char *key, const char *prefix,
                      struct bench_row *out, struct err *err)
{
    struct json name;
    const char *text = NULL;
    size_t n;
    if (!json_need(row, key, &name, err) || !json_read_string(&name, &text, &n, err))
        return false;
    if (strlen(prefix) + n >= sizeof out->name)
        return json_fail(&name, err, ERR_FORMAT, "no row of bise bench");
    snprintf(out->name, sizeof out->name, "%s%s", prefix, text);
    return true;
}

static bool read_row(const struct json *json, struct bench_row *row, struct err *err)
{
    uint32_t n_runs = 0;
    *row = (struct bench_row){0};
    if (!read_name(json, "name", "", row, err) || !read_unit(json, &row->unit, err) ||
        !json_f64(json, "median", 0, MAX_VALUE, &row->value.median, err) ||
        !json_f64(json, "min", 0, MAX_VALUE, &row->value.min, err) ||
        !json_f64(json, "max", 0, MAX_VALUE, &row->value.max, err) ||
        !json_u32(json, "runs", 1, MAX_RUNS, &n_runs, err))
        return false;
    row->value.n_runs = (int)n_runs;
    return true;
}

/* A run that was interrupted may have none. */
static bool read_limits(const struct json *root, struct bench_rows *rows, struct err *err)
{
    struct json limits;
    struct bench_row name;
    double read, compute;
    if (!json_find(root, "limits", &limits))
        return true;
    if (!json_f64(&limits, "read_bytes_per_s", 0, MAX_VALUE, &read, err) ||
        !read_name(&limits, "compute", "limit: ", &name, err) ||
        !json_f64(&limits, "compute_flops_per_s", 0, MAX_VALUE, &compute, err))
        return false;
    rows->rows[rows->n++] = bench_row_of("limit: memory", "B/s", read);
    rows->rows[rows->n++] = bench_row_of(name.name, "FLOP/s", compute);
    return true;
}

static bool read_run(struct bench_stored *stored, const struct json *root, struct err *err)
{
    struct json list;
    struct bench_rows *rows = &stored->rows;
    bool ok = true;
    if (!json_find(root, "rows", &list) || !json_is_array(&list) ||
        json_count(&list) > BENCH_MAX_ROWS - N_LIMITS)
        return json_fail(root, err, ERR_FORMAT, "no rows");
    if (!bench_about_read(&stored->about, root, err) || !read_limits(root, rows, err))
        return false;
    for (size_t i = 0; ok && i < json_count(&list); i++) {
        struct json item = json_item(&list, i);
        ok = read_row(&item, &rows->rows[rows->n++], err);
    }
    return ok;
}

bool bench_compare_read(struct bench_stored *stored, const char *path, struct err *err)
{
    struct buf text;
    struct json root;
    struct json_doc *doc = NULL;
    *stored = (struct bench_stored){0};
    buf_init(&text, LIMIT_JSON_BYTES);
    bool ok = file_read(&text, path, err);
    if (ok) {
        doc = json_parse(path, text.data, text.len, err);
        ok = doc != NULL;
    }
    if (ok) {
        root = json_root(doc);
        ok = read_run(stored, &root, err);
    }
    if (!ok)
        err_remedy(err, ERR_FORMAT, REMEDY);
    json_close(doc);
    buf_free(&text);
    return ok;
}

static const struct bench_row *find(const struct bench_rows *rows, const struct bench_row *like)
{
    for (int i = 0; i < rows->n; i++)
        if (strcmp(rows->rows[i].name, like->name) == 0 && rows->rows[i].unit == like->unit)
            return &rows->rows[i];
    return NULL;
}

/* How far the runs of a row lie apart, as a share of their median. */
static double spread(const struct summary *s)
{
    return s->median > 0 ? (s->max - s->min) / s->median : 0;
}

static void print_figure(const struct bench_row *row, const struct bench_row *like)
{
    double scale = like->unit->scale;
    if (row)
        printf(" %12.*f", summary_decimals(scale * like->value.median), scale * row->value.median);
    else
        printf(" %12s", "-");
}

/* Prints a row that at least one of both runs has. */
static void print_row(const struct bench_row *now, const struct bench_row *stored)
{
    static const char *const meanings[] = {
        [BENCH_NOISE] = "within noise",
        [BENCH_FEW_RUNS] = "too few runs",
        [BENCH_BETTER] = "better",
        [BENCH_WORSE] = "worse",
    };
    char change[32];
    const struct bench_row *row = now ? now : stored;
    printf("%-24s", row->name);
    print_figure(stored, row);
    print_figure(now, row);
    printf("  %-8s  ", row->unit->name);
    if (!now || !stored) {
        puts(now ? "not stored" : "not run now");
        return;
    }
    bench_change_text(change, now, stored);
    if (!row->unit->is_repeated) {
        puts(change);
        return;
    }
    double a = spread(&now->value), b = spread(&stored->value);
    printf("%-16s %6.1f%%  %s\n", change, 100 * (a > b ? a : b),
           meanings[bench_change(now, stored)]);
}

void bench_compare_print(const struct bench_about *about, const struct bench_rows *now,
                         const struct bench_limits *limits, const struct bench_stored *stored,
                         const char *path)
{
    char name[sizeof now->rows[0].name], text[BENCH_ABOUT_TEXT];
    snprintf(name, sizeof name, "limit: %s", limits->compute_name);
    struct bench_rows all = {.n = N_LIMITS,
                             .rows = {bench_row_of("limit: memory", "B/s", limits->read),
                                      bench_row_of(name, limits->compute_unit, limits->compute)}};
    for (int i = 0; i < now->n; i++)
        all.rows[all.n++] = now->rows[i];
    printf("\nbeside %s\n", path);
    if (*bench_about_differ(text, about, &stored->about))
        printf("which differs: %s\n", text);
    printf("%-24s %12s %12s  %-8s  %-16s %7s\n", "", "stored", "now", "unit", "change", "spread");
    for (int i = 0; i < all.n; i++)
        print_row(&all.rows[i], find(&stored->rows, &all.rows[i]));
    for (int i = 0; i < stored->rows.n; i++)
        if (!find(&all, &stored->rows.rows[i]))
            print_row(NULL, &stored->rows.rows[i]);
}
