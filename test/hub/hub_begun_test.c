/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_begun.h"

#include "hub/hub_store.h"
#include "store_fixture.h"

#define HASH_40 "d670460b4b4aece5915caf5c68d12f560a9fe3e4"
#define HASH_64 "5a9d168bd9d9e29302e0d604e9a4c97184057ad87661cd7e7cc4318fdeba6d9c"

/* Notes a pull of two files, of 10 and 1000 bytes, and of one that is not wanted. */
static void note(const char *store, const struct hub_name *name)
{
    struct hub_file files[] = {
        {.path = "consolidated.safetensors", .n_bytes = 1000, .hash = HASH_64, .chosen = true},
        {.path = "other.bin", .n_bytes = 5},
        {.path = "params.json", .n_bytes = 10, .hash = HASH_40, .chosen = true},
    };
    const struct hub_listing listing = {.commit = COMMIT_1, .files = files, .n = 3};
    struct err err = {0};
    if (!hub_begun_write(store, name, &listing, &err))
        fail_msg("%s", err.text);
}

static void check_found(const struct hub_name *name, uint64_t n_there, uint64_t n_all)
{
    uint64_t there, all;
    assert_true(hub_begun_find(name, &there, &all));
    assert_int_equal(there, n_there);
    assert_int_equal(all, n_all);
}

TEST(hub_begun, is_noted_as_a_hub_lists_it)
{
    const char *store = store_new("begun_note");
    struct hub_name name = store_name("a/b");
    note(store, &name);
    char *text = test_read(store_path(store, "a/b", "begun/main"), NULL);
    assert_string_equal(text, "{\"sha\":\"" COMMIT_1 "\",\"siblings\":["
                              "{\"rfilename\":\"consolidated.safetensors\",\"lfs\":{\"size\":1000,"
                              "\"sha256\":\"" HASH_64 "\"}},\n"
                              "{\"rfilename\":\"params.json\",\"size\":10,\"blobId\":\"" HASH_40
                              "\"}]}\n");
    free(text);
    hub_begun_drop(store, &name);
    assert_false(store_has(store, "a/b", "begun"));
    hub_begun_drop(store, &name);
    unsetenv("HF_HUB_CACHE");
}

TEST(hub_begun, says_how_much_is_there)
{
    const char *store = store_new("begun_find");
    struct hub_name name = store_name("a/b"), typed = store_name("a/b:Q4_0");
    struct err err = {0};
    uint64_t n_there, n_all;
    assert_false(hub_begun_find(&name, &n_there, &n_all));
    note(store, &name);
    check_found(&name, 0, 1010);
    store_add(store, "a/b", COMMIT_1, "params.json", HASH_40);
    check_found(&name, 10, 1010);
    store_add_incomplete(store, "a/b", HASH_64);
    check_found(&name, 17, 1010);
    assert_false(hub_begun_find(&typed, &n_there, &n_all)); /* of those files none is it */

    /* Other tools note nothing: what is there counts unless it may be of something else. */
    hub_begun_drop(store, &name);
    check_found(&name, 17, 0);
    assert_true(hub_write_ref(store, &name, COMMIT_1, &err));
    assert_false(hub_begun_find(&name, &n_there, &n_all));
    unsetenv("HF_HUB_CACHE");
}

TEST(hub_begun, what_is_no_list_counts_for_nothing)
{
    static const char *const lists[] = {"", "{", "{\"sha\":\"x\",\"siblings\":[]}",
                                        "{\"sha\":\"" COMMIT_1 "\",\"siblings\":[]}",
                                        "{\"sha\":\"" COMMIT_1 "\",\"siblings\":[{\"rfilename\":"
                                        "\"../m.gguf\",\"size\":1,\"blobId\":\"" HASH_40 "\"}]}"};
    const char *store = store_new("begun_none");
    struct hub_name name = store_name("a/b");
    struct hub_models models = {0};
    struct err err = {0};
    uint64_t n_there, n_all;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        assert_true(hub_write_whole(store_path(store, "a/b", "begun/main"), lists[i], &err));
        assert_false(hub_begun_find(&name, &n_there, &n_all));
    }
    assert_true(hub_store_list(&models, &err));
    assert_int_equal(models.n, 1);
    assert_true(models.items[0].is_begun);
    assert_int_equal(models.items[0].n_there, 0);
    hub_models_free(&models);
    unsetenv("HF_HUB_CACHE");
}

TEST(hub_begun, is_listed_once)
{
    const char *store = store_new("begun_list");
    struct hub_name name = store_name("a/noted");
    struct hub_models models = {0};
    struct err err = {0};
    note(store, &name);
    store_add(store, "a/noted", COMMIT_1, "params.json", HASH_40);
    name = store_name("a/noted@v1");
    note(store, &name);
    store_add(store, "b/other", COMMIT_2, "config.json", HASH_40);
    store_add_incomplete(store, "b/other", HASH_64);
    store_add(store, "c/part", COMMIT_2, "config.json", HASH_40);
    assert_true(hub_store_list(&models, &err));
    assert_int_equal(models.n, 4);
    assert_string_equal(models.items[0].name, "a/noted");
    assert_true(models.items[0].is_begun);
    assert_int_equal(models.items[0].n_there, 10);
    assert_int_equal(models.items[0].n_bytes, 1010);
    assert_string_equal(models.items[1].name, "a/noted@v1");
    assert_true(models.items[1].is_begun);
    assert_string_equal(models.items[2].name, "b/other");
    assert_string_equal(models.items[2].lacks, "unfinished");
    assert_true(models.items[2].is_begun);
    assert_int_equal(models.items[2].n_there, 17);
    assert_int_equal(models.items[2].n_bytes, 0);
    assert_string_equal(models.items[3].name, "c/part"); /* nothing of it is under way */
    assert_false(models.items[3].is_begun);
    assert_string_equal(models.items[3].lacks, "no model: no safetensors and no .gguf file");
    hub_models_free(&models);
    unsetenv("HF_HUB_CACHE");
}

TEST(hub_begun, each_file_of_a_revision_has_its_note)
{
    const char *store = store_new("begun_types");
    struct hub_models models = {0};
    struct err err = {0};
    struct hub_name q4 = store_name("a/b:m-Q4_0.gguf"), q8 = store_name("a/b:sub/m-Q8_0.gguf");
    struct hub_name type = store_name("a/b:q8_0"), none = store_name("a/b:Q6_K");
    uint64_t n_there, n_all;
    store_note(store, "a/b:m-Q4_0.gguf", COMMIT_1, HASH_64);
    store_note(store, "a/b:sub/m-Q8_0.gguf", COMMIT_1, HASH_40);
    store_add_incomplete(store, "a/b", HASH_64);
    assert_true(store_has(store, "a/b", "begun/main:m-Q4_0.gguf"));
    check_found(&q4, 7, 1000);
    check_found(&q8, 0, 1000);
    check_found(&type, 0, 1000);
    assert_false(hub_begun_find(&none, &n_there, &n_all));
    assert_true(hub_store_list(&models, &err));
    assert_int_equal(models.n, 2);
    assert_string_equal(models.items[0].name, "a/b:m-Q4_0.gguf");
    assert_int_equal(models.items[0].n_there, 7);
    assert_int_equal(models.items[0].n_bytes, 1000);
    assert_string_equal(models.items[1].name, "a/b:sub/m-Q8_0.gguf");
    assert_true(models.items[1].is_begun);
    assert_int_equal(models.items[1].n_there, 0);
    hub_models_free(&models);
    hub_begun_drop(store, &q8); /* as its pull does at its end */
    assert_false(store_has(store, "a/b", "begun/main:sub"));
    check_found(&q4, 7, 1000);
    hub_begun_drop(store, &q4);
    assert_false(store_has(store, "a/b", "begun"));
    unsetenv("HF_HUB_CACHE");
}

TEST(hub_begun, no_folder_of_a_revision_with_slashes_stays)
{
    const char *store = store_new("begun_slashes");
    struct hub_name first = store_name("a/b@refs/pr/1"), second = store_name("a/b@refs/pr/2");
    note(store, &first);
    note(store, &second);
    assert_true(store_has(store, "a/b", "begun/refs/pr/1"));
    hub_begun_drop(store, &first);
    assert_false(store_has(store, "a/b", "begun/refs/pr/1"));
    check_found(&second, 0, 1010);
    hub_begun_drop(store, &second);
    assert_false(store_has(store, "a/b", "begun"));
    assert_true(store_has(store, "a/b", ""));
    unsetenv("HF_HUB_CACHE");
}

TEST(hub_begun, hides_no_other_snapshot_that_is_not_whole)
{
    const char *store = store_new("begun_hides");
    struct hub_name v2 = store_name("a/b@v2");
    struct hub_models models = {0};
    struct err err = {0};
    store_note(store, "a/b:m-Q4_0.gguf", COMMIT_1, HASH_64);
    store_add_incomplete(store, "a/b", HASH_64);
    store_add(store, "a/b", COMMIT_1, "README.md", HASH_40);
    store_add(store, "a/b", COMMIT_2, "config.json", HASH_40);
    assert_true(hub_write_ref(store, &v2, COMMIT_2, &err));
    assert_true(hub_store_list(&models, &err));
    assert_int_equal(models.n, 2);
    assert_string_equal(models.items[0].name, "a/b:m-Q4_0.gguf");
    assert_true(models.items[0].is_begun);
    assert_string_equal(models.items[1].name, "a/b@v2");
    assert_false(models.items[1].is_begun);
    assert_string_equal(models.items[1].lacks, "no model: no safetensors and no .gguf file");
    hub_models_free(&models);
    unsetenv("HF_HUB_CACHE");
}
