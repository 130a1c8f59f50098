/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_compare.h"

#include <string.h>

#include "base/mem.h"
#include "test.h"

static struct bench_row row(const char *unit, double min, double max, int n_runs)
{
    struct bench_row r = {
        .name = "a", .unit = unit, .value = {.median = (min + max) / 2, .min = min, .max = max}};
    r.value.n_runs = n_runs;
    return r;
}

TEST(bench_compare, a_change_is_outside_of_all_runs)
{
    struct bench_row fast = row("tokens/s", 10, 12, 3), slow = row("tokens/s", 8, 9, 3);
    struct bench_row between = row("tokens/s", 9, 10, 3), few = row("tokens/s", 1, 2, 2);
    assert_int_equal(bench_change(&fast, &slow), BENCH_BETTER);
    assert_int_equal(bench_change(&slow, &fast), BENCH_WORSE);
    assert_int_equal(bench_change(&between, &fast), BENCH_NOISE);
    assert_int_equal(bench_change(&between, &slow), BENCH_NOISE);
    assert_int_equal(bench_change(&few, &fast), BENCH_NOISE);
    assert_int_equal(bench_change(&fast, &few), BENCH_NOISE);
}

TEST(bench_compare, less_time_and_memory_are_better)
{
    struct bench_row more = row("s", 10, 12, 3), less = row("s", 8, 9, 3);
    assert_int_equal(bench_change(&less, &more), BENCH_BETTER);
    assert_int_equal(bench_change(&more, &less), BENCH_WORSE);
}

static bool read_text(struct bench_rows *rows, const char *text, struct err *err)
{
    const char *path = test_write(test_tmp("stored.json"), text, strlen(text));
    *err = (struct err){0};
    return bench_compare_read(rows, path, err);
}

#define ROW(name, unit, runs)                                                                      \
    "{\"name\":\"" name "\",\"unit\":\"" unit                                                      \
    "\",\"median\":2,\"min\":1,\"max\":3.5,\"runs\":" runs "}"

TEST(bench_compare, reads_what_was_stored)
{
    struct bench_rows rows;
    struct err err;
    assert_true(read_text(
        &rows, "{\"model\":\"x\",\"rows\":[" ROW("load", "s", "5") "," ROW("b", "B", "1") "]}",
        &err));
    assert_int_equal(rows.n, 2);
    assert_string_equal(rows.rows[0].name, "load");
    assert_string_equal(rows.rows[0].unit, "s");
    assert_true(rows.rows[0].value.max == 3.5 && rows.rows[0].value.n_runs == 5);
    assert_string_equal(rows.rows[1].unit, "B");
}

TEST(bench_compare, refuses_another_file)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{}", "stored.json: no rows; give a file that 'bise bench --json' printed"},
        {"{\"rows\":1}", "stored.json: no rows; give a file that 'bise bench --json' printed"},
        {"{\"rows\":[1]}", "stored.json: rows[0]: expected an object"},
        {"{\"rows\":[" ROW("a", "furlong", "1") "]}",
         "stored.json: rows[0].unit: no unit of bise bench"},
        {"{\"rows\":[" ROW("a", "s", "0") "]}",
         "stored.json: rows[0].runs: expected a whole number from 1 to 1000"},
        {"{\"rows\":[" ROW("0123456789012345678901234567890123456789", "s", "1") "]}",
         "stored.json: rows[0].name: no row of bise bench"},
    };
    struct bench_rows rows;
    struct err err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_false(read_text(&rows, cases[i].text, &err));
        const char *at = strstr(err.text, "stored.json");
        assert_non_null(at);
        assert_string_equal(at, cases[i].message);
    }
}
