/* SPDX-License-Identifier: Apache-2.0 */
/* The hashes were computed by sha256sum and git hash-object. */
#include "hub/hub_digest.h"

#include <string.h>

#include "test.h"

static void check(enum hub_hash hash, const char *text, const char *want)
{
    struct hub_digest digest = {0};
    struct err err = {0};
    char got[HUB_HASH_TEXT];
    size_t n = strlen(text);
    for (int round = 0; round < 2; round++) { /* the second begins anew */
        assert_true(hub_digest_begin(&digest, hash, n, &err));
        for (size_t i = 0; i < n; i += 5) /* in pieces */
            assert_true(hub_digest_add(&digest, text + i, n - i < 5 ? n - i : 5, &err));
        if (round == 0)
            continue;
        assert_true(hub_digest_end(&digest, got, &err));
        assert_string_equal(got, want);
    }
    hub_digest_free(&digest);
}

TEST(hub_digest, sha256)
{
    check(HUB_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check(HUB_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(hub_digest, git_blob)
{
    check(HUB_GIT_BLOB, "", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    check(HUB_GIT_BLOB, "test content\n", "d670460b4b4aece5915caf5c68d12f560a9fe3e4");
}
