/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "data/safetensors.h"
#include "test.h"

/* Writes DIR/NAME with one tensor of one byte. */
static void write_shard(const char *dir, const char *name, const char *tensor)
{
    char path[600], bytes[256];
    int n = snprintf(bytes + 8, sizeof bytes - 8,
                     "{\"%s\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}x", tensor);
    memset(bytes, 0, 8);
    bytes[0] = (char)(n - 1);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    test_write(path, bytes, 8 + (size_t)n);
}

/* Makes a folder of this run with an index of that content. */
static const char *make_folder(const char *name, const char *index)
{
    char path[600];
    const char *dir = test_tmp(name);
    assert_int_equal(mkdir(dir, 0777), 0);
    snprintf(path, sizeof path, "%s/m.safetensors.index.json", dir);
    test_write(path, index, strlen(index));
    return dir;
}

static void assert_refused(const char *dir, enum err_code code, const char *want)
{
    struct tensor_store store = {0};
    struct err err = {0};
    assert_false(safetensors_open(&store, dir, "m", &err));
    if (err.code != code || !strstr(err.text, want))
        fail_msg("got \"%s\", want \"%s\"", err.text, want);
    tensor_store_free(&store);
}

static void assert_opens(const char *dir, size_t n, size_t n_files)
{
    struct tensor_store store = {0};
    struct err err = {0};
    if (!safetensors_open(&store, dir, "m", &err))
        fail_msg("%s", err.text);
    assert_int_equal(store.n, n);
    assert_int_equal(store.n_files, n_files);
    tensor_store_free(&store);
}

TEST(safetensors_index, real_shards_are_read_together)
{
    static const char *const stems[] = {"model", "consolidated"};
    for (size_t i = 0; i < 2; i++) {
        struct tensor_store store = {0};
        struct err err = {0};
        if (!safetensors_open(&store, "test/data/oracle/mistral-sharded", stems[i], &err))
            fail_msg("%s", err.text);
        assert_int_equal(store.n, 30);
        assert_int_equal(store.n_files, 2);
        for (size_t k = 1; k < store.n; k++)
            assert_true(strcmp(store.entries[k - 1].name, store.entries[k].name) < 0);
        tensor_store_free(&store);
    }
}

TEST(safetensors_index, without_an_index_one_file_is_read)
{
    struct tensor_store store = {0};
    struct err err = {0};
    assert_true(safetensors_open(&store, "test/data/oracle/mistral", "consolidated", &err));
    assert_int_equal(store.n, 30);
    assert_int_equal(store.n_files, 1);
    assert_string_equal(store.entries[0].file, "test/data/oracle/mistral/consolidated.safetensors");
    tensor_store_free(&store);
    assert_false(safetensors_open(&store, "test/data/oracle/mistral", "absent", &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "mistral/absent.safetensors"));
    tensor_store_free(&store);
    char *dir = calloc(1, 8192);
    memset(dir, 'd', 8191);
    assert_false(safetensors_open(&store, dir, "m", &err));
    assert_int_equal(err.code, ERR_ARG);
    free(dir);
}

TEST(safetensors_index, a_shard_must_be_a_file_beside_the_index)
{
    static const char *const names[] = {
        "/etc/passwd",
        "../x.safetensors",
        "a/x.safetensors",
        "/x.safetensors",
        "x.json",
        "",
        "..",
        "x\\u0007.safetensors",
        ".\\u009bsafetensors",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char index[200], name[40];
        snprintf(index, sizeof index, "{\"weight_map\": {\"a\": \"%s\"}}", names[i]);
        snprintf(name, sizeof name, "shard-name-%zu", i);
        assert_refused(make_folder(name, index), ERR_FORMAT,
                       "m.safetensors.index.json: weight_map.a: expected the name of a file");
    }
}

TEST(safetensors_index, malformed_indexes_are_refused)
{
    assert_refused(make_folder("index-1", "{}"), ERR_FORMAT,
                   "weight_map: missing; correct the file or download it again");
    assert_refused(make_folder("index-2", "[]"), ERR_FORMAT, "expected an object");
    assert_refused(make_folder("index-3", "{\"weight_map\": []}"), ERR_FORMAT,
                   "weight_map: expected an object");
    assert_refused(make_folder("index-4", "{\"weight_map\": {}}"), ERR_FORMAT,
                   "weight_map: expected an object");
    assert_refused(make_folder("index-5", "{\"weight_map\": {\"a\": 1}}"), ERR_FORMAT,
                   "weight_map.a: expected a string");
    assert_refused(make_folder("index-6", "{\"weight_map\": {\"a\": null}}"), ERR_FORMAT,
                   "weight_map.a: expected a string");
    assert_refused(make_folder("index-7", "{\"weight_map\""), ERR_FORMAT,
                   "m.safetensors.index.json: line 1");
    assert_refused(make_folder("index-8", "{\"weight_map\": {\"a\": \"x.safetensors\"}}"),
                   ERR_NOT_FOUND, "x.safetensors: named by the index but not there");
}

TEST(safetensors_index, index_and_shards_must_agree)
{
    const char *dir = make_folder("agree", "{\"weight_map\": {\"a\": \"1.safetensors\", "
                                           "\"b\": \"2.safetensors\"}}");
    write_shard(dir, "1.safetensors", "a");
    write_shard(dir, "2.safetensors", "b");
    assert_opens(dir, 2, 2);
    write_shard(dir, "2.safetensors", "c");
    assert_refused(dir, ERR_FORMAT, "weight_map.b: not in 2.safetensors");
    write_shard(dir, "2.safetensors", "a");
    assert_refused(dir, ERR_FORMAT, "a: occurs twice");
    write_shard(dir, "1.safetensors", "b");
    assert_refused(dir, ERR_FORMAT, "weight_map.a: not in 1.safetensors");
    dir = make_folder("unlisted", "{\"weight_map\": {\"a\": \"1.safetensors\"}}");
    char path[600];
    snprintf(path, sizeof path, "%s/1.safetensors", dir);
    static const char two[] = "\x6b\0\0\0\0\0\0\0"
                              "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                              "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}  xy";
    assert_int_equal(sizeof two - 1 - 8 - 2, 0x6b);
    test_write(path, two, sizeof two - 1);
    assert_refused(dir, ERR_FORMAT, "1.safetensors: b: not in the index");
}

TEST(safetensors_index, a_link_may_only_lead_into_the_cache_of_the_model)
{
    const char *index = "{\"weight_map\": {\"a\": \"1.safetensors\"}}";
    char path[600], cache[600];
    snprintf(cache, sizeof cache, "%s", test_tmp("cache"));
    assert_int_equal(mkdir(cache, 0777), 0);
    assert_int_equal(mkdir(test_tmp("cache/blobs"), 0777), 0);
    assert_int_equal(mkdir(test_tmp("cache/blobs-2"), 0777), 0);
    assert_int_equal(mkdir(test_tmp("cache/snapshots"), 0777), 0);
    char dir[600];
    snprintf(dir, sizeof dir, "%s", make_folder("cache/snapshots/rev", index));
    write_shard(cache, "blobs/0123", "a");
    write_shard(cache, "blobs-2/0123", "a");
    write_shard(cache, "0123", "a");
    write_shard(dir, "other.safetensors", "a");
    snprintf(path, sizeof path, "%s/1.safetensors", dir);
    static const struct {
        const char *target;
        bool ok;
    } links[] = {
        {"../../blobs/0123", true},    {"other.safetensors", true},
        {"./other.safetensors", true}, {"../rev/other.safetensors", true},
        {"../../0123", false},         {"../../blobs-2/0123", false},
    };
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        assert_int_equal(symlink(links[i].target, path), 0);
        if (links[i].ok)
            assert_opens(dir, 1, 1);
        else
            assert_refused(dir, ERR_FORMAT, "1.safetensors: a link that leads out");
        unlink(path);
    }
    assert_int_equal(symlink("1.safetensors", path), 0);
    assert_refused(dir, ERR_NOT_FOUND, "not there");
    unlink(path);
    assert_int_equal(symlink("../../blobs", path), 0);
    assert_refused(dir, ERR_FORMAT, "a link that leads out");
}

TEST(safetensors_index, blobs_beside_any_other_folder_are_no_cache)
{
    const char *index = "{\"weight_map\": {\"a\": \"1.safetensors\"}}";
    static const char *const parents[] = {"shared/models", "shared/my-snapshots"};
    assert_int_equal(mkdir(test_tmp("shared"), 0777), 0);
    assert_int_equal(mkdir(test_tmp("shared/blobs"), 0777), 0);
    write_shard(test_tmp("shared"), "blobs/0123", "a");
    for (size_t i = 0; i < sizeof parents / sizeof *parents; i++) {
        char name[100], path[600];
        snprintf(name, sizeof name, "%s/rev", parents[i]);
        assert_int_equal(mkdir(test_tmp(parents[i]), 0777), 0);
        const char *dir = make_folder(name, index);
        snprintf(path, sizeof path, "%s/1.safetensors", dir);
        assert_int_equal(symlink("../../blobs/0123", path), 0);
        assert_refused(dir, ERR_FORMAT, "1.safetensors: a link that leads out");
    }
}

TEST(safetensors_index, every_failing_allocation_is_reported)
{
    size_t n = 0;
    for (bool done = false; !done; n++) {
        struct tensor_store store = {0};
        struct err err = {0};
        mem_fail_after(n);
        done = safetensors_open(&store, "test/data/oracle/mistral-sharded", "model", &err);
        mem_fail_never();
        assert_int_equal(err.code, done ? ERR_NONE : ERR_LIMIT);
        tensor_store_free(&store);
    }
    assert_true(n > 8);
}
