/* SPDX-License-Identifier: Apache-2.0 */
/* store_fixture.h - a model store in a folder of the test. */
#ifndef TEST_STORE_FIXTURE_H
#define TEST_STORE_FIXTURE_H

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/hub_begun.h"
#include "hub/hub_cache.h"
#include "test.h"

#define COMMIT_1 "1111111111111111111111111111111111111111"
#define COMMIT_2 "2222222222222222222222222222222222222222"

/* Makes an empty store of that name and has HF_HUB_CACHE name it. */
static inline const char *store_new(const char *name)
{
    static char store[512];
    snprintf(store, sizeof store, "%s", test_tmp(name));
    mkdir(store, 0777);
    setenv("HF_HUB_CACHE", store, 1);
    return store;
}

static inline struct hub_name store_name(const char *text)
{
    struct hub_name name;
    struct err err = {0};
    assert_true(hub_name_parse(&name, text, &err));
    return name;
}

/* Returns STORE/FOLDER/PATH of the model.  Borrowed: until the next call. */
static inline const char *store_path(const char *store, const char *model, const char *path)
{
    static char text[PATH_MAX];
    struct hub_name name = store_name(model);
    snprintf(text, sizeof text, "%s/%s/%s", store, name.folder, path);
    return text;
}

/* Puts a file of 10 bytes in a snapshot. */
static inline void store_add(const char *store, const char *model, const char *commit,
                             const char *file, const char *hash)
{
    struct hub_name name = store_name(model);
    struct err err = {0};
    char blob[80];
    snprintf(blob, sizeof blob, "blobs/%s", hash);
    const char *path = store_path(store, model, blob);
    assert_true(hub_make_parents(path, &err));
    test_write(path, "0123456789", 10);
    assert_true(hub_link(store, &name, commit, file, hash, &err));
}

/* Notes a pull of the file of 1000 bytes that the name wants. */
static inline void store_note(const char *store, const char *model, const char *commit,
                              const char *hash)
{
    struct hub_name name = store_name(model);
    struct hub_file file = {.path = name.want, .n_bytes = 1000, .chosen = true};
    struct hub_listing listing = {.files = &file, .n = 1};
    struct err err = {0};
    snprintf(file.hash, sizeof file.hash, "%s", hash);
    snprintf(listing.commit, sizeof listing.commit, "%s", commit);
    assert_true(hub_begun_write(store, &name, &listing, &err));
}

/* Puts 7 bytes of a content there. */
static inline void store_add_incomplete(const char *store, const char *model, const char *hash)
{
    struct err err = {0};
    char blob[100];
    snprintf(blob, sizeof blob, "blobs/%s.incomplete", hash);
    const char *path = store_path(store, model, blob);
    assert_true(hub_make_parents(path, &err));
    test_write(path, "0123456", 7);
}

static inline bool store_has(const char *store, const char *model, const char *path)
{
    struct stat st;
    return lstat(store_path(store, model, path), &st) == 0;
}

#endif
