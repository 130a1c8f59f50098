/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_settings.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static const char *const names[] = {"HF_HUB_CACHE",
                                    "HUGGINGFACE_HUB_CACHE",
                                    "HF_HOME",
                                    "XDG_CACHE_HOME",
                                    "HF_TOKEN",
                                    "HF_TOKEN_PATH",
                                    "HF_ENDPOINT",
                                    "HF_HUB_OFFLINE",
                                    "HF_HUB_DOWNLOAD_TIMEOUT",
                                    "SSL_CERT_FILE",
                                    "CURL_CA_BUNDLE"};

static void forget_all(void)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    setenv("HOME", "/home/x", 1);
}

static void check_folder(const char *want)
{
    struct buf path;
    struct err err = {0};
    buf_init(&path, PATH_MAX);
    assert_true(hub_store_folder(&path, &err));
    assert_string_equal(path.data, want);
    buf_free(&path);
}

TEST(hub_settings, where_the_store_is)
{
    char *home = getenv("HOME");
    forget_all();
    check_folder("/home/x/.cache/huggingface/hub");
    setenv("XDG_CACHE_HOME", "/cache", 1);
    check_folder("/cache/huggingface/hub");
    setenv("HF_HOME", "/hf", 1);
    check_folder("/hf/hub");
    setenv("HUGGINGFACE_HUB_CACHE", "/old", 1);
    check_folder("/old");
    setenv("HF_HUB_CACHE", "/new", 1);
    check_folder("/new");
    forget_all();
    if (home)
        setenv("HOME", home, 1);
}

TEST(hub_settings, defaults_and_values)
{
    struct hub_settings s;
    struct err err = {0};
    forget_all();
    assert_true(hub_settings_read(&s, &err));
    assert_string_equal(s.endpoint.data, "https://huggingface.co");
    assert_int_equal(s.token.len, 0);
    assert_false(s.offline);
    assert_int_equal(s.stall_s, 20);
    assert_null(s.ca_file);
    hub_settings_free(&s);

    setenv("HF_ENDPOINT", "http://mirror:8080/hf//", 1);
    setenv("HF_TOKEN_PATH", test_write(test_tmp("token"), "abc\n", 4), 1);
    setenv("HF_HUB_OFFLINE", "True", 1);
    setenv("CURL_CA_BUNDLE", "/b", 1);
    setenv("HF_HUB_DOWNLOAD_TIMEOUT", "7", 1);
    assert_true(hub_settings_read(&s, &err));
    assert_string_equal(s.endpoint.data, "http://mirror:8080/hf");
    assert_string_equal(s.token.data, "abc");
    assert_true(s.offline);
    assert_int_equal(s.stall_s, 7);
    assert_string_equal(s.ca_file, "/b");
    hub_settings_free(&s);
    setenv("SSL_CERT_FILE", "/a", 1);
    assert_true(hub_settings_read(&s, &err));
    assert_string_equal(s.ca_file, "/a");
    hub_settings_free(&s);
    forget_all();
}

TEST(hub_settings, an_endpoint_that_is_none_is_quoted)
{
    static const char *const values[] = {"nonsense", "huggingface.co", "file:///etc",
                                         "https://", "https:///api",   "http://:80"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct hub_settings s;
        struct err err = {0};
        char want[200];
        forget_all();
        setenv("HF_ENDPOINT", values[i], 1);
        assert_false(hub_settings_read(&s, &err));
        snprintf(want, sizeof want,
                 "HF_ENDPOINT: '%s' is no address of a hub; expected https://HOST[:PORT][/PATH] as "
                 "https://huggingface.co, or leave it unset",
                 values[i]);
        assert_string_equal(err.text, want);
        hub_settings_free(&s);
    }
    forget_all();
}

TEST(hub_settings, values_that_cannot_be)
{
    static const char *const cases[][2] = {{"HF_ENDPOINT", "https://me:word@host"},
                                           {"HF_ENDPOINT", "me:word@host"},
                                           {"HF_ENDPOINT", "http://a\r\nX: b"},
                                           {"HF_ENDPOINT", "https://a?b"},
                                           {"HF_ENDPOINT", "huggingface.co"},
                                           {"HF_ENDPOINT", "file:///etc"},
                                           {"HF_ENDPOINT", "https://a b"},
                                           {"HF_TOKEN", "a\r\nX-Other: b"},
                                           {"HF_TOKEN", "\xc3\xa4"},
                                           {"HF_HUB_DOWNLOAD_TIMEOUT", "0"},
                                           {"HF_HUB_DOWNLOAD_TIMEOUT", "soon"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hub_settings s;
        struct err err = {0};
        forget_all();
        setenv(cases[i][0], cases[i][1], 1);
        assert_false(hub_settings_read(&s, &err));
        assert_int_equal(err.code, ERR_ARG);
        assert_null(strstr(err.text, "word"));
        hub_settings_free(&s);
    }
    forget_all();
}

TEST(hub_settings, what_is_wrong_with_an_address_is_said)
{
    struct hub_settings s;
    struct err err = {0};
    forget_all();
    setenv("HF_ENDPOINT", "https://a b", 1);
    assert_false(hub_settings_read(&s, &err));
    assert_string_equal(err.text,
                        "HF_ENDPOINT: expected https://HOST[:PORT][/PATH] without spaces, "
                        "'?' or '#'");
    hub_settings_free(&s);
    forget_all();
}

TEST(hub_settings, an_address_has_its_limit)
{
    char address[2100] = "http://a/";
    struct hub_settings s;
    struct err err = {0};
    forget_all();
    memset(address + 9, 'b', 2048 - 9);
    setenv("HF_ENDPOINT", address, 1);
    assert_true(hub_settings_read(&s, &err));
    assert_int_equal(s.endpoint.len, 2048);
    hub_settings_free(&s);
    address[2048] = 'b';
    setenv("HF_ENDPOINT", address, 1);
    assert_false(hub_settings_read(&s, &err));
    assert_string_equal(err.text, "HF_ENDPOINT: expected an address of at most 2048 bytes");
    hub_settings_free(&s);
    forget_all();
}
