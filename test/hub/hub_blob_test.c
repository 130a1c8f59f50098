/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_blob.h"

#include "store_fixture.h"

/* Of "test content\n", by git hash-object. */
#define HASH "d670460b4b4aece5915caf5c68d12f560a9fe3e4"

static const struct hub_file file = {.path = "t", .n_bytes = 13, .hash = HASH};

static void read_all(struct hub_blob *blob)
{
    struct err err = {0};
    for (bool ended = false; !ended;)
        assert_true(hub_blob_read(blob, &ended, &err));
}

TEST(hub_blob, goes_on_with_what_is_there)
{
    const char *store = store_new("blob_resume");
    struct hub_name name = store_name("a/b");
    struct err err = {0};
    struct hub_blob blob;
    bool complete;
    uint64_t n_bytes;
    assert_true(hub_blob_open(&blob, store, &name, &file, &err));
    assert_true(hub_blob_write(&blob, "test ", 5, &err));
    hub_blob_close(&blob);
    assert_true(hub_blob_have(store, &name, &file, &n_bytes, &complete, &err));
    assert_int_equal(n_bytes, 5);
    assert_true(hub_blob_open(&blob, store, &name, &file, &err));
    assert_false(blob.in_place);
    read_all(&blob);
    assert_int_equal(blob.n_bytes, 5);
    assert_true(hub_blob_write(&blob, "content\n", 8, &err));
    assert_true(hub_blob_finish(&blob, &err));
    hub_blob_close(&blob);
    assert_true(store_has(store, "a/b", "blobs/" HASH));
    assert_false(store_has(store, "a/b", "blobs/" HASH ".incomplete"));
    assert_true(hub_blob_open(&blob, store, &name, &file, &err));
    assert_true(blob.in_place);
    read_all(&blob);
    assert_true(hub_blob_finish(&blob, &err));
    hub_blob_close(&blob);
}

TEST(hub_blob, what_is_wrong_goes)
{
    static const char *const wrong[] = {"tset content\n", "test conten", ""};
    const char *store = store_new("blob_wrong");
    struct hub_name name = store_name("a/b");
    for (int i = 0; i < 3; i++) {
        struct err err = {0};
        struct hub_blob blob;
        assert_true(hub_blob_open(&blob, store, &name, &file, &err));
        assert_true(hub_blob_write(&blob, wrong[i], strlen(wrong[i]), &err));
        assert_false(hub_blob_finish(&blob, &err));
        assert_int_equal(err.code, ERR_FORMAT);
        hub_blob_close(&blob);
        assert_false(store_has(store, "a/b", "blobs/" HASH));
        assert_false(store_has(store, "a/b", "blobs/" HASH ".incomplete"));
    }
}

TEST(hub_blob, more_than_the_file_has_is_dropped)
{
    const char *store = store_new("blob_more");
    struct hub_name name = store_name("a/b");
    struct err err = {0};
    struct hub_blob blob;
    const char *part = store_path(store, "a/b", "blobs/" HASH ".incomplete");
    assert_true(hub_make_parents(part, &err));
    test_write(part, "test content\n and more", 22);
    assert_true(hub_blob_open(&blob, store, &name, &file, &err));
    read_all(&blob);
    assert_int_equal(blob.n_bytes, 0);
    assert_true(hub_blob_write(&blob, "x", 1, &err));
    assert_true(hub_blob_restart(&blob, &err));
    assert_true(hub_blob_write(&blob, "test content\n", 13, &err));
    assert_true(hub_blob_finish(&blob, &err));
    hub_blob_close(&blob);
}

TEST(hub_blob, a_link_in_its_place_is_not_followed)
{
    const char *store = store_new("blob_link");
    struct hub_name name = store_name("a/b");
    struct err err = {0};
    struct hub_blob blob;
    const char *part = store_path(store, "a/b", "blobs/" HASH ".incomplete");
    assert_true(hub_make_parents(part, &err));
    assert_int_equal(symlink(test_tmp("blob_elsewhere"), part), 0);
    assert_false(hub_blob_open(&blob, store, &name, &file, &err));
    hub_blob_close(&blob);
    assert_int_not_equal(access(test_tmp("blob_elsewhere"), F_OK), 0);
}

TEST(hub_blob, what_is_damaged_in_its_place_goes_and_closing_alone_keeps_it)
{
    const char *store = store_new("blob_damaged");
    struct hub_name name = store_name("a/b");
    struct err err = {0};
    struct hub_blob blob;
    const char *path = store_path(store, "a/b", "blobs/" HASH);
    assert_true(hub_make_parents(path, &err));
    test_write(path, "Test content\n", 13);
    assert_true(hub_blob_open(&blob, store, &name, &file, &err));
    assert_true(blob.in_place);
    hub_blob_close(&blob);
    assert_true(store_has(store, "a/b", "blobs/" HASH));
    assert_true(hub_blob_open(&blob, store, &name, &file, &err));
    read_all(&blob);
    assert_false(hub_blob_finish(&blob, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    hub_blob_close(&blob);
    assert_false(store_has(store, "a/b", "blobs/" HASH));
}

TEST(hub_blob, a_link_to_what_is_right_is_only_read)
{
    const char *store = store_new("blob_linked");
    struct hub_name name = store_name("a/b");
    struct err err = {0};
    struct hub_blob blob;
    const char *elsewhere = test_write(test_tmp("blob_other"), "Test content\n", 13);
    const char *path = store_path(store, "a/b", "blobs/" HASH);
    assert_true(hub_make_parents(path, &err));
    assert_int_equal(symlink(elsewhere, path), 0);
    assert_true(hub_blob_open(&blob, store, &name, &file, &err));
    read_all(&blob);
    assert_false(hub_blob_finish(&blob, &err));
    hub_blob_close(&blob);
    assert_false(store_has(store, "a/b", "blobs/" HASH));
    assert_int_equal(access(test_tmp("blob_other"), F_OK), 0); /* the link alone went */
}
