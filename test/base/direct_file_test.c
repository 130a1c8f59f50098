/* SPDX-License-Identifier: Apache-2.0 */
#include "base/direct_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "test.h"

enum { SIZE = 3 * DIRECT_BLOCK + 100 };

static _Alignas(DIRECT_BLOCK) char got[4 * DIRECT_BLOCK];
static char want[SIZE];

static const char *write_random(void)
{
    uint64_t seed = 1;
    for (int i = 0; i < SIZE; i++)
        want[i] = (char)test_random(&seed);
    return test_write(test_tmp("ranges"), want, SIZE);
}

static void assert_reads(const struct direct_file *file)
{
    struct err err = {0};
    static const struct {
        uint64_t offset;
        size_t size;
    } ranges[] = {{0, SIZE}, {0, 1}, {DIRECT_BLOCK, 2 * DIRECT_BLOCK}, {3 * DIRECT_BLOCK, 100}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        memset(got, 0, sizeof got);
        assert_true(direct_file_read(file, ranges[i].offset, ranges[i].size, got, &err));
        assert_memory_equal(got, want + ranges[i].offset, ranges[i].size);
    }
}

TEST(direct_file, reads_ranges_with_and_without_the_page_cache)
{
    struct err err = {0};
    struct direct_file file;
    assert_true(direct_file_open(&file, write_random(), &err));
    assert_int_equal(file.size, SIZE);
    assert_reads(&file);
    assert_int_equal(fcntl(file.fd, F_SETFL, 0), 0);
    file.is_direct = false;
    assert_reads(&file);
    direct_file_close(&file);
    direct_file_close(&file);
}

TEST(direct_file, where_direct_reads_are_refused_others_are_used)
{
    struct err err = {0};
    struct direct_file file;
    assert_true(direct_file_open(&file, "/proc/version", &err));
    assert_false(file.is_direct);
    assert_true(direct_file_read(&file, 0, 13, got, &err));
    assert_memory_equal(got, "Linux version", 13);
    direct_file_close(&file);
}

TEST(direct_file, says_where_a_read_failed_and_how)
{
    struct err err = {0};
    struct direct_file file;
    const char *path = write_random();
    assert_true(direct_file_open(&file, path, &err));
    direct_file_fail_after(1, EIO);
    assert_true(direct_file_read(&file, 0, 10, got, &err));
    assert_false(direct_file_read(&file, DIRECT_BLOCK, 10, got, &err));
    direct_file_fail_never();
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, ": cannot read 10 bytes at 4096: Input/output error; check"));
    direct_file_fail_after(0, 0);
    assert_false(direct_file_read(&file, 0, 10, got, &err));
    direct_file_fail_never();
    assert_non_null(strstr(err.text, ": ends before byte 10, it had 12388 when it was opened;"));
    assert_reads(&file);
    /* The same without the hook: somebody cuts the file. */
    for (int size = DIRECT_BLOCK + 7; size >= 0; size -= DIRECT_BLOCK) {
        assert_int_equal(truncate(path, size), 0);
        assert_false(direct_file_read(&file, 0, SIZE, got, &err));
        assert_int_equal(err.code, ERR_IO);
        assert_non_null(strstr(err.text, ": ends before byte 12388, it had 12388 when"));
    }
    direct_file_close(&file);
}

TEST(direct_file, opening_can_fail)
{
    struct err err = {0};
    struct direct_file file;
    assert_false(direct_file_open(&file, "/no/such/file", &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    direct_file_close(&file);
    assert_false(direct_file_open(&file, "/dev/null", &err));
    assert_int_equal(err.code, ERR_ARG);
    mem_fail_after(0);
    bool ok = direct_file_open(&file, write_random(), &err);
    mem_fail_never();
    assert_false(ok);
    assert_int_equal(err.code, ERR_LIMIT);
    direct_file_close(&file);
}
