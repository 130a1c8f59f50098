/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_compare.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"

static struct bench_row row(const char *unit, double min, double max, int n_runs)
{
    struct bench_row r = {.name = "a",
                          .unit = bench_unit(unit),
                          .value = {.median = (min + max) / 2, .min = min, .max = max}};
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
    assert_int_equal(bench_change(&few, &fast), BENCH_FEW_RUNS);
    assert_int_equal(bench_change(&fast, &few), BENCH_FEW_RUNS);
}

TEST(bench_compare, less_time_and_memory_are_better)
{
    struct bench_row more = row("s", 10, 12, 3), less = row("s", 8, 9, 3);
    assert_int_equal(bench_change(&less, &more), BENCH_BETTER);
    assert_int_equal(bench_change(&more, &less), BENCH_WORSE);
}

static void check_text(const char *unit, double stored, double now, const char *text)
{
    char got[32];
    struct bench_row a = row(unit, now, now, 3), b = row(unit, stored, stored, 3);
    assert_string_equal(bench_change_text(got, &a, &b), text);
}

/* More of a rate is faster, more of a time slower. */
TEST(bench_compare, a_change_says_its_direction)
{
    check_text("tokens/s", 10, 12.5, "1.25x faster");
    check_text("tokens/s", 12.5, 10, "1.25x slower");
    check_text("s", 0.5, 1, "2.00x slower");
    check_text("s", 1, 0.5, "2.00x faster");
    check_text("B", 2e6, 3e6, "1.50x more");
    check_text("B", 3e6, 2e6, "1.50x less");
    check_text("B/s", 1e10, 8e9, "1.25x slower");
    check_text("FLOP/s", 1e12, 1.004e12, "same");
    check_text("s", 0, 1, "-");
    check_text("s", 1, 0, "-");
}

static bool read_text(struct bench_stored *stored, const char *text, struct err *err)
{
    const char *path = test_write(test_tmp("stored.json"), text, strlen(text));
    *err = (struct err){0};
    return bench_compare_read(stored, path, err);
}

#define ROW(name, unit, runs)                                                                      \
    "{\"name\":\"" name "\",\"unit\":\"" unit                                                      \
    "\",\"median\":2,\"min\":1,\"max\":3.5,\"runs\":" runs "}"

#define LIMITS                                                                                     \
    "\"limits\":{\"read_bytes_per_s\":5e9,\"compute\":\"AVX2 float32\","                           \
    "\"compute_flops_per_s\":7e10},"

TEST(bench_compare, reads_what_was_stored)
{
    struct bench_stored stored;
    const struct bench_row *rows = stored.rows.rows;
    struct err err;
    assert_true(read_text(&stored,
                          "{\"model\":\"x/y\"," LIMITS
                          "\"rows\":[" ROW("load", "s", "5") "," ROW("b", "B", "1") "]}",
                          &err));
    assert_string_equal(stored.about.model, "y");
    assert_int_equal(stored.rows.n, 4);
    assert_string_equal(rows[0].name, "limit: memory");
    assert_true(rows[0].value.median == 5e9);
    assert_string_equal(rows[1].name, "limit: AVX2 float32");
    assert_true(rows[1].value.median == 7e10);
    assert_string_equal(rows[2].name, "load");
    assert_string_equal(rows[2].unit->key, "s");
    assert_true(rows[2].value.max == 3.5 && rows[2].value.n_runs == 5);
    assert_string_equal(rows[3].unit->key, "B");
}

TEST(bench_compare, refuses_another_file)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "line 1, column 0: '[' or '{' expected near end of file"},
        {"name,unit", "line 1, column 4: '[' or '{' expected near 'name'"},
        {"{}", "no rows"},
        {"[]", "no rows"},
        {"{\"rows\":1}", "no rows"},
        {"{\"threads\":[1],\"limits\":[]}", "no rows"}, /* as --limits prints */
        {"{\"rows\":[1]}", "rows[0]: expected an object"},
        {"{\"rows\":[" ROW("a", "furlong", "1") "]}",
         "rows[0].unit: 'furlong' is no unit of bise bench"},
        {"{\"rows\":[" ROW("a", "s", "0") "]}",
         "rows[0].runs: expected a whole number from 1 to 1000"},
        {"{\"rows\":[" ROW("0123456789012345678901234567890123456789", "s", "1") "]}",
         "rows[0].name: no row of bise bench"},
        {"{\"rows\":[],\"limits\":{\"read_bytes_per_s\":1}}", "limits.compute: missing"},
    };
    struct bench_stored stored;
    struct err err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char want[ERR_TEXT_BYTES];
        assert_false(read_text(&stored, cases[i].text, &err));
        snprintf(want, sizeof want, "%s: %s; give a file that 'bise bench MODEL --json' printed",
                 test_tmp("stored.json"), cases[i].message);
        assert_string_equal(err.text, want);
    }
}

/* The list of rows has no end that a file could go beyond. */
TEST(bench_compare, refuses_too_many_rows)
{
    static char text[BENCH_MAX_ROWS * 128];
    struct bench_stored stored;
    struct err err;
    for (int n_rows = BENCH_MAX_ROWS - 2; n_rows < BENCH_MAX_ROWS; n_rows++) {
        size_t n = (size_t)snprintf(text, sizeof text, "{" LIMITS "\"rows\":[");
        for (int i = 0; i < n_rows; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s" ROW("a", "s", "1"), i ? "," : "");
        snprintf(text + n, sizeof text - n, "]}");
        assert_true(read_text(&stored, text, &err) == (n_rows == BENCH_MAX_ROWS - 2));
    }
}
