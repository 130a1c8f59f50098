/* SPDX-License-Identifier: Apache-2.0 */
#include "base/page_cache.h"

#include <math.h>
#include <unistd.h>

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

/* What belongs to someone else is not told; root becomes nobody for it. */
TEST(page_cache, of_files_of_others_nothing_is_known)
{
    struct err err = {0};
    double share = 2;
    uid_t me = geteuid();
    if (me == 0)
        assert_int_equal(seteuid(65534), 0);
    bool ok = page_cache_drop("/etc/passwd", &share, &err);
    if (me == 0)
        assert_int_equal(seteuid(0), 0);
    assert_true(ok);
    assert_true(isnan(share));
}

/* What may be written is told, whoever owns it. */
TEST(page_cache, of_files_that_may_be_written_all_is_known)
{
    struct err err = {0};
    double share = 2;
    const char *path = test_write(test_tmp("page_cache_shared"), "text", 4);
    if (geteuid() == 0)
        assert_int_equal(chown(path, 65534, 65534), 0);
    assert_true(page_cache_drop(path, &share, &err));
    assert_true(share >= 0 && share <= 1);
}
