/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

TEST(random, fills_every_byte)
{
    struct err err = {0};
    uint8_t bytes[1000], seen[1000] = {0};
    /* A byte that is never written stays 0; one that is written is 0 once in 256 times. */
    for (int round = 0; round < 16; round++) {
        memset(bytes, 0, sizeof bytes);
        assert_true(random_bytes(bytes, sizeof bytes, &err));
        for (size_t i = 0; i < sizeof bytes; i++)
            seen[i] |= bytes[i];
    }
    for (size_t i = 0; i < sizeof bytes; i++)
        assert_int_not_equal(seen[i], 0);
    assert_true(random_bytes(bytes, 0, &err));
}

TEST(random, draws_letters_equally_often)
{
    /* With bytes taken modulo 62, eight letters would come 5 times for each 4 of the others. */
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    enum { N = 62 * 10000 };
    struct err err = {0};
    int n_seen[256] = {0};
    char *text = malloc(N + 1);
    assert_true(random_text(text, N, letters, 62, &err));
    assert_int_equal(strlen(text), N);
    for (size_t i = 0; i < N; i++)
        n_seen[(unsigned char)text[i]]++;
    for (size_t i = 0; i < 62; i++)
        assert_in_range(n_seen[(unsigned char)letters[i]], 9300, 10700); /* 7 deviations */
    assert_true(random_text(text, 5, "x", 1, &err));
    assert_string_equal(text, "xxxxx");
    free(text);
}
