/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "database.h"
#include "store/store_int.h"
#include "test.h"

static void put(struct store *store, const char *name, int64_t value)
{
    struct query q;
    struct err err = {0};
    int64_t n;
    query_init(&q, store, "INSERT INTO counters (name, value) VALUES ($1, $2)");
    query_text(&q, name);
    query_int(&q, value);
    assert_true(query_run(&q, &n, &err));
    assert_int_equal(n, 1);
}

static void values_come_back(const struct database *db)
{
    struct err err = {0};
    struct query q;
    struct store *store = database_open(db);
    assert_true(store_enter(store, STORE_WRITES, &err));
    put(store, "least", INT64_MIN);
    put(store, "most", INT64_MAX);
    put(store, "", -1);
    put(store, "' OR ''='; DROP TABLE keys; --", 5);
    put(store, "\xf0\x9f\x8c\xac \xc3\xa9\n\t\\", 6);
    assert_true(store_leave(store, true, &err));

    assert_true(store_enter(store, STORE_READS, &err));
    query_init(&q, store, "SELECT value, name FROM counters WHERE name <> $1 ORDER BY value");
    query_text(&q, "keys");
    static const int64_t values[] = {INT64_MIN, -1, 5, 6, INT64_MAX};
    static const char *const names[] = {"least", "", "' OR ''='; DROP TABLE keys; --",
                                        "\xf0\x9f\x8c\xac \xc3\xa9\n\t\\", "most"};
    for (int i = 0; i < 5; i++) {
        assert_true(query_next(&q, &err));
        assert_true(query_get_int(&q, 0) == values[i]);
        assert_true(span_is(query_get_span(&q, 1), names[i]));
    }
    assert_false(query_next(&q, &err));
    assert_true(query_end(&q));
    assert_true(store_leave(store, true, &err));
    store_close(store);
}

TEST(query, values_come_back_as_they_were)
{
    database_each(values_come_back);
}

static void what_is_taken_back(const struct database *db)
{
    struct err err = {0};
    struct query q;
    struct store *store = database_open(db);
    assert_true(store_enter(store, STORE_WRITES, &err));
    put(store, "gone", 1);
    assert_false(store_leave(store, false, &err));
    assert_int_equal(err.code, ERR_NONE);
    assert_true(store_enter(store, STORE_READS, &err));
    query_init(&q, store, "SELECT count(*) FROM counters");
    assert_true(query_next(&q, &err));
    assert_int_equal(query_get_int(&q, 0), 1);
    assert_true(query_end(&q));
    assert_true(store_leave(store, true, &err));
    store_close(store);
}

TEST(query, leaves_nothing_of_what_is_taken_back)
{
    database_each(what_is_taken_back);
}

static void bad_texts(const struct database *db)
{
    static const struct span texts[] = {{"a\0b", 3}, {"\xff", 1}, {"\xed\xa0\x80", 3}};
    struct store *store = database_open(db);
    for (int i = 0; i < 3; i++) {
        struct err err = {0};
        struct query q;
        assert_true(store_enter(store, STORE_READS, &err));
        query_init(&q, store, "SELECT value FROM counters WHERE name = $1");
        query_span(&q, texts[i]);
        assert_false(query_run(&q, NULL, &err));
        assert_int_equal(err.code, ERR_ARG);
        assert_false(store_leave(store, false, &err));
        err = (struct err){0};
        assert_true(store_ping(store, &err));
    }
    store_close(store);
}

TEST(query, refuses_texts_that_not_every_engine_holds)
{
    database_each(bad_texts);
}

static void wrong_sql(const struct database *db)
{
    struct store *store = database_open(db);
    struct err err = {0};
    struct query q;
    assert_true(store_enter(store, STORE_WRITES, &err));
    query_init(&q, store, "SELECT nothing FROM nowhere");
    assert_false(query_run(&q, NULL, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_null(strchr(err.text, '\n'));
    assert_false(store_leave(store, false, &err));
    err = (struct err){0};
    assert_true(store_ping(store, &err));
    store_close(store);
}

TEST(query, a_failure_ends_nothing_but_itself)
{
    database_each(wrong_sql);
}
