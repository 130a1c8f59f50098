/* SPDX-License-Identifier: Apache-2.0 */
#include "store/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "files_fixture.h"

static const struct viewer ann = {.key_id = "ann"}, bob = {.key_id = "bob"},
                           admin = {.key_id = "root", .sees_all = true};

static void separated(const struct database *db)
{
    struct arena arena = {0};
    struct file_info info;
    struct file_list list;
    struct err err = {0};
    struct store *store = database_open(db);
    struct file_info file = put_file(store, "ann", "a.jsonl", "{}");
    assert_true(files_get(store, &ann, file.id, &arena, &info, &err));
    assert_true(files_get(store, &admin, file.id, &arena, &info, &err));
    assert_string_equal(info.owner, "ann");
    assert_false(files_get(store, &bob, file.id, &arena, &info, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(files_open(store, &bob, file.id, &arena, &info, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_false(files_delete(store, &bob, file.id, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_true(files_list(store, &bob, &(struct file_filter){0}, &arena, &list, &err));
    assert_int_equal(list.n + (size_t)list.total, 0);
    assert_true(files_list(store, &admin, &(struct file_filter){0}, &arena, &list, &err));
    assert_int_equal(list.n, 1);
    assert_true(files_delete(store, &admin, file.id, &err));
    assert_false(files_get(store, &ann, file.id, &arena, &info, &err));
    assert_false(files_delete(store, &ann, file.id, &err));
    assert_int_equal(rmdir(db->folder), 0); /* the content went with it */
    arena_free(&arena);
    store_close(store);
}

TEST(files, are_their_owners)
{
    database_each(separated);
}

static void hostile_ids(const struct database *db)
{
    static const char *const ids[] = {"",
                                      "..",
                                      "../each.db",
                                      "' OR 1=1 --",
                                      "\xff",
                                      "00000000-0000-0000-0000-000000000000",
                                      "00000000-0000-0000-0000-000000000000/../x"};
    struct arena arena = {0};
    struct file_info info;
    struct store *store = database_open(db);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct err err = {0};
        assert_false(files_get(store, &admin, ids[i], &arena, &info, &err));
        assert_int_equal(err.code, ERR_NOT_FOUND);
        err = (struct err){0};
        assert_int_equal(files_open(store, &admin, ids[i], &arena, &info, &err), -1);
        assert_int_equal(err.code, ERR_NOT_FOUND);
        err = (struct err){0};
        assert_false(files_delete(store, &admin, ids[i], &err));
        assert_int_equal(err.code, ERR_NOT_FOUND);
    }
    arena_free(&arena);
    store_close(store);
}

TEST(files, are_found_by_their_ids_only)
{
    database_each(hostile_ids);
}

/* Uploads a file with everything that a filter can ask for. */
static void put_kind(struct store *store, const char *name, const char *mime,
                     enum file_purpose purpose, enum file_source source, const char *text)
{
    struct arena arena = {0};
    struct file_info info;
    struct err err = {0};
    struct file_upload *upload =
        file_upload_begin(store,
                          &(struct file_upload_about){.owner = "ann",
                                                      .name = {name, strlen(name)},
                                                      .mime = {mime, strlen(mime)},
                                                      .purpose = purpose,
                                                      .source = source},
                          &err);
    assert_true(upload && file_upload_add(upload, text, strlen(text), &err) &&
                file_upload_finish(upload, &arena, &info, &err));
    file_upload_close(upload);
    arena_free(&arena);
}

/* Checks the names that a filter finds, newest first. */
static void check(struct store *store, struct file_filter filter, const char *expected)
{
    struct arena arena = {0};
    struct file_list list;
    struct err err = {0};
    char names[400] = "";
    if (!files_list(store, &ann, &filter, &arena, &list, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < list.n; i++) {
        strncat(names, list.items[i].name, 100);
        strncat(names, " ", 2);
    }
    assert_string_equal(names, expected);
    arena_free(&arena);
}

static void filtered(const struct database *db)
{
    struct store *store = database_open(db);
    put_kind(store, "One.jsonl", "application/jsonl", PURPOSE_BATCH, SOURCE_UPLOAD, "{\"body\":1}");
    put_kind(store, "two_.pdf", "application/pdf", PURPOSE_OCR, SOURCE_UPLOAD, "x");
    put_kind(store, "three%.pdf", "application/pdf", PURPOSE_VISION, SOURCE_MISTRAL, "x");
    put_kind(store, "four!.jsonl", "", PURPOSE_FINE_TUNE, SOURCE_REPOSITORY, "{\"text\":1}");
    check(store, (struct file_filter){0}, "four!.jsonl three%.pdf two_.pdf One.jsonl ");
    check(store, (struct file_filter){.purposes = 1u << PURPOSE_OCR}, "two_.pdf ");
    check(store, (struct file_filter){.purposes = 1u << PURPOSE_OCR | 1u << PURPOSE_BATCH},
          "two_.pdf One.jsonl ");
    check(store, (struct file_filter){.sample_types = 1u << SAMPLE_PRETRAIN}, "four!.jsonl ");
    check(store, (struct file_filter){.sample_types = 1u << SAMPLE_BATCH_RESULT}, "");
    check(store, (struct file_filter){.sources = 1u << SOURCE_MISTRAL}, "three%.pdf ");
    check(store, (struct file_filter){.search = SPAN("ONE")}, "One.jsonl ");
    check(store, (struct file_filter){.search = SPAN("_")}, "two_.pdf ");
    check(store, (struct file_filter){.search = SPAN("%")}, "three%.pdf ");
    check(store, (struct file_filter){.search = SPAN("!")}, "four!.jsonl ");
    check(store, (struct file_filter){.search = SPAN("e.j")}, "One.jsonl ");
    check(store, (struct file_filter){.search = SPAN("'")}, "");
    check(store, (struct file_filter){.mimes = {SPAN("application/pdf")}, .n_mimes = 1},
          "three%.pdf two_.pdf ");
    check(store,
          (struct file_filter){.mimes = {SPAN("application/pdf"), SPAN("application/jsonl")},
                               .n_mimes = 2,
                               .sources = 1u << SOURCE_UPLOAD},
          "two_.pdf One.jsonl ");
    check(store, (struct file_filter){.mimes = {SPAN("%")}, .n_mimes = 1}, "");
    store_close(store);
}

TEST(files, are_filtered)
{
    database_each(filtered);
}

static void paged(const struct database *db)
{
    enum { N = 25 };
    struct arena arena = {0};
    struct file_list list;
    struct err err = {0};
    char name[20];
    struct store *store = database_open(db);
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "f%d", i);
        put_file(store, "ann", name, "");
    }
    for (uint32_t page = 0, n_seen = 0; page < 4; page++) {
        struct file_filter filter = {.page = page, .page_size = 10};
        assert_true(files_list(store, &ann, &filter, &arena, &list, &err));
        assert_int_equal(list.total, N);
        assert_int_equal(list.n, page < 2 ? 10 : page == 2 ? 5 : 0);
        for (size_t i = 0; i < list.n; i++) {
            snprintf(name, sizeof name, "f%d", (int)(N - 1 - n_seen++));
            assert_string_equal(list.items[i].name, name);
        }
    }
    struct file_filter last = {.page = UINT32_MAX, .page_size = LIMIT_PAGE_SIZE};
    assert_true(files_list(store, &ann, &last, &arena, &list, &err));
    assert_int_equal(list.n, 0);
    struct file_filter large = {.page_size = LIMIT_PAGE_SIZE + 1};
    assert_false(files_list(store, &ann, &large, &arena, &list, &err));
    assert_int_equal(err.code, ERR_ARG);
    arena_free(&arena);
    store_close(store);
}

TEST(files, come_in_pages)
{
    database_each(paged);
}

TEST(files, a_content_that_is_gone_or_another_is_named)
{
    const struct database *db = database_sqlite("gone.db");
    struct arena arena = {0};
    struct file_info info;
    struct err err = {0};
    char path[700];
    struct store *store = database_open(db);
    struct file_info file = put_file(store, "ann", "a", "content");
    snprintf(path, sizeof path, "%s/%s", db->folder, file.id);
    assert_int_equal(truncate(path, 3), 0);
    assert_int_equal(files_open(store, &ann, file.id, &arena, &info, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.text, "is damaged"));
    unlink(path);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(files_open(store, &ann, file.id, &arena, &info, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    unlink(path);
    assert_int_equal(files_open(store, &ann, file.id, &arena, &info, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.text, "is missing"));
    arena_free(&arena);
    store_close(store);
}

TEST(files, survive_every_failing_allocation)
{
    const struct database *db = database_sqlite("files-memory.db");
    struct store *store = database_open(db);
    struct file_info file = put_file(store, "ann", "a", "content");
    for (size_t n = 0;; n++) {
        struct err err = {0};
        struct arena arena = {0};
        struct file_info info;
        struct file_list list;
        mem_fail_after(n);
        int fd = -1;
        bool ok = files_list(store, &ann, &(struct file_filter){.search = SPAN("a")}, &arena, &list,
                             &err) &&
                  (fd = files_open(store, &ann, file.id, &arena, &info, &err)) >= 0;
        mem_fail_never();
        if (fd >= 0)
            close(fd);
        arena_free(&arena);
        if (ok)
            break;
        assert_int_equal(err.code, ERR_LIMIT);
        assert_true(n < 100);
    }
    store_close(store);
}
