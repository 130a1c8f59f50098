/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "database.h"
#include "store/keys.h"
#include "test.h"

/* Opens the store after sql was run in it, which must fail and say that. */
static void check_refused(const struct database *db, const char *sql, const char *message)
{
    struct err err = {0};
    store_close(database_open(db));
    database_sql(db, sql);
    struct store *store =
        store_open(&(struct store_options){.url = db->url, .folder = db->folder}, &err);
    assert_null(store);
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    if (!strstr(err.text, message))
        fail_msg("got '%s', want '%s'", err.text, message);
}

static void newer(const struct database *db)
{
    check_refused(db,
                  "INSERT INTO schema_steps (step, name, digest, applied_at)"
                  " VALUES (4, 'vectors', 'x', 0)",
                  "written by a newer bise, with a step 4 'vectors'");
}

TEST(store_schema, refuses_tables_of_a_newer_program)
{
    database_each(newer);
}

static void changed(const struct database *db)
{
    check_refused(db, "UPDATE schema_steps SET digest = 'x' WHERE step = 2",
                  "its step 2, 'files', is not that of this bise");
}

TEST(store_schema, refuses_a_step_that_is_another)
{
    database_each(changed);
}

static void missing(const struct database *db)
{
    check_refused(db, "DELETE FROM schema_steps WHERE step = 1",
                  "its step 2, 'files', is not that of this bise");
}

TEST(store_schema, refuses_a_gap)
{
    database_each(missing);
}

TEST(store_schema, refuses_a_database_of_another_program)
{
    const struct database *db = database_sqlite("foreign.db");
    struct err err = {0};
    database_sql(db, "CREATE TABLE recipes (name TEXT)");
    assert_null(store_open(&(struct store_options){.url = db->url}, &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "of another program"));
    database_sql(db, "DROP TABLE recipes"); /* it was left as it was */
}

/* Takes the last step back: what an older program has written. */
static void older(const struct database *db)
{
    struct err err = {0};
    struct key key = {.roles = ROLE_INFER};
    char text[KEY_TEXT_CHARS + 1];
    struct store *store = database_open(db);
    assert_true(keys_add(store, &key, text, &err));
    store_close(store);
    database_sql(db, "DROP TABLE job_lines");
    database_sql(db, "DROP TABLE job_errors");
    database_sql(db, "DROP TABLE jobs");
    database_sql(db, "DELETE FROM schema_steps WHERE step = 3");
    store = database_open(db);
    struct keyring *ring = keyring_open(store, &err);
    assert_int_equal(keyring_count(ring), 1);
    keyring_close(ring);
    store_close(store);
    database_sql(db, "INSERT INTO job_errors (job_id, message, count)"
                     " SELECT id, 'x', 1 FROM jobs"); /* the table is there again */
}

TEST(store_schema, brings_an_older_store_up_to_date)
{
    database_each(older);
}

/* Several programs find the same empty database. */
static void raced(const struct database *db)
{
    enum { N = 6 };
    pid_t pids[N];
    for (int i = 0; i < N; i++) {
        pids[i] = fork();
        if (!pids[i]) {
            struct err err = {0};
            struct key key = {.roles = ROLE_INFER};
            char text[KEY_TEXT_CHARS + 1];
            struct store *store =
                store_open(&(struct store_options){.url = db->url, .folder = db->folder}, &err);
            bool ok = store && keys_add(store, &key, text, &err);
            if (!ok)
                fprintf(stderr, "%s\n", err.text);
            store_close(store);
            _exit(!ok);
        }
    }
    for (int i = 0; i < N; i++) {
        int status;
        waitpid(pids[i], &status, 0);
        assert_int_equal(status, 0);
    }
    struct err err = {0};
    struct store *store = database_open(db);
    struct keyring *ring = keyring_open(store, &err);
    assert_int_equal(keyring_count(ring), N);
    keyring_close(ring);
    store_close(store);
}

TEST(store_schema, is_made_once_by_programs_that_start_together)
{
    database_each(raced);
}
