/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    assert_non_null(strstr(err.text, ": 5 bytes, the limit is 4; give a smaller file"));
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
    assert_string_equal(err.text, "/no/such/file: no such file or folder; check the path");
    assert_false(file_map(&map, "test", &err));
    assert_string_equal(err.text, "test: is a directory; give a file");
    assert_false(file_map(&map, "/dev/null", &err));
    assert_int_equal(err.code, ERR_ARG);
    const char *loop = test_tmp("loop");
    assert_int_equal(symlink(loop, loop), 0);
    assert_false(file_map(&map, loop, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.text, "/loop: too many links; check where they lead"));
    char name[300];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_false(file_map(&map, name, &err));
    assert_non_null(strstr(err.text, "n: the path is too long; give a shorter one"));
    const char *pipe = test_tmp("pipe");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_false(file_map(&map, pipe, &err)); /* and does not wait for a writer */
}

TEST(file, every_cause_comes_with_a_remedy)
{
    struct err err = {0};
    const int causes[] = {ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, EACCES, ENOMEM, EIO};
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
        errno = causes[i];
        assert_false(file_fail("a", "map it", &err));
        assert_memory_equal(err.text, "a: ", 3);
        assert_non_null(strchr(err.text, ';'));
    }
    errno = ENOMEM;
    file_fail("a", "map it", &err);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_string_equal(err.text, "a: not enough memory to map it; see ulimit -v");
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
