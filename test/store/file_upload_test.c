/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "files_fixture.h"

static void uploaded(const struct database *db)
{
    struct err err = {0};
    struct arena arena = {0};
    struct file_info info, got;
    static const char first[] = "{\"custom_id\":\"a\",\"body\":{}}\n{\"bo", second[] = "dy\":{}}";
    const struct viewer viewer = {.key_id = "owner"};
    struct store *store = database_open(db);
    const struct file_upload_about about = {.owner = "owner",
                                            .name = SPAN("../../etc/B\xc3\xa9.JSONL"),
                                            .mime = SPAN("Application/JSONL; charset=utf-8"),
                                            .purpose = PURPOSE_FINE_TUNE,
                                            .visibility = VISIBLE_USER,
                                            .expires_at = INT64_MAX};
    struct file_upload *upload = file_upload_begin(store, &about, &err);
    assert_non_null(upload);
    assert_true(file_upload_add(upload, first, sizeof first - 1, &err));
    assert_true(file_upload_add(upload, second, sizeof second - 1, &err));
    assert_true(file_upload_finish(upload, &arena, &info, &err));
    assert_false(file_upload_add(upload, "x", 1, &err)); /* it is over */
    file_upload_close(upload);

    err = (struct err){0};
    int fd = files_open(store, &viewer, info.id, &arena, &got, &err);
    assert_true(fd >= 0);
    char bytes[100];
    assert_int_equal(read(fd, bytes, sizeof bytes), sizeof first + sizeof second - 2);
    assert_memory_equal(bytes, first, sizeof first - 1);
    assert_memory_equal(bytes + sizeof first - 1, second, sizeof second - 1);
    close(fd);
    assert_string_equal(got.id, info.id);
    assert_string_equal(got.owner, "owner");
    assert_string_equal(got.name, "B\xc3\xa9.JSONL");
    assert_string_equal(got.mime, "application/jsonl");
    assert_string_equal(got.sha256, info.sha256);
    assert_int_equal(got.purpose, PURPOSE_FINE_TUNE);
    assert_int_equal(got.sample_type, SAMPLE_BATCH_REQUEST); /* seen in its first line */
    assert_int_equal(got.source, SOURCE_UPLOAD);
    assert_int_equal(got.visibility, VISIBLE_USER);
    assert_int_equal(got.n_bytes, sizeof first + sizeof second - 2);
    assert_int_equal(got.n_lines, 2);
    assert_true(got.expires_at == INT64_MAX);
    assert_in_range(got.created_at, info.created_at, info.created_at + 1);
    arena_free(&arena);
    store_close(store);
}

TEST(file_upload, comes_back_as_it_was)
{
    database_each(uploaded);
}

TEST(file_upload, leaves_nothing_of_a_file_with_a_bad_line)
{
    const struct database *db = database_sqlite("bad-line.db");
    struct err err = {0};
    struct arena arena = {0};
    struct file_info info;
    struct file_list list;
    struct store *store = database_open(db);
    const struct file_upload_about about = {.owner = "", .name = SPAN("x.jsonl")};
    struct file_upload *upload = file_upload_begin(store, &about, &err);
    assert_true(file_upload_add(upload, "{}\n{}\n[", 7, &err));
    assert_false(file_upload_finish(upload, &arena, &info, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    assert_non_null(strstr(err.text, "x.jsonl: line 3: expected a JSON object"));
    assert_false(file_upload_finish(upload, &arena, &info, &err));
    file_upload_close(upload);
    err = (struct err){0};
    upload = file_upload_begin(store, &about, &err);
    assert_false(file_upload_add(upload, "{}\n\n{}", 6, &err));
    assert_false(file_upload_finish(upload, &arena, &info, &err));
    file_upload_close(upload);
    assert_true(files_list(store, &(struct viewer){.key_id = ""}, &(struct file_filter){0}, &arena,
                           &list, &err));
    assert_int_equal(list.total, 0);
    assert_int_equal(rmdir(db->folder), 0); /* it is empty */
    arena_free(&arena);
    store_close(store);
}

TEST(file_upload, looks_into_lines_only_where_there_are_some)
{
    const struct database *db = database_sqlite("no-lines.db");
    struct store *store = database_open(db);
    assert_int_equal(put_file(store, "", "x.pdf", "[\n").n_lines, -1);
    assert_int_equal(put_file(store, "", "x.jsonl", "").n_lines, 0);
    assert_int_equal(put_file(store, "", "x.jsonl", "{\"text\":\"\"}\n").sample_type,
                     SAMPLE_PRETRAIN);
    assert_int_equal(put_file(store, "", "x.jsonl", "{\"messages\":[]}\n").sample_type,
                     SAMPLE_INSTRUCT);
    store_close(store);
}

TEST(file_upload, bounds_a_file)
{
    const struct database *db = database_sqlite("large.db");
    struct err err = {0};
    struct store *store = database_open(db);
    struct file_upload *upload =
        file_upload_begin(store, &(struct file_upload_about){.owner = "", .name = SPAN("x")}, &err);
    static char bytes[16];
    assert_true(file_upload_add(upload, bytes, 16, &err));
    assert_false(file_upload_add(upload, bytes, (size_t)LIMIT_FILE_BYTES - 15, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_false(file_upload_add(upload, bytes, SIZE_MAX, &err));
    file_upload_close(upload);
    store_close(store);
}

TEST(file_upload, survives_every_failing_allocation)
{
    const struct database *db = database_sqlite("upload-memory.db");
    struct store *store = database_open(db);
    for (size_t n = 0;; n++) {
        struct err err = {0};
        struct arena arena = {0};
        struct file_info info;
        mem_fail_after(n);
        struct file_upload *upload = file_upload_begin(
            store, &(struct file_upload_about){.owner = "", .name = SPAN("x.jsonl")}, &err);
        bool ok = upload && file_upload_add(upload, "{\"a\":1}\n{", 9, &err) &&
                  file_upload_add(upload, "}", 1, &err) &&
                  file_upload_finish(upload, &arena, &info, &err);
        file_upload_close(upload);
        mem_fail_never();
        arena_free(&arena);
        if (ok)
            break;
        assert_int_equal(err.code, ERR_LIMIT);
        assert_true(n < 100);
    }
    store_close(store);
}
