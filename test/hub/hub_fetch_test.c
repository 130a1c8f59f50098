/* SPDX-License-Identifier: Apache-2.0 */
#include "pull_fixture.h"

TEST(hub_fetch, a_wrong_content_is_asked_for_once_more)
{
    static const char *const answers[] = {T_LISTING, T_WRONG, T_CONTENT};
    const char *store = store_new("fetch_twice");
    struct canned server;
    struct err err = {0};
    assert_true(pull_from(&server, answers, 3, NULL, &err));
    assert_true(store_has(store, "a/b", "blobs/" T_HASH));
    unsetenv("HF_HUB_CACHE");
}

TEST(hub_fetch, a_content_that_stays_wrong_is_not_kept)
{
    static const char *const answers[] = {T_LISTING, T_WRONG, T_WRONG, T_CONTENT};
    const char *store = store_new("fetch_wrong");
    struct canned server;
    struct err err = {0};
    assert_false(pull_from(&server, answers, 4, NULL, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    assert_int_equal(server.n, 3);
    assert_false(store_has(store, "a/b", "blobs/" T_HASH));
    assert_false(store_has(store, "a/b", "blobs/" T_HASH ".incomplete"));
    assert_false(store_has(store, "a/b", "snapshots"));
    assert_false(store_has(store, "a/b", "refs/main"));
    unsetenv("HF_HUB_CACHE");
}

TEST(hub_fetch, cancelled_keeps_what_came)
{
    static const char *const answers[] = {T_LISTING,
                                          "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\ntest "};
    const char *store = store_new("fetch_cancel");
    struct canned server;
    struct err err = {0};
    int n_calls = 0;
    assert_false(pull_from(&server, answers, 2, &n_calls, &err));
    assert_true(err.code == ERR_CANCELLED || err.code == ERR_IO); /* whichever came first */
    assert_false(store_has(store, "a/b", "refs/main"));
    unsetenv("HF_HUB_CACHE");
}

TEST(hub_fetch, what_is_complete_but_not_in_its_place_is_only_checked)
{
    static const char *const answers[] = {T_LISTING};
    const char *store = store_new("fetch_there");
    struct canned server;
    struct err err = {0};
    const char *part = store_path(store, "a/b", "blobs/" T_HASH ".incomplete");
    assert_true(hub_make_parents(part, &err));
    test_write(part, "test content\n", 13);
    assert_true(pull_from(&server, answers, 1, NULL, &err));
    assert_int_equal(server.n, 1);
    unsetenv("HF_HUB_CACHE");
}
