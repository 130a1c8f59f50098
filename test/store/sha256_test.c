/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/sha256_int.h"
#include "test.h"

/* FIPS 180-4, examples. */
#define OF_ABC   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define OF_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

TEST(sha256, is_that_of_the_standard)
{
    struct sha256 sum = {0};
    struct err err = {0};
    uint8_t digest[SHA256_BYTES], again[SHA256_BYTES];
    char text[SHA256_TEXT];
    assert_true(sha256_of("abc", 3, digest, &err));
    sha256_write(digest, text);
    assert_string_equal(text, OF_ABC);
    assert_true(sha256_read(text, 64, again));
    assert_true(sha256_same(digest, again));
    again[31] ^= 1;
    assert_false(sha256_same(digest, again));
    assert_true(sha256_begin(&sum, &err));
    assert_true(sha256_add(&sum, "a", 1, &err) && sha256_add(&sum, "bc", 2, &err));
    assert_true(sha256_end(&sum, text, &err));
    assert_string_equal(text, OF_ABC);
    assert_true(sha256_begin(&sum, &err) && sha256_end(&sum, text, &err));
    assert_string_equal(text, OF_EMPTY);
    sha256_free(&sum);
    sha256_free(&sum);
}

TEST(sha256, reads_digits_only)
{
    uint8_t digest[SHA256_BYTES];
    char text[] = OF_ABC;
    assert_false(sha256_read(text, 63, digest));
    assert_false(sha256_read("", 0, digest));
    text[10] = 'A';
    assert_false(sha256_read(text, 64, digest));
    text[10] = 'g';
    assert_false(sha256_read(text, 64, digest));
}
