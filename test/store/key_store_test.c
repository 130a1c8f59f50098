/* SPDX-License-Identifier: Apache-2.0 */
#include "store/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "database.h"
#include "test.h"

static void kept(const struct database *db)
{
    struct err err = {0};
    struct arena arena = {0};
    struct key_list list;
    char text[2][KEY_TEXT_CHARS + 1], id[KEY_ID_CHARS + 1];
    struct key a = {
        .name = "caf\xc3\xa9", .roles = ROLE_INFER | ROLE_FILES, .limits = {60, 1000, 4}};
    struct key b = {.roles = ROLE_ADMIN, .limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    struct store *store = database_open(db);
    assert_true(keys_add(store, &a, text[0], &err) && keys_add(store, &b, text[1], &err));
    assert_string_not_equal(text[0] + 5, text[1] + 5);
    assert_true(key_text_read(text[0], strlen(text[0]), id));
    assert_string_equal(id, a.id);

    assert_true(keys_list(store, &arena, &list, &err));
    assert_int_equal(list.n, 2);
    const struct key *got = &list.items[0];
    assert_string_equal(got->id, a.id);
    assert_string_equal(got->name, "caf\xc3\xa9");
    assert_int_equal(got->roles, a.roles);
    assert_memory_equal(&got->limits, &a.limits, sizeof a.limits);
    assert_int_equal(got->created_at, a.created_at);
    assert_int_equal(got->used_at, 0);
    assert_int_equal(got->revoked_at, 0);
    assert_memory_equal(&list.items[1].limits, &b.limits, sizeof b.limits);

    assert_true(keys_revoke(store, a.id, &err));
    assert_true(keys_list(store, &arena, &list, &err));
    int64_t revoked_at = list.items[0].revoked_at;
    assert_true(revoked_at > 0);
    assert_true(keys_revoke(store, a.id, &err)); /* it stays so */
    assert_true(keys_list(store, &arena, &list, &err));
    assert_int_equal(list.items[0].revoked_at, revoked_at);
    assert_int_equal(list.items[1].revoked_at, 0);
    assert_false(keys_revoke(store, "zzzzzzzz", &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    arena_free(&arena);
    store_close(store);
}

TEST(key_store, are_kept)
{
    database_each(kept);
}

TEST(key_store, are_not_to_be_read_out_of_the_store)
{
    const struct database *db = database_sqlite("secret.db");
    struct err err = {0};
    struct key key = {.roles = ROLE_ALL};
    char text[KEY_TEXT_CHARS + 1];
    struct store *store = database_open(db);
    assert_true(keys_add(store, &key, text, &err));
    store_close(store);
    size_t n;
    char *bytes = test_read(db->url, &n);
    assert_non_null(memmem(bytes, n, key.id, KEY_ID_CHARS));
    assert_null(memmem(bytes, n, text + 5 + KEY_ID_CHARS, KEY_SECRET_CHARS));
    free(bytes);
}

TEST(key_store, need_a_name_and_roles)
{
    const struct database *db = database_sqlite("about.db");
    struct store *store = database_open(db);
    char text[KEY_TEXT_CHARS + 1];
    struct key keys[] = {
        {.name = "a\nb", .roles = 1},
        {.name = "\xff", .roles = 1},
        {.name = "x"},
        {.name = "x", .roles = 32},
        {.roles = 1},
    };
    memset(keys[4].name, 'x', sizeof keys[4].name);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct err err = {0};
        assert_false(keys_add(store, &keys[i], text, &err));
        assert_int_equal(err.code, ERR_ARG);
    }
    store_close(store);
}

static void first(const struct database *db)
{
    struct err err = {0};
    struct arena arena = {0};
    struct key_list list;
    struct key_grant grant;
    struct stat st;
    char text[KEY_TEXT_CHARS + 1], again[KEY_TEXT_CHARS + 1], path[600];
    snprintf(path, sizeof path, "%s", test_tmp("first-key"));
    struct store *store = database_open(db);

    /* No key without its file. */
    assert_false(keys_first(store, test_tmp("no/such/folder"), text, &err));
    assert_string_equal(text, "");
    assert_true(keys_list(store, &arena, &list, &err));
    assert_int_equal(list.n, 0);

    err = (struct err){0};
    if (!keys_first(store, path, text, &err))
        fail_msg("%s", err.text);
    char *content = test_read(path, NULL);
    assert_memory_equal(content, text, KEY_TEXT_CHARS);
    assert_string_equal(content + KEY_TEXT_CHARS, "\n");
    free(content);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct keyring *ring = keyring_open(store, &err);
    assert_true(keyring_check(ring, text, strlen(text), &grant));
    assert_int_equal(grant.roles, ROLE_ALL);
    keyring_close(ring);

    /* Once only, also when it was revoked. */
    assert_true(keys_list(store, &arena, &list, &err));
    assert_true(keys_revoke(store, list.items[0].id, &err));
    assert_true(keys_first(store, path, again, &err));
    assert_string_equal(again, "");
    unlink(path);
    arena_free(&arena);
    store_close(store);
}

TEST(key_store, the_first_is_made_once)
{
    database_each(first);
}
