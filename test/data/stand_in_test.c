/* SPDX-License-Identifier: Apache-2.0 */
/* The pointer is the example of git-lfs's own specification. */
#include "data/stand_in.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

#define POINTER                                                                                    \
    "version https://git-lfs.github.com/spec/v1\n"                                                 \
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"                \
    "size 12345\n"

/* As long as text and no byte longer, so that a sanitizer sees a read behind it. */
static bool check(const char *text, size_t n, struct err *err)
{
    char *copy = malloc(n ? n : 1);
    memcpy(copy, text, n);
    bool ok = stand_in_check("d/m.gguf", copy, n, err);
    free(copy);
    return ok;
}

TEST(stand_in, a_pointer_and_its_remedy)
{
    struct err err = {0};
    assert_false(check(POINTER, strlen(POINTER), &err));
    assert_int_equal(err.code, ERR_FORMAT);
    assert_string_equal(err.text,
                        "d/m.gguf: a git-lfs pointer, not the file itself; run 'git lfs pull' in "
                        "its folder, or get the model with 'bise pull'");
}

TEST(stand_in, pages_and_their_remedy)
{
    static const char *const pages[] = {
        "<!DOCTYPE html>\n<html lang=\"en\">",
        "<!doctype HTML>",
        "\r\n\t <html>",
        "\xef\xbb\xbf<HTML>",
    };
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        struct err err = {0};
        assert_false(check(pages[i], strlen(pages[i]), &err));
        assert_int_equal(err.code, ERR_FORMAT);
        assert_string_equal(err.text,
                            "d/m.gguf: a web page, not the file itself; download it again, from "
                            "its own address or with 'bise pull'");
    }
}

TEST(stand_in, what_else_there_is_passes)
{
    static const char *const others[] = {
        "",       "GGUF", "{\"dim\": 3}",           "version https://example.org/", "<?xml version",
        " \n\t ", "<htm", "\xef\xbb\xbf{\"a\": 1}", "version https://git-lfs",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct err err = {0};
        if (!check(others[i], strlen(others[i]), &err))
            fail_msg("%s: %s", others[i], err.text);
    }
    struct err err = {0};
    assert_true(check("\0<html>", 7, &err));
    assert_true(stand_in_check("empty", NULL, 0, &err));
}
