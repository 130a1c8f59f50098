/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_store.h"

#include "store_fixture.h"

static void check_find(const char *model, const char *end)
{
    struct hub_name name = store_name(model);
    struct buf path;
    struct err err = {0};
    buf_init(&path, PATH_MAX);
    bool ok = hub_store_find(&name, &path, &err);
    if (ok != (end != NULL))
        fail_msg("%s: %s", model, ok ? path.data : err.text);
    if (ok && strcmp(path.data + path.len - strlen(end), end) != 0)
        fail_msg("%s: found %s", model, path.data);
    buf_free(&path);
}

TEST(hub_store, finds_and_lists_models_that_are_whole)
{
    const char *store = store_new("store_find");
    struct hub_name name = store_name("a/gguf");
    struct hub_models models = {0};
    struct err err = {0};
    store_add(store, "a/gguf", COMMIT_1, "m-Q4_0.gguf", "aa");
    store_add(store, "a/gguf", COMMIT_1, "m-Q8_0.gguf", "bb");
    store_add(store, "a/native", COMMIT_2, "params.json", "cc");
    store_add(store, "a/native", COMMIT_2, "consolidated.safetensors", "dd");
    store_add(store, "a/part", COMMIT_1, "m-00001-of-00002.gguf", "ee");
    assert_true(hub_write_ref(store, &name, COMMIT_1, &err));
    name = store_name("a/part");
    assert_true(hub_write_ref(store, &name, COMMIT_1, &err));

    check_find("a/gguf", NULL);
    check_find("a/gguf:Q8_0", "snapshots/" COMMIT_1 "/m-Q8_0.gguf");
    check_find("a/gguf:Q5_0", NULL);
    check_find("a/native", NULL); /* only by its commit */
    check_find("a/native@" COMMIT_2, "snapshots/" COMMIT_2);
    check_find("a/native@" COMMIT_1, NULL);
    check_find("a/part", NULL);
    check_find("b/none", NULL);

    assert_true(hub_store_list(&models, &err));
    assert_int_equal(models.n, 4);
    assert_string_equal(models.items[0].name, "a/gguf:m-Q4_0.gguf");
    assert_string_equal(models.items[1].name, "a/gguf:m-Q8_0.gguf");
    assert_string_equal(models.items[2].name, "a/native@" COMMIT_2);
    assert_string_equal(models.items[3].name, "a/part:m-00001-of-00002.gguf");
    assert_int_equal(models.items[0].layout, HUB_GGUF);
    assert_int_equal(models.items[0].n_bytes, 10);
    assert_null(models.items[1].lacks);
    assert_int_equal(models.items[2].layout, HUB_NATIVE);
    assert_int_equal(models.items[2].n_bytes, 20);
    assert_non_null(models.items[3].lacks);
    hub_models_free(&models);

    /* A content that is gone leaves a link to nowhere. */
    unlink(store_path(store, "a/gguf", "blobs/bb"));
    check_find("a/gguf:Q8_0", NULL);
    check_find("a/gguf", "m-Q4_0.gguf");
    unsetenv("HF_HUB_CACHE");
}
