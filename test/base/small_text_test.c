/* SPDX-License-Identifier: Apache-2.0 */
#include "base/small_text.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "test.h"

TEST(small_text, files_are_read_whole_or_not_at_all)
{
    char text[8], long_name[PATH_MAX + 1];
    const char *path = test_tmp("small_text");
    test_write(path, "1234567", 7);
    assert_true(small_text_read(text, sizeof text, "%s", path));
    assert_string_equal(text, "1234567");
    test_write(path, "12345678", 8);
    assert_false(small_text_read(text, sizeof text, "%s", path));
    assert_string_equal(text, "");
    test_write(path, "", 0);
    assert_true(small_text_read(text, sizeof text, "%s", path));
    assert_string_equal(text, "");
    assert_false(small_text_read(text, sizeof text, "%s/none", path));
    assert_false(small_text_read(text, sizeof text, "/proc"));
    memset(long_name, 'x', PATH_MAX);
    long_name[PATH_MAX] = '\0';
    assert_false(small_text_read(text, sizeof text, "%s", long_name));
    path = test_tmp("small_text_pipe"); /* nobody writes: it must not wait */
    assert_int_equal(mkfifo(path, 0600), 0);
    small_text_read(text, sizeof text, "%s", path);
    assert_string_equal(text, "");
}

TEST(small_text, lines_are_found_by_their_beginning)
{
    const char *text = "a: 1\nab: 2\n b: 3\n";
    assert_string_equal(small_text_line(text, "ab:"), " 2\n b: 3\n");
    assert_string_equal(small_text_line(text, "a:"), " 1\nab: 2\n b: 3\n");
    assert_null(small_text_line(text, "b:"));
    assert_ptr_equal(small_text_line(text, ""), text);
    assert_null(small_text_line("", "x"));
}

TEST(small_text, numbers_end_where_their_digits_do)
{
    long long value = 5;
    const char *at = "12,";
    assert_true(small_text_number(&at, &value));
    assert_true(value == 12 && *at == ',');
    assert_false(small_text_number(&at, &value));
    at = "9223372036854775807";
    assert_true(small_text_number(&at, &value) && value == LLONG_MAX);
    at = "9223372036854775808";
    assert_false(small_text_number(&at, &value));
    at = "-1";
    assert_false(small_text_number(&at, &value));
    assert_true(value == LLONG_MAX);
}

TEST(small_text, amounts_stand_behind_their_key)
{
    const char *path = test_write(test_tmp("small_amount"), "a 7\nbc:\t 512 kB\nd: x\n", 21);
    char dir[512];
    snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path, '/') - path), path);
    const char *name = strrchr(path, '/') + 1;
    assert_true(small_text_amount(dir, name, "bc:") == 512);
    assert_true(small_text_amount(dir, name, "a ") == 7);
    assert_true(small_text_amount(dir, name, "d:") == SMALL_TEXT_NONE);
    assert_true(small_text_amount(dir, name, "e") == SMALL_TEXT_NONE);
    assert_true(small_text_amount(dir, "none", "") == SMALL_TEXT_NONE);
}
