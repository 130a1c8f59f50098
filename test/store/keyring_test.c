/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "database.h"
#include "store/keys.h"
#include "test.h"

static bool knows(struct keyring *ring, const char *text, struct key_grant *grant)
{
    return keyring_check(ring, text, strlen(text), grant);
}

static void finds(const struct database *db)
{
    enum { N = 40 };
    struct err err = {0};
    struct key_grant grant;
    struct key keys[N];
    char texts[N][KEY_TEXT_CHARS + 1], wrong[KEY_TEXT_CHARS + 1];
    struct store *store = database_open(db);
    for (int i = 0; i < N; i++) {
        keys[i] = (struct key){.roles = 1u << i % 5, .limits = {(uint32_t)i, 2, 3}};
        snprintf(keys[i].name, sizeof keys[i].name, "key %d", i);
        assert_true(keys_add(store, &keys[i], texts[i], &err));
    }
    struct keyring *ring = keyring_open(store, &err);
    assert_int_equal(keyring_count(ring), N);
    for (int i = 0; i < N; i++) {
        assert_true(knows(ring, texts[i], &grant));
        assert_string_equal(grant.key_id, keys[i].id);
        assert_string_equal(grant.name, keys[i].name);
        assert_int_equal(grant.roles, keys[i].roles);
        assert_memory_equal(&grant.limits, &keys[i].limits, sizeof grant.limits);
        /* The id of one with the secret of another, and one letter more or less. */
        memcpy(wrong, texts[i], sizeof wrong);
        memcpy(wrong + 5 + KEY_ID_CHARS, texts[(i + 1) % N] + 5 + KEY_ID_CHARS, KEY_SECRET_CHARS);
        assert_false(knows(ring, wrong, &grant));
        memcpy(wrong, texts[i], sizeof wrong);
        wrong[KEY_TEXT_CHARS - 1] = wrong[KEY_TEXT_CHARS - 1] == 'a' ? 'b' : 'a';
        assert_false(knows(ring, wrong, &grant));
        assert_false(keyring_check(ring, texts[i], KEY_TEXT_CHARS - 1, &grant));
    }
    assert_false(knows(ring, "", &grant));
    assert_false(knows(ring, "bise_", &grant));
    keyring_close(ring);
    store_close(store);
}

TEST(keyring, finds_who_presents_a_key)
{
    database_each(finds);
}

static void follows(const struct database *db)
{
    struct err err = {0};
    struct key_grant grant;
    struct key a = {.roles = ROLE_INFER}, b = {.roles = ROLE_ADMIN};
    char text_a[KEY_TEXT_CHARS + 1], text_b[KEY_TEXT_CHARS + 1];
    struct store *store = database_open(db), *other = database_open(db);
    assert_true(keys_add(store, &a, text_a, &err));
    struct keyring *ring = keyring_open(store, &err);
    assert_true(knows(ring, text_a, &grant));

    /* Another program adds one and revokes the other. */
    assert_true(keys_add(other, &b, text_b, &err) && keys_revoke(other, a.id, &err));
    assert_true(knows(ring, text_a, &grant));
    assert_false(knows(ring, text_b, &grant));
    assert_true(keyring_sync(ring, false, &err));
    assert_false(knows(ring, text_a, &grant));
    assert_true(knows(ring, text_b, &grant));
    assert_int_equal(keyring_count(ring), 1);
    keyring_close(ring);
    store_close(store);
    store_close(other);
}

TEST(keyring, follows_the_store)
{
    database_each(follows);
}

static void notes(const struct database *db)
{
    struct err err = {0};
    struct arena arena = {0};
    struct key_list list;
    struct key_grant grant;
    struct key key = {.roles = ROLE_INFER};
    char text[KEY_TEXT_CHARS + 1];
    struct store *store = database_open(db);
    assert_true(keys_add(store, &key, text, &err));
    struct keyring *ring = keyring_open(store, &err);
    assert_true(keyring_sync(ring, false, &err));
    assert_true(keys_list(store, &arena, &list, &err));
    assert_int_equal(list.items[0].used_at, 0);
    assert_true(knows(ring, text, &grant));
    assert_true(keyring_sync(ring, true, &err)); /* also over a new set of keys */
    assert_true(keyring_sync(ring, false, &err));
    assert_true(keys_list(store, &arena, &list, &err));
    assert_in_range(list.items[0].used_at, clock_unix_us() / 1000000 - 10,
                    clock_unix_us() / 1000000);
    keyring_close(ring);
    arena_free(&arena);
    store_close(store);
}

TEST(keyring, notes_the_use_of_keys)
{
    database_each(notes);
}

TEST(keyring, has_keys_that_the_store_has_not)
{
    struct err err = {0};
    struct key_grant grant;
    struct keyring *ring = keyring_open(NULL, &err);
    assert_non_null(ring);
    assert_int_equal(keyring_count(ring), 0);
    assert_false(knows(ring, "sk-0123456789abcdef", &grant));
    assert_true(keyring_add(ring, "sk-0123456789abcdef", 19, "flag", ROLE_INFER, &err));
    assert_true(keyring_add(ring, "another-long-enough", 19, "", ROLE_ALL, &err));
    assert_true(knows(ring, "sk-0123456789abcdef", &grant));
    assert_string_equal(grant.name, "flag");
    assert_int_equal(strlen(grant.key_id), 8);
    assert_true(keyring_sync(ring, true, &err));
    assert_true(knows(ring, "another-long-enough", &grant));
    assert_int_equal(grant.roles, ROLE_ALL);
    static const char *const refused[] = {"", "short", "sk-0123456789 abcdef",
                                          "sk-0123456789abc\n"};
    for (size_t i = 0; i < 4; i++) {
        err = (struct err){0};
        assert_false(keyring_add(ring, refused[i], strlen(refused[i]), "", ROLE_ALL, &err));
        assert_int_equal(err.code, ERR_ARG);
        assert_null(strstr(err.text, "0123456789"));
    }
    keyring_close(ring);
}

struct asker {
    struct keyring *ring;
    const char *text;
    int n_refused;
};

static void *ask(void *arg)
{
    struct asker *asker = arg;
    struct key_grant grant;
    for (int i = 0; i < 20000; i++)
        asker->n_refused += !knows(asker->ring, asker->text, &grant);
    return NULL;
}

TEST(keyring, answers_while_it_is_loaded_anew)
{
    const struct database *db = database_sqlite("threads.db");
    struct err err = {0};
    struct key key = {.roles = ROLE_INFER};
    char text[KEY_TEXT_CHARS + 1], more[KEY_TEXT_CHARS + 1];
    struct store *store = database_open(db);
    assert_true(keys_add(store, &key, text, &err));
    struct keyring *ring = keyring_open(store, &err);
    struct asker askers[3];
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        askers[i] = (struct asker){.ring = ring, .text = text};
        pthread_create(&threads[i], NULL, ask, &askers[i]);
    }
    for (int i = 0; i < 20; i++)
        assert_true(keys_add(store, &key, more, &err) && keyring_sync(ring, false, &err));
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(askers[i].n_refused, 0);
    }
    assert_int_equal(keyring_count(ring), 21);
    keyring_close(ring);
    store_close(store);
}

TEST(keyring, keeps_what_it_has_when_memory_is_short)
{
    const struct database *db = database_sqlite("ring.db");
    struct err err = {0};
    struct key_grant grant;
    struct key key = {.roles = ROLE_INFER};
    char text[KEY_TEXT_CHARS + 1];
    struct store *store = database_open(db);
    for (int i = 0; i < 20; i++)
        assert_true(keys_add(store, &key, text, &err));
    struct keyring *ring = keyring_open(store, &err);
    for (size_t n = 0;; n++) {
        assert_true(knows(ring, text, &grant));
        err = (struct err){0};
        mem_fail_after(n);
        bool ok = keyring_sync(ring, true, &err);
        mem_fail_never();
        if (ok)
            break;
        assert_int_equal(err.code, ERR_LIMIT);
        assert_true(n < 100);
    }
    keyring_close(ring);
    for (size_t n = 0;; n++) {
        err = (struct err){0};
        mem_fail_after(n);
        ring = keyring_open(store, &err);
        mem_fail_never();
        if (ring)
            break;
        assert_int_equal(err.code, ERR_LIMIT);
        assert_true(n < 100);
    }
    keyring_close(ring);
    store_close(store);
}
