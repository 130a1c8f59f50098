/* SPDX-License-Identifier: Apache-2.0 */
#include "data/utf8.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

TEST(utf8, every_code_point_survives_a_round_trip)
{
    for (uint32_t code = 0; code < 0x110000; code++) {
        char s[UTF8_MAX];
        uint32_t got;
        size_t len;
        if (code >= 0xd800 && code < 0xe000)
            continue;
        size_t n = utf8_encode(code, s);
        if (n != (code < 0x80 ? 1u : code < 0x800 ? 2u : code < 0x10000 ? 3u : 4u))
            fail_msg("U+%04X: %zu bytes", code, n);
        if (utf8_decode(s, n, &got, &len) != UTF8_OK || got != code || len != n)
            fail_msg("U+%04X is not read back", code);
        for (size_t cut = 1; cut < n; cut++) {
            assert_int_equal(utf8_decode(s, cut, &got, &len), UTF8_CUT);
            assert_int_equal(len, cut);
            assert_int_equal(got, UTF8_BAD);
        }
    }
}

/* The examples of Unicode 15, section 3.9, tables 3-8 to 3-11. */
TEST(utf8, ill_formed_bytes_are_split_as_the_standard_says)
{
    static const struct {
        const char *bytes;
        size_t lens[12]; /* of each ill-formed subsequence or character */
    } cases[] = {
        {"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", {1, 1, 1, 1, 1, 1, 1, 1, 1}},
        {"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", {1, 1, 1, 1, 1, 1, 1, 1, 1}},
        {"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", {1, 1, 1, 1, 1, 1, 1, 1, 1}},
        {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", {2, 1, 3, 2, 1}},
        {"\xc3\x28", {1, 1}},
        {"\xe2\x82\xac\x80", {3, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *s = cases[i].bytes;
        size_t at = 0, n = strlen(s);
        for (size_t k = 0; at < n; k++) {
            uint32_t code;
            size_t len;
            enum utf8_state found = utf8_decode(s + at, n - at, &code, &len);
            assert_int_not_equal(found, UTF8_CUT);
            assert_int_equal(found == UTF8_INVALID, code == UTF8_BAD);
            assert_int_equal(len, cases[i].lens[k]);
            at += len;
        }
    }
}

TEST(utf8, valid_looks_at_every_byte)
{
    assert_true(utf8_valid("", 0));
    assert_true(utf8_valid("caf\xc3\xa9 \xf0\x9f\x98\x80\0x", 12));
    assert_false(utf8_valid("caf\xc3", 4));
    assert_false(utf8_valid("\xc3\xa9\x80", 3));
    assert_false(utf8_valid("a\xed\xa0\x80", 4));
    assert_false(utf8_valid("\xf4\x90\x80\x80", 4));
}

TEST(utf8, printable_refuses_controls)
{
    assert_true(utf8_printable("", 0));
    assert_true(utf8_printable("layers.0 \xc3\xa9\xe4\xb8\xad", 14));
    assert_false(utf8_printable("a\tb", 3));
    assert_false(utf8_printable("a\0b", 3));
    assert_false(utf8_printable("\x7f", 1));
    assert_false(utf8_printable("\xc2\x9b", 2)); /* C1: begins a terminal's commands */
    assert_true(utf8_printable("\xc2\xa0", 2));
    assert_false(utf8_printable("\xff", 1));
    assert_false(utf8_printable("\xc3", 1));
}
