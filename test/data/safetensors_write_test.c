/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors_write_test.c - files as the format's specification has them, read back. */
#include "data/safetensors_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/safetensors.h"
#include "edit.h"
#include "test.h"

static const uint8_t content[] = "abcdefghijklmnopqrstuvwxyz";

static const struct tensor_entry entries[] = {
    {.name = "a\"b", .type = "U8", .n_dims = 1, .shape = {3}, .data = content, .n_bytes = 3},
    {.name = "empty", .type = "F32", .n_dims = 2, .shape = {0, 5}, .data = content, .n_bytes = 0},
    {.name = "m", .type = "BF16", .n_dims = 2, .shape = {2, 3}, .data = content + 3, .n_bytes = 12},
    {.name = "scalar", .type = "F32", .n_dims = 0, .data = content + 15, .n_bytes = 4},
    {.name = "\xc3\xa4",
     .type = "U8",
     .n_dims = 1,
     .shape = {7},
     .data = content + 19,
     .n_bytes = 7},
};
#define N_ENTRIES (sizeof entries / sizeof *entries)

/* Writes a tensor in two pieces. */
static bool fill(void *arg, size_t i, struct safetensors_sink *sink, struct err *err)
{
    size_t n = entries[i].n_bytes;
    if (arg && i == *(size_t *)arg)
        return err_set(err, ERR_CANCELLED, "stopped");
    return safetensors_put(sink, entries[i].data, n / 2, err) &&
           safetensors_put(sink, entries[i].data + n / 2, n - n / 2, err);
}

static bool write_all(const char *dir, size_t shard_bytes, size_t *stop, struct err *err)
{
    const struct safetensors_job job = {.dir = dir,
                                        .stem = "model",
                                        .entries = entries,
                                        .n = N_ENTRIES,
                                        .shard_bytes = shard_bytes,
                                        .fill = fill,
                                        .arg = stop};
    return safetensors_write(&job, err);
}

/* Expects that the folder holds the tensors in n_files files. */
static void assert_holds(const char *dir, size_t n_files)
{
    struct tensor_store store = {0};
    struct err err = {0};
    if (!safetensors_open(&store, dir, "model", &err))
        fail_msg("%s", err.text);
    assert_int_equal(store.n, N_ENTRIES);
    assert_int_equal(store.n_files, n_files);
    for (size_t i = 0; i < N_ENTRIES; i++) {
        const struct tensor_entry *want = &entries[i];
        const struct tensor_entry *got = tensor_store_find(&store, want->name);
        assert_true(got && got->n_dims == want->n_dims && got->n_bytes == want->n_bytes);
        assert_string_equal(got->type, want->type);
        assert_memory_equal(got->shape, want->shape, sizeof got->shape);
        if (got->n_bytes)
            assert_memory_equal(got->data, want->data, got->n_bytes);
    }
    tensor_store_free(&store);
}

TEST(safetensors_write, one_file_byte_for_byte)
{
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"a\\\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
        "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[3,3]},"
        "\"m\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[3,15]},"
        "\"scalar\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[15,19]},"
        "\"\xc3\xa4\":{\"dtype\":\"U8\",\"shape\":[7],\"data_offsets\":[19,26]}}";
    char path[600];
    size_t n, n_header = (sizeof header - 1 + 7) / 8 * 8;
    struct err err = {0};
    const char *dir = edit_folder("written");
    if (!write_all(dir, 1000, NULL, &err))
        fail_msg("%s", err.text);
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    uint8_t *bytes = (uint8_t *)test_read(path, &n);
    assert_int_equal(n, 8 + n_header + 26);
    assert_int_equal(bytes[0] + 256 * bytes[1], n_header);
    for (int i = 2; i < 8; i++)
        assert_int_equal(bytes[i], 0);
    assert_memory_equal(bytes + 8, header, sizeof header - 1);
    for (size_t i = sizeof header - 1; i < n_header; i++)
        assert_int_equal(bytes[8 + i], ' ');
    assert_memory_equal(bytes + 8 + n_header, content, 26);
    free(bytes);
    assert_holds(dir, 1);
}

TEST(safetensors_write, shards_have_the_names_of_published_models)
{
    char path[600];
    struct err err = {0};
    const char *dir = edit_folder("written");
    /* 3 + 0, 12, 4, 7: no two neighbours fit into 10 bytes but the first. */
    assert_true(write_all(dir, 10, NULL, &err));
    assert_holds(dir, 4);
    snprintf(path, sizeof path, "%s/model-00004-of-00004.safetensors", dir);
    free(test_read(path, NULL));
    snprintf(path, sizeof path, "%s/model.safetensors.index.json", dir);
    char *index = test_read(path, NULL);
    assert_non_null(strstr(index, "\"metadata\": {\"total_size\": 26}"));
    assert_non_null(strstr(index, "\"m\": \"model-00002-of-00004.safetensors\""));
    free(index);
    dir = edit_folder("written");
    assert_true(write_all(dir, 16, NULL, &err));
    assert_holds(dir, 2);
}

TEST(safetensors_write, failures_are_reported)
{
    size_t stop = 3;
    struct err err = {0};
    assert_false(write_all(edit_folder("written"), 10, &stop, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    err = (struct err){0};
    assert_false(write_all("none/such", 10, NULL, &err));
    assert_non_null(strstr(err.text, "none/such/model-00001-of-00004.safetensors: no such"));
    /* A file that is there is never overwritten. */
    const char *dir = edit_folder("written");
    err = (struct err){0};
    assert_true(write_all(dir, 1000, NULL, &err));
    assert_false(write_all(dir, 1000, NULL, &err));
    assert_int_equal(err.code, ERR_IO);
}

TEST(safetensors_write, short_memory_is_an_error_each_time)
{
    size_t n = 0;
    for (bool done = false; !done; n++) {
        struct err err = {0};
        const char *dir = edit_folder("written");
        mem_fail_once(n);
        bool ok = write_all(dir, 10, NULL, &err);
        done = mem_n_failed() == 0;
        mem_fail_never();
        assert_int_equal(ok, done);
        assert_int_equal(err.code, done ? ERR_NONE : ERR_LIMIT);
    }
    assert_in_range(n, 3, 1000);
}
