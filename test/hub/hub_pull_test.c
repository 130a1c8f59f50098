/* SPDX-License-Identifier: Apache-2.0 */
#include "pull_fixture.h"

TEST(hub_pull, a_model_comes_and_is_not_asked_for_again)
{
    static const char *const answers[] = {T_LISTING, T_CONTENT};
    const char *store = store_new("pull_once");
    struct canned server;
    struct err err = {0};
    assert_true(pull_from(&server, answers, 2, NULL, &err));
    assert_int_equal(server.n, 2);
    assert_non_null(strstr(server.requests[0], "GET /api/models/a/b/revision/main?blobs=true "));
    assert_non_null(strstr(server.requests[1], "GET /a/b/resolve/" COMMIT_1 "/t%20%231.gguf HTTP"));
    char *text = test_read(store_path(store, "a/b", "snapshots/" COMMIT_1 "/t #1.gguf"), NULL);
    assert_string_equal(text, "test content\n");
    free(text);
    text = test_read(store_path(store, "a/b", "refs/main"), NULL);
    assert_string_equal(text, COMMIT_1);
    free(text);
    assert_false(store_has(store, "a/b", "begun")); /* and ended */
    assert_true(pull_from(&server, answers, 1, NULL, &err));
    assert_int_equal(server.n, 1);
    unsetenv("HF_HUB_CACHE");
}

TEST(hub_pull, what_fails_is_noted_as_begun)
{
    static const char *const answers[] = {T_LISTING, T_WRONG, T_WRONG};
    const char *store = store_new("pull_begun");
    struct canned server;
    struct err err = {0};
    assert_false(pull_from(&server, answers, 3, NULL, &err));
    assert_true(store_has(store, "a/b", "begun/main:t #1.gguf"));
    assert_false(store_has(store, "a/b", "refs/main"));
    unsetenv("HF_HUB_CACHE");
}

TEST(hub_pull, what_has_begun_of_another_file_stays_noted)
{
    static const char *const answers[] = {T_LISTING, T_CONTENT};
    const char *store = store_new("pull_others");
    struct canned server;
    struct err err = {0};
    store_note(store, "a/b:m-Q8_0.gguf", COMMIT_1, T_HASH);
    assert_true(pull_from(&server, answers, 2, NULL, &err));
    assert_true(store_has(store, "a/b", "begun/main:m-Q8_0.gguf"));
    assert_false(store_has(store, "a/b", "begun/main:t #1.gguf"));
    unsetenv("HF_HUB_CACHE");
}

TEST(hub_pull, a_model_without_its_tokenizer_is_refused_before_it_comes)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"sha\":\"" COMMIT_1 "\",\"siblings\":["
        "{\"rfilename\":\"consolidated.safetensors\",\"size\":13,\"blobId\":\"" T_HASH "\"},"
        "{\"rfilename\":\"params.json\",\"size\":13,\"blobId\":\"" T_HASH "\"}]}"};
    const char *store = store_new("pull_tokenizer");
    struct canned server;
    struct err err = {0};
    assert_false(pull_from(&server, answers, 1, NULL, &err));
    assert_int_equal(server.n, 1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.text, "a/b: no tokenizer, neither tekken.json nor tokenizer.model nor "
                                  "tokenizer.json; the model is not whole");
    assert_false(store_has(store, "a/b", "begun"));
    unsetenv("HF_HUB_CACHE");
}

TEST(hub_pull, a_listing_that_is_none)
{
    static const char *const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"};
    const char *store = store_new("pull_page");
    struct canned server;
    struct err err = {0};
    assert_false(pull_from(&server, answers, 1, NULL, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    assert_false(store_has(store, "a/b", "refs/main"));
    unsetenv("HF_HUB_CACHE");
}
