/* SPDX-License-Identifier: Apache-2.0 */
#include "data/tensor_store.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"

static bool add(struct tensor_store *store, const char *name, const char *file, struct err *err)
{
    struct tensor_entry entry = {.name = name, .type = "F32", .file = file};
    return tensor_store_add(store, &entry, strlen(name), err);
}

TEST(tensor_store, finds_every_name_after_sorting)
{
    struct tensor_store store = {0};
    struct err err = {0};
    char name[32];
    uint64_t seed = 1;
    assert_null(tensor_store_find(&store, "x"));
    assert_true(tensor_store_sort(&store, &err));
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "%08x.%u", test_random(&seed), i);
        assert_true(add(&store, name, "f", &err));
    }
    assert_true(tensor_store_sort(&store, &err));
    seed = 1;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "%08x.%u", test_random(&seed), i);
        const struct tensor_entry *entry = tensor_store_find(&store, name);
        assert_non_null(entry);
        assert_string_equal(entry->name, name);
        assert_ptr_not_equal(entry->name, name);
    }
    assert_null(tensor_store_find(&store, "absent"));
    tensor_store_free(&store);
    assert_int_equal(store.n, 0);
    tensor_store_free(&store);
}

TEST(tensor_store, only_the_given_bytes_of_a_name_are_used)
{
    struct tensor_store store = {0};
    struct err err = {0};
    struct tensor_entry entry = {.name = "weight and more"};
    assert_true(tensor_store_add(&store, &entry, 6, &err));
    assert_string_equal(store.entries[0].name, "weight");
    tensor_store_free(&store);
}

TEST(tensor_store, a_name_that_occurs_twice_is_refused)
{
    struct tensor_store store = {0};
    struct err err = {0};
    assert_true(add(&store, "a", "one", &err) && add(&store, "b", "one", &err));
    assert_true(add(&store, "a", "two", &err));
    assert_false(tensor_store_sort(&store, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    assert_non_null(strstr(err.text, ": a: occurs twice, also in "));
    tensor_store_free(&store);
}

TEST(tensor_store, names_are_checked)
{
    struct err err = {0};
    char name[LIMIT_NAME_BYTES + 1];
    memset(name, 'x', sizeof name);
    assert_true(tensor_store_check_name(name, LIMIT_NAME_BYTES, &err));
    assert_false(tensor_store_check_name(name, LIMIT_NAME_BYTES + 1, &err));
    assert_false(tensor_store_check_name("", 0, &err));
    assert_false(tensor_store_check_name("a\nb", 3, &err));
    assert_false(tensor_store_check_name("a\0b", 3, &err));
    assert_int_equal(err.code, ERR_FORMAT);
}

TEST(tensor_store, the_number_of_tensors_is_limited)
{
    struct tensor_store store = {0};
    struct err err = {0};
    for (unsigned i = 0; i < LIMIT_TENSORS; i++)
        if (!add(&store, "x", "f", &err))
            fail_msg("%u: %s", i, err.text);
    assert_false(add(&store, "x", "f", &err));
    assert_int_equal(err.code, ERR_LIMIT);
    tensor_store_free(&store);
}

TEST(tensor_store, mappings_stay_when_more_files_are_added)
{
    struct tensor_store store = {0};
    struct err err = {0};
    struct file_map map, others;
    const char *path = test_write(test_tmp("mapped"), "content", 7);
    assert_true(tensor_store_map(&store, path, &map, &err));
    for (unsigned i = 1; i < LIMIT_SHARDS; i++)
        assert_true(tensor_store_map(&store, path, &others, &err));
    assert_int_equal(map.size, 7);
    assert_memory_equal(map.data, "content", 7);
    assert_false(tensor_store_map(&store, path, &others, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    tensor_store_free(&store);
    assert_false(tensor_store_map(&store, test_tmp("absent"), &map, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(store.n_files, 0);
    tensor_store_free(&store);
}

TEST(tensor_store, a_failing_allocation_leaves_the_store_as_it_was)
{
    for (size_t n = 0; n < 3; n++) {
        struct tensor_store store = {0};
        struct err err = {0};
        mem_fail_after(n);
        bool ok = add(&store, "x", "f", &err);
        mem_fail_never();
        assert_int_equal(ok, n == 2);
        assert_int_equal(store.n, ok);
        tensor_store_free(&store);
    }
    struct tensor_store store = {0};
    struct err err = {0};
    struct file_map map;
    mem_fail_after(0);
    assert_false(tensor_store_map(&store, "models/stories260K.gguf", &map, &err));
    mem_fail_never();
    assert_int_equal(err.code, ERR_LIMIT);
    tensor_store_free(&store);
}

TEST(tensor_store, locates_data_in_its_files)
{
    struct tensor_store store = {0};
    struct err err = {0};
    struct file_map a, b;
    size_t file_id = 9;
    uint64_t offset = 9;
    const char *path_b = test_write(test_tmp("b"), "0123456789", 10);
    assert_true(tensor_store_map(&store, test_write(test_tmp("a"), "abc", 3), &a, &err));
    assert_true(tensor_store_map(&store, path_b, &b, &err));
    assert_true(tensor_store_locate(&store, a.data, &file_id, &offset));
    assert_true(file_id == 0 && offset == 0);
    assert_true(tensor_store_locate(&store, b.data + 9, &file_id, &offset));
    assert_true(file_id == 1 && offset == 9);
    assert_string_equal(store.paths[1], path_b);
    assert_false(tensor_store_locate(&store, b.data + 10, &file_id, &offset));
    assert_false(tensor_store_locate(&store, &store, &file_id, &offset));
    tensor_store_free(&store);
}
