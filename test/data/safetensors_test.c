/* SPDX-License-Identifier: Apache-2.0 */
#include "data/safetensors.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "test.h"

/* Parses a header with n_data zero bytes behind it.  *image must be freed. */
static bool parse(struct tensor_store *store, const char *header, size_t n_data, uint8_t **image,
                  struct err *err)
{
    size_t n = strlen(header);
    *image = calloc(8 + n + n_data, 1);
    for (int i = 0; i < 8; i++)
        (*image)[i] = (uint8_t)((uint64_t)n >> (8 * i));
    memcpy(*image + 8, header, n);
    *store = (struct tensor_store){0};
    return safetensors_parse(store, "t.safetensors", *image, 8 + n + n_data, err);
}

static void assert_refused(const char *header, size_t n_data, const char *want)
{
    struct tensor_store store;
    struct err err = {0};
    uint8_t *image;
    if (parse(&store, header, n_data, &image, &err))
        fail_msg("accepted: %s", header);
    if (!strstr(err.text, want) || strncmp(err.text, "t.safetensors: ", 15) != 0)
        fail_msg("got \"%s\", want \"%s\"", err.text, want);
    tensor_store_free(&store);
    free(image);
}

static void read_folder(const char *folder, bool want_ok, int want_n)
{
    int n = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        char path[512], prefix[300];
        if (e->d_name[0] == '.')
            continue;
        n++;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        snprintf(prefix, sizeof prefix, "%s: ", e->d_name);
        struct tensor_store store = {0};
        struct err err = {0};
        size_t size;
        char *bytes = test_read(path, &size);
        uint8_t *copy = malloc(size ? size : 1);
        memcpy(copy, bytes, size);
        bool ok = safetensors_parse(&store, e->d_name, copy, size, &err);
        if (ok != want_ok)
            fail_msg("%s: %s", path, ok ? "accepted" : err.text);
        if (!ok && strncmp(err.text, prefix, strlen(prefix)) != 0)
            fail_msg("%s: the message does not name it: %s", path, err.text);
        tensor_store_free(&store);
        free(copy);
        free(bytes);
    }
    closedir(dir);
    assert_int_equal(n, want_n);
}

TEST(safetensors, malformed_files_are_refused_by_name)
{
    read_folder("test/data/safetensors/bad", false, 26);
}

TEST(safetensors, unusual_but_valid_files_are_accepted)
{
    read_folder("test/data/safetensors/good", true, 8);
}

#define F32_2(name, begin, end)                                                                    \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[" #begin "," #end "]}"

TEST(safetensors, refusals_name_the_tensor_and_the_reason)
{
    assert_refused("{" F32_2("x", 0, 8) "}", 7, "x.data_offsets: 1 byte short");
    assert_refused("{" F32_2("x", 0, 8) "}", 9, "1 byte behind the last tensor");
    assert_refused("{" F32_2("x", 0, 8) "," F32_2("y", 12, 20) "}", 20,
                   "y: begins at byte 12 of the data, not 8");
    assert_refused("{" F32_2("x", 0, 8) "," F32_2("y", 4, 12) "}", 12, "y: begins at byte 4");
    assert_refused("{" F32_2("x", 0, 8) "," F32_2("y", 0, 8) "}", 8, "begins at byte 0");
    assert_refused("{" F32_2("x", 8, 0) "}", 8, "x.data_offsets: the end is before");
    assert_refused("{" F32_2("x", 0, 12) "}", 12, "x: 8 bytes by type and shape, 12 by offsets");
    assert_refused("{" F32_2("x", 0, 8.5) "}", 8, "x.data_offsets[1]: expected a whole number");
    assert_refused("{" F32_2("x", 0, 9007199254740993) "}", 8, "x.data_offsets[1]: expected");
    assert_refused("{" F32_2("x", 0, 8) "," F32_2("x", 0, 8) "}", 8, "duplicate object key");
    assert_refused("{" F32_2("", 0, 8) "}", 8, "a name that is not 1 to 512 bytes");
    assert_refused("{" F32_2("a\\nb", 0, 8) "}", 8, "a name that is not 1 to 512 bytes");
    assert_refused("{" F32_2("\\u009b", 0, 8) "}", 8, "a name that is not 1 to 512 bytes");
    assert_refused("{\"x\":5}", 8, "x: expected an object");
    assert_refused("{\"x\":null}", 8, "x: expected an object");
    assert_refused("{\"x\":{\"dtype\":5,\"shape\":[],\"data_offsets\":[0,4]}}", 4,
                   "x.dtype: expected a string");
    assert_refused("{\"x\":{\"dtype\":\"f32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4,
                   "x.dtype: unknown type \"f32\"");
    assert_refused("{\"x\":{\"dtype\":\"F32\",\"shape\":4,\"data_offsets\":[0,4]}}", 4,
                   "x.shape: expected an array");
    assert_refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[true],\"data_offsets\":[0,4]}}", 4,
                   "x.shape[0]: expected a whole number");
    assert_refused(
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
        "x.shape: expected an array of at most 8 sizes");
    assert_refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],"
                   "\"data_offsets\":[0,4]}}",
                   4, "x.shape: not a whole number of bytes in 64 bits");
    assert_refused("{\"x\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}", 2,
                   "x.shape: not a whole number of bytes");
    assert_refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":{}}}", 4,
                   "x.data_offsets: expected [begin, end]");
    assert_refused("{\"__metadata__\":[]}", 0, "__metadata__: expected an object");
}

TEST(safetensors, the_longest_name_is_accepted)
{
    char header[1024], name[LIMIT_NAME_BYTES + 2];
    memset(name, 'n', sizeof name);
    static const char rest[] = "{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}";
    struct tensor_store store;
    struct err err = {0};
    uint8_t *image;
    snprintf(header, sizeof header, "{\"%.*s\":%s}", (int)LIMIT_NAME_BYTES, name, rest);
    assert_true(parse(&store, header, 0, &image, &err));
    tensor_store_free(&store);
    free(image);
    snprintf(header, sizeof header, "{\"%.*s\":%s}", (int)LIMIT_NAME_BYTES + 1, name, rest);
    assert_refused(header, 0, "a name that is not");
}

TEST(safetensors, every_type_has_its_size)
{
    static const struct {
        const char *name;
        size_t bytes; /* of four elements */
    } types[] = {
        {"BOOL", 4},    {"U8", 4},   {"I8", 4},   {"F8_E4M3", 4}, {"F8_E5M2", 4},
        {"F8_E8M0", 4}, {"I16", 8},  {"U16", 8},  {"F16", 8},     {"BF16", 8},
        {"I32", 16},    {"U32", 16}, {"F32", 16}, {"I64", 32},    {"U64", 32},
        {"F64", 32},    {"C64", 32}, {"F4", 2},   {"F6_E2M3", 3}, {"F6_E3M2", 3},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char header[200];
        struct tensor_store store;
        struct err err = {0};
        uint8_t *image;
        snprintf(header, sizeof header,
                 "{\"x\":{\"dtype\":\"%s\",\"shape\":[2,2],\"data_offsets\":[0,%zu]}}",
                 types[i].name, types[i].bytes);
        if (!parse(&store, header, types[i].bytes, &image, &err))
            fail_msg("%s: %s", types[i].name, err.text);
        assert_string_equal(store.entries[0].type, types[i].name);
        assert_int_equal(store.entries[0].n_bytes, types[i].bytes);
        tensor_store_free(&store);
        free(image);
    }
}

TEST(safetensors, every_truncation_is_refused)
{
    size_t n;
    char *bytes = test_read("test/data/safetensors/good/keys_not_in_offset_order.safetensors", &n);
    for (size_t i = 0; i < n; i++) {
        struct tensor_store store = {0};
        struct err err = {0};
        uint8_t *copy = malloc(i ? i : 1);
        memcpy(copy, bytes, i);
        assert_false(safetensors_parse(&store, "t", copy, i, &err));
        assert_int_equal(err.code, ERR_FORMAT);
        tensor_store_free(&store);
        free(copy);
    }
    free(bytes);
}

TEST(safetensors, every_failing_allocation_is_reported)
{
    size_t size, n = 0;
    char *bytes = test_read("test/data/safetensors/good/metadata.safetensors", &size);
    for (bool done = false; !done; n++) {
        struct tensor_store store = {0};
        struct err err = {0};
        mem_fail_after(n);
        done = safetensors_parse(&store, "t", (const uint8_t *)bytes, size, &err);
        mem_fail_never();
        assert_int_equal(err.code, done ? ERR_NONE : ERR_LIMIT);
        tensor_store_free(&store);
    }
    assert_true(n > 3);
    free(bytes);
}

TEST(safetensors, a_file_of_another_writer_is_read)
{
    struct tensor_store store = {0};
    struct err err = {0};
    size_t n, total = 0;
    char *bytes = test_read("test/data/oracle/mistral/model.safetensors", &n);
    const uint8_t *image = (const uint8_t *)bytes;
    assert_true(safetensors_parse(&store, "m", image, n, &err));
    assert_true(tensor_store_sort(&store, &err));
    for (size_t i = 0; i < store.n; i++) {
        const struct tensor_entry *e = &store.entries[i];
        assert_true(e->data >= image && e->data + e->n_bytes <= image + n);
        assert_string_equal(e->type, "BF16");
        total += e->n_bytes;
    }
    /* The data fills the file behind the header, whose length stands in the first bytes. */
    assert_int_equal(total, n - 8 - ((size_t)image[0] | (size_t)image[1] << 8));
    const struct tensor_entry *e = tensor_store_find(&store, "model.embed_tokens.weight");
    assert_non_null(e);
    assert_int_equal(e->n_dims, 2);
    assert_int_equal(e->shape[0], 256);
    assert_int_equal(e->shape[1], 64);
    tensor_store_free(&store);
    free(bytes);
}
