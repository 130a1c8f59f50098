/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/limits.h"
#include "store/files_int.h"
#include "test.h"

TEST(file_name, keeps_what_is_safe)
{
    static const struct {
        struct span given;
        const char *kept;
    } cases[] = {
        {SPAN("a.txt"), "a.txt"},
        {SPAN("C:\\dir\\a.txt"), "a.txt"},
        {SPAN("/etc/passwd"), "passwd"},
        {SPAN(".."), ".."}, /* a note only */
        {SPAN("a/"), "file"},
        {SPAN(""), "file"},
        {{NULL, 0}, "file"},
        {SPAN("a\nb\x7f\xc2\x85\x1b[31m"), "a?b??"
                                           "?[31m"},
        {SPAN("\xff\xc3("), "\xef\xbf\xbd\xef\xbf\xbd("},
        {{"a\0b", 3}, "a?b"},
    };
    char text[LIMIT_FILE_NAME + 1], longest[400];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        file_clean_name(cases[i].given, text);
        assert_string_equal(text, cases[i].kept);
    }
    for (size_t n = 250; n < 390; n++) {
        for (size_t i = 0; i < n; i++)
            longest[i] = i % 2 ? '\xa9' : '\xc3';
        file_clean_name((struct span){longest, n}, text);
        assert_true(strlen(text) <= LIMIT_FILE_NAME);
    }
    assert_int_equal(strlen(text), 254); /* whole characters */
}

TEST(file_name, keeps_a_media_type_that_is_one)
{
    static const struct {
        struct span given;
        const char *kept;
    } cases[] = {
        {SPAN("text/plain"), "text/plain"},
        {SPAN("Text/PLAIN;charset=x"), "text/plain"},
        {SPAN("application/vnd.a+b-c_d"), "application/vnd.a+b-c_d"},
        {SPAN("text"), ""},
        {SPAN("/plain"), ""},
        {SPAN("text/"), ""},
        {SPAN("a/b/c"), ""},
        {SPAN("a/b\n"), ""},
        {{"a/b\0c", 5}, ""},
        {SPAN("a/\xc3\xa9"), ""},
        {SPAN("; x"), ""},
        {{NULL, 0}, ""},
    };
    char text[LIMIT_MIME_BYTES + 1], longest[300];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        file_clean_mime(cases[i].given, text);
        assert_string_equal(text, cases[i].kept);
    }
    memset(longest, 'a', sizeof longest);
    longest[1] = '/';
    file_clean_mime((struct span){longest, LIMIT_MIME_BYTES}, text);
    assert_int_equal(strlen(text), LIMIT_MIME_BYTES);
    file_clean_mime((struct span){longest, LIMIT_MIME_BYTES + 1}, text);
    assert_string_equal(text, "");
}
