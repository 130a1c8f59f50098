/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <string.h>

#include "test.h"

TEST(err, context_stands_before_the_text)
{
    struct err err = {0};
    assert_false(err_set(&err, ERR_FORMAT, "tensor %s: %d bytes short", "x", 12));
    assert_false(err_add(&err, "model %s", "a.gguf"));
    assert_int_equal(err.code, ERR_FORMAT);
    assert_string_equal(err.text, "model a.gguf: tensor x: 12 bytes short");
}

TEST(err, long_text_loses_its_middle_not_its_cause)
{
    struct err err = {0};
    char path[9000];
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    path[4000] = '\0';
    err_set(&err, ERR_IO, "%s: no such file; check the path", path);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_memory_equal(err.text, "aaaa", 4);
    assert_non_null(strstr(err.text, "a: no such file; check the path"));
    path[4000] = 'a';
    err_add(&err, "%s", path);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_non_null(strstr(err.text, ": no such file; check the path"));
    assert_int_equal(err.code, ERR_IO);
}

TEST(err, a_control_character_from_a_file_never_reaches_the_terminal)
{
    struct err err = {0};
    err_set(&err, ERR_FORMAT, "tensor %s", "a\x1b[31m\nb\x7f");
    assert_string_equal(err.text, "tensor a?[31m?b?");
    err_set(&err, ERR_FORMAT, "type '%s'",
            "\xc2\x9b"
            "2J");
    assert_string_equal(err.text, "type '??2J'");
}

TEST(err, a_remedy_is_given_once)
{
    struct err err = {0};
    err_set(&err, ERR_FORMAT, "a.gguf: cut short");
    assert_false(err_remedy(&err, ERR_LIMIT, "use less"));
    assert_string_equal(err.text, "a.gguf: cut short");
    assert_false(err_remedy(&err, ERR_FORMAT, "download it again"));
    assert_false(err_remedy(&err, ERR_FORMAT, "correct it"));
    assert_string_equal(err.text, "a.gguf: cut short; download it again");
    assert_int_equal(err.code, ERR_FORMAT);
    err_set(&err, ERR_ARG, "It was 1 but must be 2.");
    assert_false(err_remedy(&err, ERR_ARG, "choose 2"));
    assert_string_equal(err.text, "It was 1 but must be 2; choose 2");
}
