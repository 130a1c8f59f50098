/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_name.h"

#include <string.h>

#include "test.h"

TEST(hub_name, parts_of_a_name)
{
    static const struct {
        const char *text, *repo, *folder, *revision, *want;
    } cases[] = {
        {"mistralai/Mistral-7B-v0.3", "mistralai/Mistral-7B-v0.3",
         "models--mistralai--Mistral-7B-v0.3", "main", ""},
        {"a/b:Q4_K_M", "a/b", "models--a--b", "main", "Q4_K_M"},
        {"a/b:Q8_0/b-Q8_0-00001-of-00002.gguf", "a/b", "models--a--b", "main",
         "Q8_0/b-Q8_0-00001-of-00002.gguf"},
        {"a/b@refs/pr/1", "a/b", "models--a--b", "refs/pr/1", ""},
        {"a_1/b.c-d@v1.0:x y.gguf", "a_1/b.c-d", "models--a_1--b.c-d", "v1.0", "x y.gguf"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hub_name name, again;
        struct err err = {0};
        assert_true(hub_name_parse(&name, cases[i].text, &err));
        assert_string_equal(name.repo, cases[i].repo);
        assert_string_equal(name.folder, cases[i].folder);
        assert_string_equal(name.revision, cases[i].revision);
        assert_string_equal(name.want, cases[i].want);
        assert_true(hub_name_from_folder(&again, name.folder));
        assert_string_equal(again.repo, name.repo);
    }
}

TEST(hub_name, what_is_no_name)
{
    static const char *const texts[] = {
        "",         "a",          "/",        "a/",       "/a",       "a/b/c",    "../b",
        "a/..",     "./b",        "a/.b",     "-a/b",     "a/b-",     "a--b/c",   "a/b--c",
        "a/b..c",   "a b/c",      "a/b\n",    "a/b@",     "a/b@:x",   "a/b@../x", "a/b@/x",
        "a/b@x y",  "a/b:",       "a/b:../c", "a/b:/etc", "a/b:c//d", "a/b:c\\d", "a/b:\x1b[2J",
        "a/b:\xff", "\xc3\xa4/b", "a:b/c",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct hub_name name;
        struct err err = {0};
        if (hub_name_parse(&name, texts[i], &err))
            fail_msg("'%s' was taken", texts[i]);
        assert_int_equal(err.code, ERR_ARG);
    }
}

TEST(hub_name, lengths_have_limits)
{
    char text[1200];
    struct hub_name name;
    struct err err = {0};
    memset(text, 'a', sizeof text);
    memcpy(text + LIMIT_HUB_ID, "/b", 3);
    assert_true(hub_name_parse(&name, text, &err));
    memset(text, 'a', sizeof text);
    memcpy(text + LIMIT_HUB_ID + 1, "/b", 3);
    assert_false(hub_name_parse(&name, text, &err));
    memset(text, 'a', sizeof text);
    memcpy(text, "a/b:", 4);
    text[4 + LIMIT_HUB_PATH] = '\0';
    assert_false(hub_name_parse(&name, text, &err)); /* no file system has so long a part */
    text[100] = text[300] = '/';
    assert_true(hub_name_parse(&name, text, &err));
    text[4 + LIMIT_HUB_PATH] = 'a';
    text[5 + LIMIT_HUB_PATH] = '\0';
    assert_false(hub_name_parse(&name, text, &err));
}

TEST(hub_name, folders_that_are_no_model)
{
    static const char *const folders[] = {".locks",       "datasets--a--b", "models--a",
                                          "models--a--",  "models----b",    "models--a--b--c",
                                          "models--..--b"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        struct hub_name name;
        assert_false(hub_name_from_folder(&name, folders[i]));
    }
}

TEST(hub_name, paths_stay_below_their_folder)
{
    static const char *const safe[] = {"a", ".gitattributes", "a/b.c", "..a", "a..", "\xc3\xa4"};
    static const char *const unsafe[] = {"",     ".",      "..",   "/a",      "a/",
                                         "a//b", "a/../b", "../a", "a/..",    "a/./b",
                                         "a\\b", "a\nb",   "\x7f", "\xc2\x9b"};
    for (size_t i = 0; i < sizeof safe / sizeof *safe; i++)
        assert_true(hub_path_is_safe(safe[i], strlen(safe[i])));
    for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++)
        assert_false(hub_path_is_safe(unsafe[i], strlen(unsafe[i])));
    assert_false(hub_path_is_safe("a\0b", 3));
}

TEST(hub_name, commits)
{
    assert_true(hub_is_commit("0123456789abcdef0123456789abcdef01234567"));
    assert_false(hub_is_commit("0123456789ABCDEF0123456789abcdef01234567"));
    assert_false(hub_is_commit("0123456789abcdef0123456789abcdef0123456"));
    assert_false(hub_is_commit("main"));
}
