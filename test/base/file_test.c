/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <string.h>
#include <sys/stat.h>

#include "test.h"

TEST(file, maps_and_reads_whole_files)
{
    struct err err = {0};
    struct file_map map;
    const char *path = test_write(test_tmp("hello"), "hello", 5);
    assert_true(file_map(&map, path, &err));
    assert_int_equal(map.size, 5);
    assert_memory_equal(map.data, "hello", 5);
    file_unmap(&map);
    struct buf buf;
    buf_init(&buf, 5);
    assert_true(file_read(&buf, path, &err));
    assert_string_equal(buf.data, "hello");
    buf_free(&buf);
    buf_init(&buf, 4);
    assert_false(file_read(&buf, path, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(strstr(err.text, path));
    buf_free(&buf);
    test_write(path, "", 0);
    assert_true(file_map(&map, path, &err));
    assert_null(map.data);
    file_unmap(&map);
}

TEST(file, says_what_is_wrong)
{
    struct err err = {0};
    struct file_map map;
    assert_false(file_map(&map, "/no/such/file", &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.text, "/no/such/file: no such file; check the path");
    assert_false(file_map(&map, "test", &err));
    assert_string_equal(err.text, "test: is a directory; give a file");
    assert_false(file_map(&map, "/dev/null", &err));
    assert_int_equal(err.code, ERR_ARG);
    const char *pipe = test_tmp("pipe");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_false(file_map(&map, pipe, &err)); /* and does not wait for a writer */
}

TEST(file, join_puts_one_slash)
{
    struct err err = {0};
    struct buf buf;
    buf_init(&buf, 100);
    assert_true(file_join(&buf, "dir", "name", &err));
    assert_string_equal(buf.data, "dir/name");
    buf_clear(&buf);
    assert_true(file_join(&buf, "dir/", "name", &err));
    assert_string_equal(buf.data, "dir/name");
    buf_free(&buf);
    assert_true(file_is_dir("test"));
    assert_false(file_is_dir("/dev/null"));
    assert_true(file_exists("/dev/null"));
    assert_false(file_exists("/no/such/file"));
}
