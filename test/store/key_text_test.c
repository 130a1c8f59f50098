/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/keys.h"
#include "test.h"

#define KEY "bise_0123abcdABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"

TEST(key_text, has_one_form)
{
    static const char *const others[] = {
        "",
        "bise_",
        "bise_0123abcd",
        "bise-0123abcdABCDEFGHIJKLMNOPQRSTUVWXYZabcdef",
        "Bise_0123abcdABCDEFGHIJKLMNOPQRSTUVWXYZabcdef",
        "bise_0123abcdABCDEFGHIJKLMNOPQRSTUVWXYZabcde",
        "bise_0123abcdABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg",
        "bise_0123abcdABCDEFGHIJKLMNOPQRSTUVWXYZabc ef",
        "bise_0123abcdABCDEFGHIJKLMNOPQRSTUVWXYZabc\xc3\xa9",
    };
    char id[KEY_ID_CHARS + 1] = "";
    assert_true(key_text_read(KEY, strlen(KEY), id));
    assert_string_equal(id, "0123abcd");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(key_text_read(others[i], strlen(others[i]), id));
    assert_false(
        key_text_read("bise_0123abcd\0ABCDEFGHIJKLMNOPQRSTUVWXYZabcde", KEY_TEXT_CHARS, id));
}

TEST(key_text, names_roles)
{
    static const char *const names[] = {"infer", "files", "train", "agents", "admin"};
    uint32_t all = 0;
    for (size_t i = 0; i < 5; i++) {
        uint32_t role = role_find(names[i], strlen(names[i]));
        assert_string_equal(role_name(role), names[i]);
        all |= role;
    }
    assert_int_equal(all, ROLE_ALL);
    assert_int_equal(role_find("root", 4), 0);
    assert_int_equal(role_find("infe", 4), 0);
    assert_int_equal(role_find("", 0), 0);
    assert_null(role_name(3));
    assert_null(role_name(0));
}
