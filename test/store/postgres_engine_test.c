/* SPDX-License-Identifier: Apache-2.0 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "store/keys.h"
#include "store/store_int.h"
#include "test.h"

#define END_OTHERS                                                                                 \
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"                                       \
    " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"

static bool add_key(struct store *store, struct err *err)
{
    struct key key = {.roles = ROLE_INFER};
    char text[KEY_TEXT_CHARS + 1];
    *err = (struct err){0};
    return keys_add(store, &key, text, err);
}

TEST(postgres_engine, goes_on_when_the_server_is_back)
{
    const struct database *db = database_postgres();
    struct err err;
    if (!db)
        return;
    struct store *store = database_open(db);
    assert_true(add_key(store, &err));
    database_crash();
    for (int i = 0; i < 2; i++) {
        assert_false(add_key(store, &err));
        assert_int_equal(err.code, ERR_IO);
        if (!strstr(err.text, "no connection to the store"))
            fail_msg("%s", err.text);
        assert_null(strchr(err.text, '\n'));
    }
    database_restart();
    if (!add_key(store, &err))
        fail_msg("%s", err.text);
    struct keyring *ring = keyring_open(store, &err);
    assert_int_equal(keyring_count(ring), 2);
    keyring_close(ring);
    store_close(store);
}

TEST(postgres_engine, nobody_notices_a_connection_lost_between_calls)
{
    const struct database *db = database_postgres();
    struct err err;
    if (!db)
        return;
    struct store *store = database_open(db);
    for (int i = 0; i < 3; i++) {
        database_sql(db, END_OTHERS);
        if (!add_key(store, &err))
            fail_msg("%s", err.text);
    }
    store_close(store);
}

TEST(postgres_engine, a_connection_lost_within_a_call_is_its_failure)
{
    const struct database *db = database_postgres();
    struct err err = {0};
    struct query q;
    if (!db)
        return;
    struct store *store = database_open(db);
    assert_true(store_enter(store, STORE_WRITES, &err));
    query_init(&q, store, "INSERT INTO counters (name, value) VALUES ('lost', 1)");
    assert_true(query_run(&q, NULL, &err));
    database_sql(db, END_OTHERS);
    assert_false(store_leave(store, true, &err));
    assert_int_equal(err.code, ERR_IO);
    err = (struct err){0};
    assert_true(store_enter(store, STORE_READS, &err));
    query_init(&q, store, "SELECT value FROM counters WHERE name = 'lost'");
    assert_false(query_next(&q, &err));
    assert_true(query_end(&q) && store_leave(store, true, &err));
    store_close(store);
}

TEST(postgres_engine, waits_for_a_lock_and_says_so)
{
    const struct database *db = database_postgres();
    struct err err = {0};
    if (!db)
        return;
    struct store *store = store_open(
        &(struct store_options){.url = db->url, .folder = db->folder, .busy_ms = 100}, &err);
    PGconn *other = PQconnectdb(db->url);
    PQclear(PQexec(other, "BEGIN; LOCK TABLE bise.keys IN ACCESS EXCLUSIVE MODE"));
    assert_false(add_key(store, &err));
    assert_int_equal(err.code, ERR_BUSY);
    assert_non_null(strstr(err.text, "try again"));
    PQclear(PQexec(other, "ROLLBACK"));
    if (!add_key(store, &err))
        fail_msg("%s", err.text);
    PQfinish(other);
    store_close(store);
}

/* Tries a database of that name on the same server. */
static void check_database(const struct database *db, const char *name, enum err_code code,
                           const char *message)
{
    char url[600];
    struct err err = {0};
    const char *rest = strchr(db->url, '?');
    snprintf(url, sizeof url, "postgresql:///%s%s", name, rest);
    assert_null(store_open(&(struct store_options){.url = url}, &err));
    assert_int_equal(err.code, code);
    if (!strstr(err.text, message))
        fail_msg("got '%s', want '%s'", err.text, message);
}

TEST(postgres_engine, needs_a_database_in_utf_8)
{
    const struct database *db = database_postgres();
    if (!db)
        return;
    database_sql(db, "CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII'");
    check_database(db, "ascii", ERR_UNSUPPORTED, "not in UTF-8");
    check_database(db, "nowhere", ERR_IO, "does not exist");
    database_sql(db, "DROP DATABASE ascii");
}

TEST(postgres_engine, needs_no_right_to_make_a_schema_that_is_there)
{
    const struct database *db = database_postgres();
    char url[600];
    struct err err = {0};
    if (!db)
        return;
    database_sql(db, "DROP ROLE IF EXISTS guest");
    database_sql(db, "CREATE ROLE guest LOGIN");
    snprintf(url, sizeof url, "%s", db->url);
    memcpy(strstr(url, "user=tester"), "user=guest\0", 11);
    assert_null(store_open(&(struct store_options){.url = url, .folder = db->folder}, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.text, "permission denied"));
    database_sql(db, "CREATE SCHEMA bise AUTHORIZATION guest");
    struct store *store =
        store_open(&(struct store_options){.url = url, .folder = db->folder}, &err);
    if (!store || !add_key(store, &err))
        fail_msg("%s", err.text);
    store_close(store);
    database_sql(db, "DROP OWNED BY guest CASCADE");
    database_sql(db, "DROP ROLE guest");
}
