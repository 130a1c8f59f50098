/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "files_fixture.h"

static const struct viewer ann = {.key_id = "ann"};

static void put_until(struct store *store, int64_t expires_at, char *id)
{
    struct arena arena = {0};
    struct file_info info;
    struct err err = {0};
    struct file_upload *upload = file_upload_begin(
        store,
        &(struct file_upload_about){.owner = "ann", .name = SPAN("x"), .expires_at = expires_at},
        &err);
    assert_true(upload && file_upload_finish(upload, &arena, &info, &err));
    memcpy(id, info.id, UUID_TEXT);
    file_upload_close(upload);
    arena_free(&arena);
}

static void expired(const struct database *db)
{
    enum { N = 150 }; /* more than one batch */
    struct arena arena = {0};
    struct file_info info;
    struct file_list list;
    struct err err = {0};
    size_t n_removed;
    char old[UUID_TEXT], young[UUID_TEXT];
    struct store *store = database_open(db);
    assert_true(files_sweep(store, &n_removed, &err)); /* without a folder, too */
    assert_int_equal(n_removed, 0);
    for (int i = 0; i < N; i++)
        put_until(store, time(NULL) - 1 - i, old);
    put_until(store, time(NULL) + 1000, young);

    /* Nobody sees them any more, swept or not. */
    assert_false(files_get(store, &ann, old, &arena, &info, &err));
    assert_false(files_delete(store, &ann, old, &err));
    assert_true(files_list(store, &ann, &(struct file_filter){0}, &arena, &list, &err));
    assert_int_equal(list.total, 1);
    assert_true(files_sweep(store, &n_removed, &err));
    assert_int_equal(n_removed, N);
    assert_true(files_sweep(store, &n_removed, &err));
    assert_int_equal(n_removed, 0);
    assert_true(files_delete(store, &ann, young, &err));
    assert_int_equal(rmdir(db->folder), 0);
    arena_free(&arena);
    store_close(store);
}

TEST(file_sweep, removes_what_has_expired)
{
    database_each(expired);
}

/* Makes a file in the folder that was last written so long ago. */
static void leave(const char *folder, const char *name, int age_s)
{
    char path[700];
    struct timespec times[2] = {{.tv_sec = time(NULL) - age_s}, {.tv_sec = time(NULL) - age_s}};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    test_write(path, "x", 1);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool is_there(const char *folder, const char *name)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

TEST(file_sweep, removes_contents_that_nobody_names)
{
    enum { DAY = 24 * 3600 };
    static const char orphan[] = "11111111-1111-4111-8111-111111111111",
                      fresh[] = "22222222-2222-4222-8222-222222222222",
                      part[] = "33333333-3333-4333-8333-333333333333.part", others[] = "notes.txt",
                      temporary[] = "44444444-4444-4444.part";
    const struct database *db = database_sqlite("orphans.db");
    struct err err = {0};
    size_t n_removed;
    struct store *store = database_open(db);
    struct file_info named = put_file(store, "ann", "a", "x");
    leave(db->folder, named.id, 2 * DAY);
    leave(db->folder, orphan, 2 * DAY);
    leave(db->folder, part, 2 * DAY);
    leave(db->folder, fresh, DAY / 2);
    leave(db->folder, others, 2 * DAY);
    leave(db->folder, temporary, 2 * DAY);
    assert_true(files_sweep(store, &n_removed, &err));
    assert_int_equal(n_removed, 2);
    assert_false(is_there(db->folder, orphan) || is_there(db->folder, part));
    assert_true(is_there(db->folder, named.id) && is_there(db->folder, fresh));
    assert_true(is_there(db->folder, others) && is_there(db->folder, temporary));
    store_close(store);
}
