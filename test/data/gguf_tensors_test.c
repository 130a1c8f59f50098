/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "data/gguf_builder.h"

/* One tensor of n elements of a format, and n_data bytes behind the header. */
static void build_one(struct gguf_builder *b, uint32_t format, uint64_t n, size_t n_data)
{
    put_header(b, 1, 0);
    put_tensor(b, "w", n, format, 0);
    put_padding(b, 32);
    for (size_t i = 0; i < n_data; i++)
        put(b, "", 1);
}

TEST(gguf_tensors, every_format_has_its_block_and_size)
{
    static const struct {
        const char *name;
        uint32_t id;
        size_t block, bytes;
    } formats[] = {
        {"F32", 0, 1, 4},       {"F16", 1, 1, 2},         {"BF16", 30, 1, 2},
        {"Q4_0", 2, 32, 18},    {"Q4_1", 3, 32, 20},      {"Q5_0", 6, 32, 22},
        {"Q5_1", 7, 32, 24},    {"Q8_0", 8, 32, 34},      {"Q4_K", 12, 256, 144},
        {"Q5_K", 13, 256, 176}, {"Q6_K", 14, 256, 210},   {"IQ4_NL", 20, 32, 18},
        {"MXFP4", 39, 32, 17},  {"IQ4_XS", 23, 256, 136}, {"NVFP4", 40, 64, 36},
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct gguf_builder b;
        struct gguf gguf;
        struct err err = {0};
        build_one(&b, formats[i].id, 3 * formats[i].block, 3 * formats[i].bytes);
        if (!gguf_parse(&gguf, "t.gguf", b.bytes, b.n, &err))
            fail_msg("%s: %s", formats[i].name, err.text);
        assert_string_equal(gguf.tensors.entries[0].type, formats[i].name);
        assert_int_equal(gguf.tensors.entries[0].n_bytes, 3 * formats[i].bytes);
        gguf_close(&gguf);
        assert_refused(b.bytes, b.n - 1, "w: 1 byte short");
    }
}

TEST(gguf_tensors, formats_that_are_not_read_are_named)
{
    static const char *const names[64] = {
        [4] = "Q4_2",   [5] = "Q4_3",     [9] = "Q8_1",    [10] = "Q2_K",     [11] = "Q3_K",
        [15] = "Q8_K",  [16] = "IQ2_XXS", [17] = "IQ2_XS", [18] = "IQ3_XXS",  [19] = "IQ1_S",
        [21] = "IQ3_S", [22] = "IQ2_S",   [24] = "I8",     [25] = "I16",      [26] = "I32",
        [27] = "I64",   [28] = "F64",     [29] = "IQ1_M",  [31] = "Q4_0_4_4", [34] = "TQ1_0",
        [35] = "TQ2_0",
    };
    for (uint32_t id = 0; id < 64; id++) {
        struct gguf_builder b;
        struct gguf gguf;
        struct err err = {0};
        if (!names[id])
            continue;
        build_one(&b, id, 256, 2048);
        assert_false(gguf_parse(&gguf, "t.gguf", b.bytes, b.n, &err));
        assert_int_equal(err.code, ERR_UNSUPPORTED);
        assert_non_null(strstr(err.text, names[id]));
    }
}

TEST(gguf_tensors, sizes_past_64_bits_are_refused)
{
    struct gguf_builder b;
    build_one(&b, 0, 1ull << 62, 8);
    assert_refused(b.bytes, b.n, "w: more bytes than 64 bits can count");
    build_one(&b, 0, (1ull << 62) - 1, 8);
    assert_refused(b.bytes, b.n, "w: more bytes than 64 bits can count");
    build_one(&b, 0, 1ull << 61, 8);
    assert_refused(b.bytes, b.n, "w: 9223372036854775800 bytes short");
}

TEST(gguf_tensors, dimensions_are_turned_round)
{
    struct gguf_builder b;
    struct gguf gguf;
    struct err err = {0};
    put_header(&b, 1, 1);
    put_kv(&b, "general.alignment", GGUF_U32, 8, 4);
    put_string(&b, "experts");
    put_u32(&b, 4);
    for (uint64_t dim = 2; dim <= 5; dim++)
        put_u64(&b, dim);
    put_u32(&b, 1);
    put_u64(&b, 0);
    put_padding(&b, 8);
    for (int i = 0; i < 2 * 3 * 4 * 5; i++)
        put_number(&b, 0, 2);
    assert_true(gguf_parse(&gguf, "t.gguf", b.bytes, b.n, &err));
    const struct tensor_entry *e = &gguf.tensors.entries[0];
    assert_int_equal(e->n_dims, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(e->shape[i], 5 - i);
    gguf_close(&gguf);
}
