/* SPDX-License-Identifier: Apache-2.0 */
#include "text/byte_level_int.h"

#include <string.h>

#include "data/utf8.h"
#include "test.h"
#include "text/tokenizer_fixture.h"

/* As make_tekken.py does it: bytes that print keep their number, the others count up from
 * 256. */
void fixture_byte_char(int b, char *out)
{
    uint32_t code = (uint32_t)b;
    if (b <= 32)
        code = 256 + code;
    else if (b >= 127 && b <= 160)
        code = 256 + 33 + code - 127;
    else if (b == 173)
        code = 256 + 67;
    out[utf8_encode(code, out)] = 0;
}

TEST(byte_level, gives_every_byte)
{
    struct buf out;
    struct err err = {0};
    buf_init(&out, 256);
    for (int b = 0; b < 256; b++) {
        char name[3];
        fixture_byte_char(b, name);
        assert_true(byte_level_decode(name, strlen(name), &out, &err));
        assert_int_equal(out.len, b + 1);
        assert_int_equal((uint8_t)out.data[b], b);
        struct buf back;
        buf_init(&back, 4);
        assert_true(byte_level_encode(&(char){(char)b}, 1, &back, &err));
        assert_string_equal(back.data, name);
        buf_free(&back);
    }
    /* How the vocabulary of Mistral Nemo writes space, line feed and U+00E9. */
    buf_clear(&out);
    assert_true(byte_level_decode("\xc4\xa0\xc4\x8a\xc3\x83\xc2\xa9", 8, &out, &err));
    assert_string_equal(out.data, " \n\xc3\xa9");
    buf_free(&out);
}

TEST(byte_level, refuses_other_characters)
{
    static const char *const bad[] = {" ",        "\n",           "a b",  "\xc2\xad",
                                      "\xc5\x84", "\xe2\x96\x81", "\xff", "\xc4"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buf out;
        struct err err = {0};
        buf_init(&out, 256);
        assert_false(byte_level_decode(bad[i], strlen(bad[i]), &out, &err));
        assert_int_equal(err.code, ERR_FORMAT);
        assert_string_equal(err.text, "not written in byte characters");
        buf_free(&out);
    }
}
