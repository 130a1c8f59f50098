/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_store.h"
#include "store_fixture.h"

static void set_ref(const char *store, const char *model, const char *commit)
{
    struct hub_name name = store_name(model);
    struct err err = {0};
    assert_true(hub_write_ref(store, &name, commit, &err));
}

static void drop(const char *model, bool really, size_t n_files, uint64_t n_bytes)
{
    struct hub_name name = store_name(model);
    struct hub_removal removal;
    struct err err = {0};
    if (!hub_store_remove(&name, really, &removal, &err))
        fail_msg("%s: %s", model, err.text);
    assert_int_equal(removal.n_files, n_files);
    assert_int_equal(removal.n_bytes, n_bytes);
}

TEST(hub_remove, what_another_revision_needs_stays)
{
    const char *store = store_new("remove_shared");
    store_add(store, "a/b", COMMIT_1, "config.json", "aa");
    store_add(store, "a/b", COMMIT_1, "sub/old", "bb");
    store_add(store, "a/b", COMMIT_2, "config.json", "aa");
    store_add(store, "a/b", COMMIT_2, "new", "cc");
    set_ref(store, "a/b", COMMIT_1);
    set_ref(store, "a/b@v1", COMMIT_1);
    set_ref(store, "a/b@v2", COMMIT_2);
    drop("a/b", false, 2, 10);
    assert_true(store_has(store, "a/b", "blobs/bb"));
    drop("a/b", true, 2, 10);
    assert_true(store_has(store, "a/b", "blobs/aa"));
    assert_false(store_has(store, "a/b", "blobs/bb"));
    assert_true(store_has(store, "a/b", "snapshots/" COMMIT_2 "/config.json"));
    assert_false(store_has(store, "a/b", "snapshots/" COMMIT_1));
    assert_false(store_has(store, "a/b", "refs/main"));
    assert_false(store_has(store, "a/b", "refs/v1"));
    assert_true(store_has(store, "a/b", "refs/v2"));
    drop("a/b@v2", true, 2, 20);
    assert_false(store_has(store, "a/b", ""));
    unsetenv("HF_HUB_CACHE");
}

TEST(hub_remove, one_of_several_types)
{
    const char *store = store_new("remove_type");
    store_add(store, "a/b", COMMIT_1, "m-Q4_0.gguf", "aa");
    store_add(store, "a/b", COMMIT_1, "copy-Q6_K.gguf", "aa");
    store_add(store, "a/b", COMMIT_1, "m-Q8_0.gguf", "bb");
    set_ref(store, "a/b", COMMIT_1);
    drop("a/b:Q4_0", true, 1, 0); /* the copy has the same content */
    drop("a/b:Q8_0", true, 1, 10);
    assert_true(store_has(store, "a/b", "refs/main"));
    drop("a/b:Q6_K", true, 1, 10);
    assert_false(store_has(store, "a/b", ""));
    unsetenv("HF_HUB_CACHE");
}

TEST(hub_remove, nothing_outside_is_touched)
{
    const char *store = store_new("remove_outside");
    struct hub_name name = store_name("a/b");
    struct hub_removal removal;
    struct err err = {0};
    char outside[600];
    snprintf(outside, sizeof outside, "%s", test_write(test_tmp("kept"), "x", 1));
    store_add(store, "a/b", COMMIT_1, "m", "aa");
    set_ref(store, "a/b", COMMIT_1);
    assert_int_equal(symlink(outside, store_path(store, "a/b", "snapshots/" COMMIT_1 "/foreign")),
                     0);
    assert_true(hub_store_remove(&name, true, &removal, &err));
    assert_int_equal(access(outside, F_OK), 0);
    assert_false(store_has(store, "a/b", ""));
    assert_false(hub_store_remove(&name, true, &removal, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    unsetenv("HF_HUB_CACHE");
}

TEST(hub_remove, not_while_it_is_downloaded)
{
    const char *store = store_new("remove_busy");
    struct hub_name name = store_name("a/b");
    struct hub_removal removal;
    struct err err = {0};
    store_add(store, "a/b", COMMIT_1, "m", "aa");
    set_ref(store, "a/b", COMMIT_1);
    test_write(store_path(store, "a/b", "blobs/bb.incomplete"), "x", 1);
    int lock = hub_lock(store, &name, "bb", &err);
    assert_false(hub_store_remove(&name, true, &removal, &err));
    assert_int_equal(err.code, ERR_BUSY);
    assert_true(store_has(store, "a/b", "blobs/aa"));
    close(lock);
    assert_true(hub_store_remove(&name, true, &removal, &err));
    unsetenv("HF_HUB_CACHE");
}
