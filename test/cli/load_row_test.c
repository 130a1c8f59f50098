/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_row.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"

TEST(load_row, counts_by_name_and_keeps_the_first_text)
{
    static struct load_tally tally;
    char name[100];
    memset(&tally, 0, sizeof tally);
    load_tally_add(&tally, "a", "first");
    load_tally_add(&tally, "b", "");
    load_tally_add(&tally, "a", "second");
    assert_int_equal(tally.n, 2);
    assert_int_equal(tally.items[0].n, 2);
    assert_string_equal(tally.items[0].text, "first");
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "name %d, which is as long as no name should ever be", i % 50);
        load_tally_add(&tally, name, name);
    }
    uint64_t n = 0;
    for (int i = 0; i < tally.n; i++)
        n += tally.items[i].n;
    assert_int_equal(tally.n, LOAD_TALLY_ITEMS);
    assert_int_equal(n, 103);
    assert_string_equal(tally.items[LOAD_TALLY_ITEMS - 1].name, "other");
}

TEST(load_row, sums_what_is_done_and_tells_what_failed)
{
    struct err err = {0}, why = {ERR_IO, "Slow down."};
    struct load_row *row = mem_new(1, sizeof *row, &err);
    struct load_answer a = {.options = {.stream = true},
                            .begun = 10,
                            .first_at = 10.5,
                            .text_at = 12.5,
                            .end_at = 13,
                            .n_texts = 3,
                            .usage = {true, 20, 5, 4},
                            .finish = "length"};
    load_row_add(row, &a, LOAD_OK, 200, NULL);
    a.usage = (struct load_usage){true, 30, 0, 0}; /* one that wrote nothing */
    a.first_at = a.text_at = 0;
    a.n_texts = 0;
    load_row_add(row, &a, LOAD_OK, 200, NULL);
    load_row_add(row, &a, LOAD_STATUS, 429, &why);
    load_row_add(row, &a, LOAD_STATUS, 503, &why);
    load_row_add(row, &a, LOAD_LOST, 200, &why);
    assert_int_equal(row->n_done, 2);
    assert_int_equal(row->n_failed, 3);
    assert_int_equal(row->kinds[LOAD_STATUS], 2);
    assert_int_equal(row->kinds[LOAD_LOST], 1);
    assert_int_equal(row->n_output, 5);
    assert_int_equal(row->n_prompt, 50);
    assert_int_equal(row->n_cached, 4);
    assert_int_equal(row->least_prompt, 20);
    assert_int_equal(row->most_prompt, 30);
    assert_string_equal(row->errors.items[0].name, "status 429");
    assert_string_equal(row->errors.items[2].name, "lost");
    assert_int_equal(row->first.n, 1);
    assert_int_equal(row->token.n, 1);
    assert_int_equal(row->whole.n, 2);
    assert_true(fabs(row->first.max - 0.5) < 1e-9);
    assert_true(fabs(row->token.max - 0.5) < 1e-9); /* 2 s for the 4 tokens after the first */
    assert_true(fabs(row->whole.max - 3) < 1e-9);
    free(row);
}
