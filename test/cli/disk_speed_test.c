/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/disk_speed.h"

#include <errno.h>

#include "base/direct_file.h"
#include "base/mem.h"
#include "test.h"

static const char *small_file(void)
{
    static char bytes[3 * 4096 + 17];
    return test_write(test_tmp("disk_speed"), bytes, sizeof bytes);
}

TEST(disk_speed, a_small_file_is_read_again_and_again)
{
    struct err err = {0};
    struct disk_speed *disk = disk_speed_open(small_file(), &err);
    assert_non_null(disk);
    for (int i = 0; i < 3; i++) {
        double rate = 0;
        assert_true(disk_speed_measure(disk, &rate, &err));
        assert_true(rate > 0 && rate < 1e12);
    }
    disk_speed_close(disk);
}

TEST(disk_speed, failures_are_told)
{
    struct err err = {0};
    double rate;
    assert_null(disk_speed_open("none", &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    const char *path = small_file();
    for (size_t n = 0; n < 4; n++) {
        struct err denied = {0};
        mem_fail_after(n);
        assert_null(disk_speed_open(path, &denied));
        mem_fail_never();
        assert_int_equal(denied.code, ERR_LIMIT);
    }
    err = (struct err){0};
    struct disk_speed *disk = disk_speed_open(path, &err);
    assert_non_null(disk);
    direct_file_fail_after(0, EIO);
    assert_false(disk_speed_measure(disk, &rate, &err));
    direct_file_fail_never();
    assert_int_equal(err.code, ERR_IO);
    disk_speed_close(disk);
}
