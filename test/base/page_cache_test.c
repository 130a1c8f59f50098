/* SPDX-License-Identifier: Apache-2.0 */
#include "base/page_cache.h"

#include "base/file.h"
#include "test.h"

TEST(page_cache, a_file_that_is_not_there_is_named)
{
    struct err err = {0};
    double share;
    assert_false(page_cache_drop("none", &share, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.text, "none: no such file or folder; check the path");
}

TEST(page_cache, an_empty_file_has_no_share)
{
    struct err err = {0};
    double share = 2;
    const char *path = test_write(test_tmp("page_cache_empty"), "", 0);
    assert_true(page_cache_drop(path, &share, &err));
    assert_true(share == 0);
}

/* Mapped and read pages stay, and that is told. */
TEST(page_cache, what_is_mapped_stays)
{
    struct err err = {0};
    struct file_map map;
    double share = 0;
    static char bytes[5 << 14];
    const char *path = test_write(test_tmp("page_cache_mapped"), bytes, sizeof bytes);
    assert_true(file_map(&map, path, &err));
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < map.size; i += 512)
        sum = (uint8_t)(sum + map.data[i]);
    assert_true(page_cache_drop(path, &share, &err));
    assert_true(share > 0.9);
    file_unmap(&map);
}
