/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "test.h"

#define SHA1   "0123456789abcdef0123456789abcdef01234567"
#define SHA256 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SMALL  "{\"rfilename\":\"a.json\",\"size\":5,\"blobId\":\"" SHA1 "\"}"
#define LARGE                                                                                      \
    "{\"rfilename\":\"b/c.gguf\",\"size\":134,\"blobId\":\"" SHA1                                  \
    "\",\"lfs\":{\"sha256\":\"" SHA256 "\",\"size\":5000000000,\"pointerSize\":134}}"
#define HEAD  "{\"sha\":\"" SHA1 "\",\"siblings\":"
#define MODEL HEAD "[" LARGE "," SMALL "]}"

static bool parse(struct hub_listing *listing, const char *text, struct err *err)
{
    return hub_listing_parse(listing, "hub", text, strlen(text), err);
}

TEST(hub_listing, small_files_by_git_hash_and_large_ones_by_sha256)
{
    struct hub_listing listing;
    struct err err = {0};
    assert_true(parse(&listing, MODEL, &err));
    assert_string_equal(listing.commit, SHA1);
    assert_int_equal(listing.n, 2);
    const struct hub_file *small = hub_listing_find(&listing, "a.json");
    const struct hub_file *large = hub_listing_find(&listing, "b/c.gguf");
    assert_ptr_equal(small, &listing.files[0]);
    assert_int_equal(small->n_bytes, 5);
    assert_string_equal(small->hash, SHA1);
    assert_true(large->n_bytes == 5000000000);
    assert_string_equal(large->hash, SHA256);
    assert_null(hub_listing_find(&listing, "c.gguf"));
    hub_listing_free(&listing);
}

TEST(hub_listing, what_is_not_said_is_unknown)
{
    static const char *const texts[] = {
        "[{\"rfilename\":\"a\"}]}",
        "[{\"rfilename\":\"a\",\"size\":5}]}",
        "[{\"rfilename\":\"a\",\"blobId\":\"" SHA1 "\"}]}",
        "[{\"rfilename\":\"a\",\"size\":null,\"blobId\":null,\"lfs\":null}]}",
        "[{\"rfilename\":\"a\",\"size\":5,\"blobId\":\"" SHA1 "\",\"lfs\":{}}]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct hub_listing listing;
        struct err err = {0};
        char text[400];
        snprintf(text, sizeof text, HEAD "%s", texts[i]);
        assert_true(parse(&listing, text, &err));
        assert_int_equal(listing.n, 1);
        assert_int_equal(listing.files[0].n_bytes, 0);
        assert_string_equal(listing.files[0].hash, "");
        hub_listing_free(&listing);
    }
}

TEST(hub_listing, what_is_refused)
{
    static const char *const texts[] = {
        "",
        "<html>",
        "[]",
        "{}",
        "{\"sha\":\"main\",\"siblings\":[]}",
        "{\"sha\":\"" SHA1 "\"}",
        HEAD "{}}",
        HEAD "[1]}",
        HEAD "[{}]}",
        HEAD "[" SMALL "," SMALL "]}",
        HEAD "[{\"rfilename\":\"a\",\"size\":-1,\"blobId\":\"" SHA1 "\"}]}",
        HEAD "[{\"rfilename\":\"a\",\"size\":8796093022209,\"blobId\":\"" SHA1 "\"}]}",
        HEAD "[{\"rfilename\":\"a\",\"size\":5,\"blobId\":\"../../" SHA1 "\"}]}",
        HEAD "[{\"rfilename\":\"a\",\"size\":5,\"blobId\":\"" SHA256 "\"}]}",
        HEAD "[{\"rfilename\":\"a\",\"size\":5,\"lfs\":{\"size\":5,\"sha256\":\"" SHA1 "\"}}]}",
        HEAD "[{\"rfilename\":\"../a\",\"size\":5,\"blobId\":\"" SHA1 "\"}]}",
        HEAD "[{\"rfilename\":\"/a\",\"size\":5,\"blobId\":\"" SHA1 "\"}]}",
        HEAD "[{\"rfilename\":\"a\\u0000\",\"size\":5,\"blobId\":\"" SHA1 "\"}]}",
        HEAD "[{\"rfilename\":5,\"size\":5,\"blobId\":\"" SHA1 "\"}]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct hub_listing listing;
        struct err err = {0};
        if (parse(&listing, texts[i], &err))
            fail_msg("taken: %s", texts[i]);
        assert_int_equal(err.code, ERR_FORMAT);
        hub_listing_free(&listing);
    }
}

TEST(hub_listing, too_many_files)
{
    struct hub_listing listing;
    struct err err = {0};
    char *text = malloc((LIMIT_HUB_FILES + 1) * 2 + 100);
    size_t n = (size_t)sprintf(text, "%s[", HEAD);
    for (unsigned i = 0; i <= LIMIT_HUB_FILES; i++)
        n += (size_t)sprintf(text + n, "%s1", i ? "," : "");
    memcpy(text + n, "]}", 3);
    assert_false(parse(&listing, text, &err));
    assert_non_null(strstr(err.text, "20001 files, the limit is 20000"));
    hub_listing_free(&listing);
    free(text);
}

TEST(hub_listing, each_allocation_may_fail)
{
    struct hub_listing listing;
    for (size_t n = 0;; n++) {
        struct err err = {0};
        mem_fail_after(n);
        bool ok = parse(&listing, MODEL, &err);
        mem_fail_never();
        hub_listing_free(&listing);
        if (ok)
            break;
        assert_int_equal(err.code, ERR_LIMIT);
    }
}

TEST(hub_listing, a_folder_with_links)
{
    struct hub_listing listing;
    struct err err = {0};
    char path[600], folder[600];
    snprintf(folder, sizeof folder, "%s", test_tmp("hub_listing"));
    mkdir(folder, 0777);
    snprintf(path, sizeof path, "%s/sub", folder);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/sub/b", folder);
    test_write(path, "12345", 5);
    snprintf(path, sizeof path, "%s/a", folder);
    assert_int_equal(symlink("sub/b", path), 0);
    snprintf(path, sizeof path, "%s/broken", folder);
    assert_int_equal(symlink("nowhere", path), 0);
    assert_true(hub_listing_of_folder(&listing, folder, &err));
    assert_int_equal(listing.n, 2);
    assert_string_equal(listing.files[0].path, "a");
    assert_string_equal(listing.files[1].path, "sub/b");
    assert_int_equal(listing.files[0].n_bytes, 5);
    hub_listing_free(&listing);
    assert_false(hub_listing_of_folder(&listing, "none/such", &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    hub_listing_free(&listing);
}
