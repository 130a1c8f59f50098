/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_store.h"
#include "store_fixture.h"

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HASH_C "cccccccccccccccccccccccccccccccccccccccc"

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

TEST(hub_remove, a_model_whose_update_has_begun_goes_with_it)
{
    static const char *const models[] = {"a/b:m-Q4_0.gguf", "a/b:Q4_0", "a/b"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        const char *store = store_new("remove_update");
        store_add(store, "a/b", COMMIT_1, "m-Q4_0.gguf", HASH_A);
        set_ref(store, "a/b", COMMIT_1);
        store_note(store, "a/b:m-Q4_0.gguf", COMMIT_2, HASH_B);
        drop(models[i], false, 1, 10);
        store_add_incomplete(store, "a/b", HASH_B);
        drop(models[i], true, 2, 17);
        assert_false(store_has(store, "a/b", ""));
    }
    unsetenv("HF_HUB_CACHE");
}

TEST(hub_remove, the_update_of_another_file_stays)
{
    const char *store = store_new("remove_other");
    store_add(store, "a/b", COMMIT_1, "m-Q4_0.gguf", HASH_A);
    set_ref(store, "a/b", COMMIT_1);
    store_note(store, "a/b:m-Q8_0.gguf", COMMIT_2, HASH_B);
    store_add_incomplete(store, "a/b", HASH_B);
    drop("a/b:Q4_0", true, 1, 10);
    assert_false(store_has(store, "a/b", "snapshots/" COMMIT_1));
    assert_false(store_has(store, "a/b", "refs/main"));
    assert_true(store_has(store, "a/b", "begun/main:m-Q8_0.gguf"));
    assert_true(store_has(store, "a/b", "blobs/" HASH_B ".incomplete"));
    drop("a/b:Q8_0", true, 1, 7);
    assert_false(store_has(store, "a/b", ""));
    unsetenv("HF_HUB_CACHE");
}

TEST(hub_remove, of_two_that_have_begun_the_other_stays)
{
    const char *store = store_new("remove_two");
    store_note(store, "a/b:m-Q4_0.gguf", COMMIT_1, HASH_A);
    store_note(store, "a/b:m-Q8_0.gguf", COMMIT_1, HASH_B);
    store_note(store, "a/b@v1:m-Q8_0.gguf", COMMIT_2, HASH_B);
    store_add_incomplete(store, "a/b", HASH_A);
    store_add_incomplete(store, "a/b", HASH_B);
    drop("a/b:m-Q8_0.gguf", true, 0, 0); /* v1 is to have the same content */
    assert_false(store_has(store, "a/b", "begun/main:m-Q8_0.gguf"));
    assert_true(store_has(store, "a/b", "blobs/" HASH_B ".incomplete"));
    drop("a/b@v1", true, 1, 7);
    assert_false(store_has(store, "a/b", "begun/v1:m-Q8_0.gguf"));
    assert_false(store_has(store, "a/b", "blobs/" HASH_B ".incomplete"));
    assert_true(store_has(store, "a/b", "begun/main:m-Q4_0.gguf"));
    assert_true(store_has(store, "a/b", "blobs/" HASH_A ".incomplete"));
    drop("a/b:Q4_0", true, 1, 7);
    assert_false(store_has(store, "a/b", ""));
    unsetenv("HF_HUB_CACHE");
}

TEST(hub_remove, what_nobody_noted_does_not_go_with_one_file)
{
    const char *store = store_new("remove_foreign");
    store_add(store, "a/b", COMMIT_1, "m-Q4_0.gguf", HASH_A);
    set_ref(store, "a/b", COMMIT_1);
    store_add_incomplete(store, "a/b", HASH_C);
    drop("a/b:Q4_0", true, 1, 10);
    assert_true(store_has(store, "a/b", "blobs/" HASH_C ".incomplete"));
    drop("a/b", true, 1, 7);
    assert_false(store_has(store, "a/b", ""));
    unsetenv("HF_HUB_CACHE");
}

static void refused(const char *model, enum err_code code, const char *text)
{
    struct hub_name name = store_name(model);
    struct hub_removal removal;
    struct err err = {0};
    assert_false(hub_store_remove(&name, true, &removal, &err));
    assert_int_equal(err.code, code);
    assert_string_equal(err.text, text);
}

TEST(hub_remove, a_name_of_none_or_of_several_is_refused)
{
    const char *store = store_new("remove_refused");
    store_note(store, "a/b@v1:m-Q4_0.gguf", COMMIT_1, HASH_A);
    refused("a/b", ERR_NOT_FOUND, "a/b: only a/b@v1 is in the model store; name it");
    refused("a/b:Q4_0", ERR_NOT_FOUND, "a/b:Q4_0: not in the model store; see 'bise list'");
    refused("a/b@v1:Q8_0", ERR_NOT_FOUND, "a/b@v1:Q8_0: not in the model store; see 'bise list'");
    store_add(store, "a/b", COMMIT_1, "a-Q4_0.gguf", HASH_A);
    store_add(store, "a/b", COMMIT_1, "b-Q4_0.gguf", HASH_B);
    set_ref(store, "a/b@v1", COMMIT_1);
    refused("a/b@v1:Q4_0", ERR_ARG,
            "a/b: 2 models; choose one by :FILE or :TYPE: a-Q4_0.gguf, b-Q4_0.gguf");
    refused("a/b@v1:Q8_0", ERR_NOT_FOUND,
            "a/b: no GGUF file for 'Q8_0'; there are a-Q4_0.gguf, b-Q4_0.gguf");
    assert_true(store_has(store, "a/b", "begun/v1:m-Q4_0.gguf"));
    assert_true(store_has(store, "a/b", "blobs/" HASH_A));
    unsetenv("HF_HUB_CACHE");
}
