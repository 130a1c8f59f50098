/* SPDX-License-Identifier: Apache-2.0 */
#include "pull_fixture.h"

#define BARE                                                                                       \
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"sha\":\"" COMMIT_1                             \
    "\",\"siblings\":[{\"rfilename\":\"t #1.gguf\"}]}"
#define SHA256 "a1fff0ffefb9eace7230c24e50731f0a91c62f9cefdfe77121c2f607125dffae"

/* Says whether a mirror with that answer to HEAD gives the file. */
static bool comes(const char *head, struct err *err)
{
    char text[18000];
    const char *const answers[] = {BARE, text, T_CONTENT, T_CONTENT};
    struct canned server;
    snprintf(text, sizeof text, "HTTP/1.1 %s\r\n\r\n", head);
    store_new("head");
    bool ok = pull_from(&server, answers, 4, NULL, err);
    assert_non_null(strstr(server.requests[1], "HEAD /a/b/resolve/" COMMIT_1 "/t%20%231.gguf "));
    unsetenv("HF_HUB_CACHE");
    return ok;
}

/* The store of a test stays, so what is refused comes first. */
TEST(hub_head, what_does_not_name_the_content_is_refused)
{
    static const char *const heads[] = {
        "200 OK",
        "200 OK\r\nContent-Length: 13",
        "200 OK\r\nContent-Length: 13\r\nETag: \"" T_HASH,
        "200 OK\r\nContent-Length: 13\r\nETag: \"" T_HASH "0\"",
        "200 OK\r\nContent-Length: 13\r\nETag: \"D670460b4b4aece5915caf5c68d12f560a9fe3e4\"",
        "200 OK\r\nETag: \"" T_HASH "\"",
        "200 OK\r\nContent-Length: 13\r\nETag: \"" T_HASH "\"\r\nX-Linked-Etag: \"a\"",
        "200 OK\r\nX-Linked-Size: -13\r\nX-Linked-Etag: \"" SHA256 "\"",
        "200 OK\r\nX-Linked-Size: 8796093022209\r\nX-Linked-Etag: \"" SHA256 "\"",
        "200 OK\r\nX-Linked-Size: 18446744073709551629\r\nX-Linked-Etag: \"" SHA256 "\"",
        "302 Found\r\nLocation: http://localhost:1/\r\nContent-Length: 13\r\nETag: \"" T_HASH "\"",
        "200 OK\r\nContent-Length: 13\r\nX-Repo-Commit: " COMMIT_2 "\r\nETag: \"" T_HASH "\"",
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct err err = {0};
        if (comes(heads[i], &err))
            fail_msg("taken: %s", heads[i]);
        if (err.code != ERR_FORMAT || !strstr(err.text, "t #1.gguf"))
            fail_msg("%s: %s", heads[i], err.text);
    }
}

TEST(hub_head, what_names_it_is_enough)
{
    static const char *const heads[] = {
        "200 OK\r\nContent-Length: 13\r\nETag: \"" T_HASH "\"",
        "200 OK\r\nContent-Length: 13\r\nETag: W/\"" T_HASH "\"",
        "200 OK\r\nContent-Length: 13\r\nETag: " T_HASH,
        "302 Found\r\nX-Linked-Size: 13\r\nX-Linked-Etag: \"" SHA256
        "\"\r\nLocation: http://localhost:1/\r\nETag: \"x\"\r\nContent-Length: 9",
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct err err = {0};
        if (!comes(heads[i], &err))
            fail_msg("%s: %s", heads[i], err.text);
    }
}

TEST(hub_head, one_that_is_another_file_is_not_kept)
{
    static const char *const answers[] = {
        BARE, "HTTP/1.1 200 OK\r\nContent-Length: 13\r\nETag: \"" COMMIT_2 "\"\r\n\r\n", T_CONTENT,
        T_CONTENT};
    const char *store = store_new("head_wrong");
    struct canned server;
    struct err err = {0};
    assert_false(pull_from(&server, answers, 4, NULL, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    assert_int_equal(server.n, 4);
    assert_false(store_has(store, "a/b", "blobs/" COMMIT_2));
    assert_false(store_has(store, "a/b", "snapshots"));
    unsetenv("HF_HUB_CACHE");
}

/* Addresses that a mirror signs are longer than paths may be. */
TEST(hub_head, an_address_elsewhere_may_be_long_but_not_endless)
{
    char head[17000];
    struct err err = {0};
    int n = snprintf(head, sizeof head,
                     "302 Found\r\nX-Linked-Size: 13\r\nX-Linked-Etag: \"" SHA256
                     "\"\r\nLocation: http://localhost:1/?");
    memset(head + n, 'a', sizeof head - (size_t)n);
    head[n + 16384] = '\0';
    assert_false(comes(head, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(strstr(err.text, "/t%20%231.gguf: it leads to an address of more than 16384 "
                                     "bytes; use another mirror"));
    head[n + 16384 - (int)strlen("http://localhost:1/?")] = '\0';
    err = (struct err){0};
    if (!comes(head, &err))
        fail_msg("%s", err.text);
}
