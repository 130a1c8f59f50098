/* SPDX-License-Identifier: Apache-2.0 */
#include "data/protobuf.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

TEST(protobuf, every_wire_type_is_read)
{
    /* The varint and the string are the examples of the format's documentation. */
    static const uint8_t bytes[] = {0x08, 0x96, 0x01, 0x12, 0x07, 't',  'e',  's',  't',  'i', 'n',
                                    'g',  0x1d, 0,    0,    0x20, 0xc1, 0x21, 8,    7,    6,   5,
                                    4,    3,    2,    1,    0xfa, 0xff, 0xff, 0xff, 0x0f, 0x00};
    struct protobuf in = {bytes, sizeof bytes};
    struct protobuf_field f;
    struct err err = {0};
    assert_true(protobuf_next(&in, &f, &err));
    assert_int_equal(f.number, 1);
    assert_int_equal(f.wire, PROTOBUF_VARINT);
    assert_int_equal(f.value, 150);
    assert_true(protobuf_next(&in, &f, &err));
    assert_int_equal(f.number, 2);
    assert_int_equal(f.wire, PROTOBUF_BYTES);
    assert_int_equal(f.bytes.n, 7);
    assert_memory_equal(f.bytes.p, "testing", 7);
    assert_true(protobuf_next(&in, &f, &err));
    assert_int_equal(f.wire, PROTOBUF_I32);
    assert_true(protobuf_f32(&f) == -10.0f);
    assert_true(protobuf_next(&in, &f, &err));
    assert_int_equal(f.wire, PROTOBUF_I64);
    assert_true(f.value == 0x0102030405060708u);
    assert_true(protobuf_next(&in, &f, &err));
    assert_int_equal(f.number, (1 << 29) - 1);
    assert_int_equal(f.bytes.n, 0);
    assert_false(protobuf_next(&in, &f, &err));
    assert_int_equal(in.n, 0);
    assert_int_equal(err.code, ERR_NONE);
}

TEST(protobuf, malformed_fields_are_refused)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *want;
    } bad[] = {
        {"\x08", 1, "cut off inside a number"},
        {"\x08\x80", 2, "cut off inside a number"},
        {"\x80", 1, "cut off inside a number"},
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11, "more than 64 bits"},
        {"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 12, "more than 64 bits"},
        {"\x00\x01", 2, "field number 0"},
        {"\x80\x80\x80\x80\x10\x01", 6, "field number 536870912"},
        {"\x0b", 1, "unknown wire type 3"},
        {"\x0c", 1, "unknown wire type 4"},
        {"\x0e\x00", 2, "unknown wire type 6"},
        {"\x0f\x00", 2, "unknown wire type 7"},
        {"\x0a\x02"
         "a",
         3, "a field of 2 bytes with 1 left"},
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "a field of 18446744073709551615"},
        {"\x09"
         "1234567",
         8, "cut off inside a field"},
        {"\x0d"
         "123",
         4, "cut off inside a field"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t *copy = malloc(bad[i].n);
        memcpy(copy, bad[i].bytes, bad[i].n);
        struct protobuf in = {copy, bad[i].n};
        struct protobuf_field f;
        struct err err = {0};
        assert_false(protobuf_next(&in, &f, &err));
        assert_int_equal(in.n, bad[i].n);
        assert_int_equal(err.code, ERR_FORMAT);
        if (!strstr(err.text, bad[i].want))
            fail_msg("got \"%s\", want \"%s\"", err.text, bad[i].want);
        free(copy);
    }
}

TEST(protobuf, the_largest_varint_is_read)
{
    struct protobuf in = {(const uint8_t *)"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11};
    struct protobuf_field f;
    struct err err = {0};
    assert_true(protobuf_next(&in, &f, &err));
    assert_true(f.value == UINT64_MAX);
}

TEST(protobuf, a_real_file_is_read_to_its_end)
{
    size_t n, n_pieces = 0;
    char *bytes = test_read("test/data/stories260K/tok512.model", &n);
    struct protobuf in = {(const uint8_t *)bytes, n};
    struct protobuf_field f;
    struct err err = {0};
    while (protobuf_next(&in, &f, &err))
        n_pieces += f.number == 1 && f.wire == PROTOBUF_BYTES;
    assert_int_equal(in.n, 0);
    assert_int_equal(n_pieces, 512);
    free(bytes);
}
