/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_cache.h"

#include "store_fixture.h"

TEST(hub_cache, a_revision_means_a_commit)
{
    const char *store = store_new("cache_refs");
    struct hub_name name = store_name("a/b@refs/pr/1");
    struct err err = {0};
    char commit[41];
    assert_false(hub_read_ref(store, &name, commit, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_true(hub_write_ref(store, &name, COMMIT_1, &err));
    assert_true(hub_write_ref(store, &name, COMMIT_2, &err));
    assert_true(hub_read_ref(store, &name, commit, &err));
    assert_string_equal(commit, COMMIT_2);
    char *text = test_read(store_path(store, "a/b", "refs/refs/pr/1"), NULL);
    assert_string_equal(text, COMMIT_2);
    free(text);
    test_write(store_path(store, "a/b", "refs/refs/pr/1"), COMMIT_1 "\n", 41); /* by hand */
    assert_true(hub_read_ref(store, &name, commit, &err));
    assert_string_equal(commit, COMMIT_1);
    test_write(store_path(store, "a/b", "refs/refs/pr/1"), "../../../etc", 12);
    assert_false(hub_read_ref(store, &name, commit, &err));
    assert_int_equal(err.code, ERR_FORMAT);
}

TEST(hub_cache, links_are_relative)
{
    const char *store = store_new("cache_links");
    struct hub_name name = store_name("a/b");
    struct err err = {0};
    char target[100] = "";
    assert_true(hub_link(store, &name, COMMIT_1, "x/y/z.json", "old", &err));
    assert_true(hub_link(store, &name, COMMIT_1, "x/y/z.json", "abc", &err));
    assert_true(hub_link(store, &name, COMMIT_1, "x/y/z.json", "abc", &err));
    const char *path = store_path(store, "a/b", "snapshots/" COMMIT_1 "/x/y/z.json");
    assert_true(readlink(path, target, sizeof target - 1) > 0);
    assert_string_equal(target, "../../../../blobs/abc");
}

TEST(hub_cache, one_at_a_time_holds_a_lock)
{
    const char *store = store_new("cache_locks");
    struct hub_name name = store_name("a/b");
    struct err err = {0};
    int first = hub_lock(store, &name, "abc", &err);
    assert_true(first >= 0);
    assert_int_equal(hub_lock(store, &name, "abc", &err), -1);
    assert_int_equal(err.code, ERR_BUSY);
    int other = hub_lock(store, &name, "def", &err);
    assert_true(other >= 0);
    close(other);
    close(first);
    first = hub_lock(store, &name, "abc", &err);
    assert_true(first >= 0);
    close(first);
}
