/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "database.h"
#include "test.h"

static void opens_and_answers(const struct database *db)
{
    struct err err = {0};
    struct store *store = database_open(db);
    assert_true(store_ping(store, &err));
    store_close(store);
    store = database_open(db); /* one that is there already */
    assert_true(store_ping(store, &err));
    store_close(store);
    store_close(NULL);
}

TEST(store, opens_and_answers)
{
    database_each(opens_and_answers);
}

TEST(store, refuses_addresses_that_are_none)
{
    static const char *const urls[] = {"", "sqlite:", "mysql://secret@host/db", "http://secret"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct err err = {0};
        assert_null(store_open(&(struct store_options){.url = urls[i]}, &err));
        assert_int_equal(err.code, ERR_ARG);
        assert_null(strstr(err.text, "secret"));
    }
}

TEST(store, never_shows_a_password)
{
    static const struct {
        const char *url, *name;
    } cases[] = {
        {"postgresql://u:secret@127.0.0.1:1/db", "postgresql://u@127.0.0.1:1/db"},
        {"postgresql://u:se%40cret@127.0.0.1:1/db", "postgresql://u@127.0.0.1:1/db"},
        {"postgres://127.0.0.1:1/db?password=secret", "postgres://127.0.0.1:1/db"},
        {"postgresql://u@127.0.0.1:1?user=a&password=secret", "postgresql://u@127.0.0.1:1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        assert_null(store_open(&(struct store_options){.url = cases[i].url}, &err));
        assert_int_equal(err.code, ERR_IO);
        assert_null(strstr(err.text, "secret"));
        assert_null(strstr(err.text, "cret"));
        assert_memory_equal(err.text, cases[i].name, strlen(cases[i].name));
        assert_int_equal(err.text[strlen(cases[i].name)], ':');
        assert_null(strchr(err.text, '\n'));
    }
}

TEST(store, quotes_nothing_of_an_address_that_is_none)
{
    static const char *const urls[] = {
        "postgresql://u:se@cret@127.0.0.1:1/db",
        "postgresql://u:se%zzcret@127.0.0.1:1/db",
        "postgresql://u:se/cret@127.0.0.1:1/db",
        "postgresql://h/d?cret",
    };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct err err = {0};
        assert_null(store_open(&(struct store_options){.url = urls[i]}, &err));
        assert_int_equal(err.code, ERR_ARG);
        if (strstr(err.text, "cret"))
            fail_msg("%s", err.text);
    }
}

TEST(store, makes_its_folders_for_the_user_alone)
{
    struct err err = {0};
    struct stat st;
    char path[600];
    snprintf(path, sizeof path, "%s/deep/er/s.db", test_tmp("new-folder"));
    struct store *store = store_open(&(struct store_options){.url = path}, &err);
    assert_non_null(store);
    assert_string_equal(store_name(store), path);
    assert_true(stat(path, &st) == 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    *strrchr(path, '/') = '\0';
    assert_true(stat(path, &st) == 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    store_close(store);
}

TEST(store, survives_every_failing_allocation)
{
    const struct database *db = database_sqlite("memory.db");
    for (size_t n = 0;; n++) {
        struct err err = {0};
        mem_fail_after(n);
        struct store *store =
            store_open(&(struct store_options){.url = db->url, .folder = db->folder}, &err);
        mem_fail_never();
        store_close(store);
        if (store)
            break;
        assert_int_equal(err.code, ERR_LIMIT);
        assert_true(n < 100);
    }
}
