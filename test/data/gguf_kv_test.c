/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>

#include "data/gguf_builder.h"

static void check_u32(enum gguf_type type, uint64_t bits, size_t size, bool want)
{
    struct gguf_builder b;
    struct gguf gguf;
    struct err err = {0};
    uint32_t value = 77;
    put_header(&b, 0, 1);
    put_kv(&b, "k", type, bits, size);
    assert_true(gguf_parse(&gguf, "t.gguf", b.bytes, b.n, &err));
    assert_int_equal(gguf_u32(&gguf, "k", 0, UINT32_MAX, &value, &err), want);
    assert_int_equal(value, want ? bits : 77);
    gguf_close(&gguf);
}

TEST(gguf_kv, whole_numbers_of_every_type_are_read)
{
    check_u32(GGUF_U8, 200, 1, true);
    check_u32(GGUF_I8, 100, 1, true);
    check_u32(GGUF_I8, 0xff, 1, false);
    check_u32(GGUF_U16, 65535, 2, true);
    check_u32(GGUF_I16, 0x8000, 2, false);
    check_u32(GGUF_U32, UINT32_MAX, 4, true);
    check_u32(GGUF_I32, INT32_MAX, 4, true);
    check_u32(GGUF_I32, UINT32_MAX, 4, false);
    check_u32(GGUF_U64, UINT32_MAX, 8, true);
    check_u32(GGUF_U64, 1ull << 32, 8, false);
    check_u32(GGUF_U64, UINT64_MAX, 8, false);
    check_u32(GGUF_I64, 5, 8, true);
    check_u32(GGUF_I64, UINT64_MAX, 8, false);
    check_u32(GGUF_F32, 0x3f800000, 4, false);
    check_u32(GGUF_BOOL, 1, 1, false);
}

static uint64_t bits_of_f64(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}

/* One entry of every kind. */
static void open_all(struct gguf_builder *b, struct gguf *gguf)
{
    struct err err = {0};
    put_header(b, 0, 8);
    put_kv(b, "f32", GGUF_F32, 0x3fc00000, 4);
    put_kv(b, "f64", GGUF_F64, bits_of_f64(-0.1), 8);
    put_kv(b, "nan", GGUF_F32, 0x7fc00000, 4);
    put_kv(b, "i32", GGUF_I32, (uint32_t)-9, 4);
    put_kv(b, "yes", GGUF_BOOL, 1, 1);
    put_kv_string(b, "text", "caf\xc3\xa9");
    put_string(b, "ids");
    put_u32(b, GGUF_ARRAY);
    put_u32(b, GGUF_I32);
    put_u64(b, 2);
    put_u32(b, 3);
    put_u32(b, (uint32_t)-4);
    put_string(b, "scores");
    put_u32(b, GGUF_ARRAY);
    put_u32(b, GGUF_F32);
    put_u64(b, 1);
    put_u32(b, 0xbf000000);
    if (!gguf_parse(gguf, "t.gguf", b->bytes, b->n, &err))
        fail_msg("%s", err.text);
}

TEST(gguf_kv, numbers_are_read_within_their_range)
{
    struct gguf_builder b;
    struct gguf gguf;
    struct err err = {0};
    double d = 0;
    open_all(&b, &gguf);
    assert_true(gguf_f64(&gguf, "f32", 1.5, 1.5, &d, &err));
    assert_true(d == 1.5);
    assert_true(gguf_f64(&gguf, "f64", -DBL_MAX, DBL_MAX, &d, &err));
    assert_true(d == -0.1);
    assert_true(gguf_f64(&gguf, "i32", -10, 0, &d, &err));
    assert_true(d == -9);
    assert_false(gguf_f64(&gguf, "f32", 0, 1, &d, &err));
    assert_string_equal(err.text, "t.gguf: f32: expected a number from 0 to 1");
    assert_false(gguf_f64(&gguf, "i32", 0, INFINITY, &d, &err));
    assert_string_equal(err.text, "t.gguf: i32: expected a number of at least 0");
    assert_false(gguf_f64(&gguf, "nan", -INFINITY, INFINITY, &d, &err));
    assert_string_equal(err.text, "t.gguf: nan: expected a number");
    assert_false(gguf_opt_f64(&gguf, "text", -DBL_MAX, DBL_MAX, &d, &err));
    assert_false(gguf_opt_f64(&gguf, "ids", -DBL_MAX, DBL_MAX, &d, &err));
    assert_false(gguf_f64(&gguf, "absent", 0, 1, &d, &err));
    assert_string_equal(err.text, "t.gguf: absent: missing");
    assert_true(d == -9);
    gguf_close(&gguf);
}

TEST(gguf_kv, an_absent_key_keeps_the_default)
{
    struct gguf_builder b;
    struct gguf gguf;
    struct err err = {0};
    uint32_t u = 5;
    double d = 2.5;
    bool flag = false;
    open_all(&b, &gguf);
    assert_true(gguf_opt_u32(&gguf, "absent", 0, 1, &u, &err));
    assert_true(gguf_opt_f64(&gguf, "absent", 0, 1, &d, &err));
    assert_true(gguf_opt_bool(&gguf, "absent", &flag, &err));
    assert_int_equal(u, 5);
    assert_true(d == 2.5 && !flag);
    assert_true(gguf_opt_bool(&gguf, "yes", &flag, &err));
    assert_true(flag);
    assert_false(gguf_opt_bool(&gguf, "i32", &flag, &err));
    assert_string_equal(err.text, "t.gguf: i32: expected true or false");
    assert_false(gguf_opt_u32(&gguf, "i32", 1, 8, &u, &err));
    assert_string_equal(err.text, "t.gguf: i32: expected a whole number from 1 to 8");
    gguf_close(&gguf);
}

TEST(gguf_kv, arrays_are_walked_item_by_item)
{
    struct gguf_builder b;
    struct gguf gguf;
    struct err err = {0};
    const char *s;
    size_t n;
    open_all(&b, &gguf);
    const struct gguf_kv *ids = gguf_array(&gguf, "ids", GGUF_I32, &err);
    assert_non_null(ids);
    assert_int_equal(ids->n_items, 2);
    const uint8_t *at = ids->data;
    assert_int_equal(gguf_next_i32(&at), 3);
    assert_int_equal(gguf_next_i32(&at), -4);
    assert_ptr_equal(at, ids->end);
    const struct gguf_kv *scores = gguf_array(&gguf, "scores", GGUF_F32, &err);
    assert_non_null(scores);
    at = scores->data;
    assert_true(gguf_next_f32(&at) == -0.5f);
    assert_ptr_equal(at, scores->end);
    assert_null(gguf_array(&gguf, "ids", GGUF_STRING, &err));
    assert_string_equal(err.text, "t.gguf: ids: expected an array of string");
    assert_null(gguf_array(&gguf, "i32", GGUF_I32, &err));
    assert_null(gguf_array(&gguf, "absent", GGUF_I32, &err));
    assert_true(gguf_string(&gguf, "text", &s, &n, &err));
    assert_int_equal(n, 5);
    assert_memory_equal(s, "caf\xc3\xa9", 5);
    assert_false(gguf_string(&gguf, "ids", &s, &n, &err));
    assert_string_equal(err.text, "t.gguf: ids: expected a string");
    assert_false(gguf_string(&gguf, "absent", &s, &n, &err));
    gguf_close(&gguf);
}

TEST(gguf_kv, a_real_vocabulary_is_walked_to_its_end)
{
    struct gguf gguf;
    struct err err = {0};
    assert_true(gguf_open(&gguf, "models/stories260K.gguf", &err));
    const struct gguf_kv *tokens = gguf_array(&gguf, "tokenizer.ggml.tokens", GGUF_STRING, &err);
    assert_non_null(tokens);
    assert_int_equal(tokens->n_items, 512);
    const uint8_t *at = tokens->data;
    for (uint64_t i = 0; i < tokens->n_items; i++) {
        const char *s;
        size_t n;
        gguf_next_string(&at, &s, &n);
        if (i == 1) {
            assert_int_equal(n, 3);
            assert_memory_equal(s, "<s>", 3);
        }
    }
    assert_ptr_equal(at, tokens->end);
    gguf_close(&gguf);
}

TEST(gguf_kv, a_string_past_the_limit_is_refused)
{
    size_t n = LIMIT_GGUF_STRING + 1 + 64;
    uint8_t *bytes = calloc(n, 1);
    struct gguf_builder b;
    put_header(&b, 0, 1);
    put_string(&b, "k");
    put_u32(&b, GGUF_STRING);
    put_u64(&b, LIMIT_GGUF_STRING + 1);
    memcpy(bytes, b.bytes, b.n);
    assert_refused(bytes, n, "k: a string of 1048577 bytes, the limit is 1048576");
    free(bytes);
}
