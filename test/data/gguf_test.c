/* SPDX-License-Identifier: Apache-2.0 */
#include "data/gguf.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "data/gguf_builder.h"

/* Fields of the file below, to be overwritten. */
enum field {
    MAGIC,
    VERSION,
    N_TENSORS,
    N_KVS,
    KEY_SIZE,
    KEY,
    VALUE_TYPE,
    STRING_SIZE,
    KEY_2,
    ALIGN,
    BOOL,
    ARRAY_ITEM,
    ARRAY_COUNT,
    ARRAY_STRING_SIZE,
    FLOATS_ITEM,
    FLOATS_COUNT,
    NAME_SIZE,
    NAME,
    N_DIMS,
    DIM_0,
    DIM_1,
    FORMAT,
    OFFSET,
    OFFSET_B,
    N_FIELDS,
};

static void put_all_kvs(struct gguf_builder *b, size_t at[N_FIELDS])
{
    at[KEY_SIZE] = b->n;
    at[KEY] = b->n + 8;
    at[VALUE_TYPE] = b->n + 8 + 5;
    at[STRING_SIZE] = b->n + 8 + 5 + 4;
    put_kv_string(b, "k.one", "llama");
    at[KEY_2] = b->n + 8;
    put_kv(b, "k.two", GGUF_U32, 7, 4);
    put_kv(b, "general.alignment", GGUF_U32, 32, 4);
    at[ALIGN] = b->n - 4;
    put_kv(b, "flag", GGUF_BOOL, 1, 1);
    at[BOOL] = b->n - 1;
    put_string(b, "words");
    put_u32(b, GGUF_ARRAY);
    at[ARRAY_ITEM] = b->n;
    put_u32(b, GGUF_STRING);
    at[ARRAY_COUNT] = b->n;
    put_u64(b, 2);
    at[ARRAY_STRING_SIZE] = b->n;
    put_string(b, "x");
    put_string(b, "");
    put_string(b, "floats");
    put_u32(b, GGUF_ARRAY);
    at[FLOATS_ITEM] = b->n;
    put_u32(b, GGUF_F32);
    at[FLOATS_COUNT] = b->n;
    put_u64(b, 1);
    put_u32(b, 0x3f800000);
}

/* Two tensors, "aa" of Q4_0 [2][32] and "bb" of F32 [3], with all kinds of metadata. */
static void build(struct gguf_builder *b, size_t at[N_FIELDS])
{
    at[MAGIC] = 0;
    at[VERSION] = 4;
    at[N_TENSORS] = 8;
    at[N_KVS] = 16;
    put_header(b, 2, 6);
    put_all_kvs(b, at);
    at[NAME_SIZE] = b->n;
    at[NAME] = b->n + 8;
    put_string(b, "aa");
    at[N_DIMS] = b->n;
    put_u32(b, 2);
    at[DIM_0] = b->n;
    put_u64(b, 32);
    at[DIM_1] = b->n;
    put_u64(b, 2);
    at[FORMAT] = b->n;
    put_u32(b, 2);
    at[OFFSET] = b->n;
    put_u64(b, 0);
    put_tensor(b, "bb", 3, 0, 64);
    at[OFFSET_B] = b->n - 8;
    put_padding(b, 32);
    for (int i = 0; i < 64 + 12; i++)
        put_number(b, (uint64_t)i, 1);
}

TEST(gguf, reads_what_the_file_says)
{
    struct gguf_builder b;
    size_t at[N_FIELDS];
    build(&b, at);
    struct gguf gguf;
    struct err err = {0};
    uint8_t *copy;
    assert_true(parse_bytes(&gguf, b.bytes, b.n, &copy, &err));
    assert_string_equal(gguf.file, "t.gguf");
    assert_int_equal(gguf.n_kvs, 6);
    assert_int_equal(gguf.tensors.n, 2);
    const struct tensor_entry *aa = tensor_store_find(&gguf.tensors, "aa");
    assert_non_null(aa);
    assert_string_equal(aa->type, "Q4_0");
    assert_string_equal(aa->file, "t.gguf");
    assert_int_equal(aa->n_dims, 2);
    assert_int_equal(aa->shape[0], 2);
    assert_int_equal(aa->shape[1], 32);
    assert_int_equal(aa->n_bytes, 36);
    assert_int_equal(aa->data[35], 35);
    const struct tensor_entry *bb = tensor_store_find(&gguf.tensors, "bb");
    assert_non_null(bb);
    assert_int_equal(bb->n_bytes, 12);
    assert_int_equal(bb->data[0], 64);
    assert_ptr_equal(bb->data + 12, copy + b.n);
    gguf_close(&gguf);
    free(copy);
}

static const struct {
    enum field field;
    uint64_t value;
    size_t size;
    const char *want;
} malformed[] = {
    {MAGIC, 'g', 1, "not a GGUF file; download it again"},
    {VERSION, 1, 4, "version 1, expected 2 or 3"},
    {VERSION, 4, 4, "version 4, expected 2 or 3"},
    {VERSION, 0x03000000, 4, "big-endian"},
    {N_TENSORS, UINT64_MAX, 8, "do not fit"},
    {N_TENSORS, 100, 8, "do not fit"},
    {N_KVS, UINT64_MAX, 8, "do not fit"},
    {N_KVS, 1u << 20, 8, "do not fit"},
    {KEY_SIZE, 0, 8, "key 0 of the metadata: a name that is not 1 to 512 bytes"},
    {KEY_SIZE, UINT64_MAX, 8, "key 0 of the metadata: a string of 18446744073709551615 bytes"},
    {KEY, 0x1b, 1, "key 0 of the metadata: a name that is not"},
    {KEY, 0xff, 1, "key 0 of the metadata: a name that is not"},
    {KEY, 0, 1, "key 0 of the metadata: a name that is not"},
    {KEY_2, 'k' | '.' << 8 | 'o' << 16 | (uint64_t)'n' << 24 | (uint64_t)'e' << 32, 5,
     "k.one: occurs twice"},
    {VALUE_TYPE, 13, 4, "k.one: unknown value type 13"},
    {VALUE_TYPE, UINT32_MAX, 4, "k.one: unknown value type 4294967295"},
    {STRING_SIZE, 1u << 20, 8,
     "k.one: a string of 1048576 bytes: the file is cut short; download it again"},
    {ALIGN, 0, 4, "general.alignment: 0, expected a power of two from 8 to 4096"},
    {ALIGN, 4, 4, "general.alignment: 4"},
    {ALIGN, 48, 4, "general.alignment: 48"},
    {ALIGN, 8192, 4, "general.alignment: 8192"},
    {ALIGN, UINT32_MAX, 4, "general.alignment: 4294967295"},
    {BOOL, 2, 1, "flag: a bool is 2, expected 0 or 1"},
    {ARRAY_ITEM, GGUF_ARRAY, 4, "words: an array of arrays"},
    {ARRAY_ITEM, 99, 4, "words: unknown value type 99"},
    {ARRAY_ITEM, GGUF_BOOL, 4, "key 5 of the metadata: a string of"},
    {ARRAY_COUNT, UINT64_MAX, 8, "words: an array of 18446744073709551615 items, the limit is"},
    {ARRAY_COUNT, 1u << 24, 8, "words: a string of"},
    {ARRAY_STRING_SIZE, UINT64_MAX - 8, 8, "words: a string of"},
    {FLOATS_COUNT, 1u << 20, 8, "floats: 1048576 x f32: the file is cut short; download it again"},
    {FLOATS_ITEM, GGUF_F64, 4, "tensor 0: a string of"},
    {NAME_SIZE, 0, 8, "tensor 0: a name that is not"},
    {NAME_SIZE, UINT64_MAX, 8, "tensor 0: a string of"},
    {NAME, 0x07, 1, "tensor 0: a name that is not"},
    {NAME, 'b' | 'b' << 8, 2, "bb: occurs twice"},
    {N_DIMS, 0, 4, "aa: 0 dimensions, expected 1 to 4"},
    {N_DIMS, 5, 4, "aa: 5 dimensions"},
    {N_DIMS, UINT32_MAX, 4, "aa: 4294967295 dimensions"},
    {DIM_0, 0, 8, "aa: a dimension of 0"},
    {DIM_1, 0, 8, "aa: a dimension of 0"},
    {DIM_1, UINT64_MAX, 8, "aa: a dimension of 18446744073709551615"},
    {DIM_1, INT64_MAX, 8, "aa: a dimension of 9223372036854775807"},
    {DIM_1, 1ull << 60, 8, "aa: a dimension of 1152921504606846976"},
    {DIM_0, 1ull << 60, 8, "bb: at offset 64, expected 1297036692682702848"},
    {N_TENSORS, 1ull << 60, 8, "do not fit"},
    {STRING_SIZE, 1ull << 60, 8, "k.one: a string of 1152921504606846976 bytes:"},
    {FLOATS_COUNT, 1ull << 60, 8, "floats: an array of 1152921504606846976 items, the limit is"},
    {DIM_0, 33, 8, "aa: rows of 33 elements are not whole blocks of 32"},
    {DIM_1, 1u << 20, 8, "bb: at offset 64, expected 18874368"},
    {FORMAT, 10, 4, "aa: number format Q2_K is not supported"},
    {FORMAT, 24, 4, "aa: number format I8 is not supported"},
    {FORMAT, 41, 4, "aa: unknown number format 41"},
    {FORMAT, UINT32_MAX, 4, "aa: unknown number format 4294967295"},
    {FORMAT, 12, 4, "aa: rows of 32 elements are not whole blocks of 256"},
    {OFFSET, 32, 8, "aa: at offset 32, expected 0"},
    {OFFSET, UINT64_MAX, 8, "aa: at offset 18446744073709551615"},
    {OFFSET_B, 0, 8, "bb: at offset 0, expected 64"},
    {OFFSET_B, 96, 8, "bb: at offset 96, expected 64"},
};

TEST(gguf, malformed_files_are_refused_with_the_reason)
{
    struct gguf_builder b;
    size_t at[N_FIELDS];
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        build(&b, at);
        for (size_t k = 0; k < malformed[i].size; k++)
            b.bytes[at[malformed[i].field] + k] = (uint8_t)(malformed[i].value >> (8 * k));
        assert_refused(b.bytes, b.n, malformed[i].want);
    }
}

TEST(gguf, every_truncation_is_refused)
{
    struct gguf_builder b;
    size_t at[N_FIELDS];
    build(&b, at);
    for (size_t n = 0; n < b.n; n++)
        assert_refused(b.bytes, n, "");
    assert_refused(b.bytes, b.n - 1, "bb: 1 byte short; download it again");
}

TEST(gguf, any_changed_byte_is_survived)
{
    struct gguf_builder b;
    size_t at[N_FIELDS];
    build(&b, at);
    for (size_t i = 0; i < b.n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            struct gguf gguf;
            struct err err = {0};
            uint8_t *copy;
            b.bytes[i] ^= (uint8_t)(1 << bit);
            if (parse_bytes(&gguf, b.bytes, b.n, &copy, &err))
                gguf_close(&gguf);
            else
                assert_int_not_equal(err.code, ERR_NONE);
            b.bytes[i] ^= (uint8_t)(1 << bit);
            free(copy);
        }
    }
}

TEST(gguf, every_failing_allocation_is_reported)
{
    struct gguf_builder b;
    size_t at[N_FIELDS], n = 0;
    build(&b, at);
    for (bool done = false; !done; n++) {
        struct gguf gguf;
        struct err err = {0};
        mem_fail_after(n);
        done = gguf_parse(&gguf, "t.gguf", b.bytes, b.n, &err);
        mem_fail_never();
        assert_int_equal(err.code, done ? ERR_NONE : ERR_LIMIT);
        if (done)
            gguf_close(&gguf);
    }
    assert_true(n > 2);
}

TEST(gguf, bytes_behind_the_last_tensor_are_let_be)
{
    struct gguf_builder b;
    size_t at[N_FIELDS];
    build(&b, at);
    put(&b, "padding and more", 16);
    struct gguf gguf;
    struct err err = {0};
    assert_true(gguf_parse(&gguf, "t.gguf", b.bytes, b.n, &err));
    gguf_close(&gguf);
}

TEST(gguf, a_file_without_tensors_is_read)
{
    struct gguf_builder b;
    struct gguf gguf;
    struct err err = {0};
    put_header(&b, 0, 1);
    put_kv(&b, "general.alignment", GGUF_U32, 4096, 4);
    assert_true(gguf_parse(&gguf, "t.gguf", b.bytes, b.n, &err));
    assert_int_equal(gguf.tensors.n, 0);
    assert_null(tensor_store_find(&gguf.tensors, "aa"));
    gguf_close(&gguf);
    put_header(&b, 0, 0);
    b.bytes[4] = 2;
    assert_true(gguf_parse(&gguf, "t.gguf", b.bytes, b.n, &err));
    assert_null(gguf_find(&gguf, "general.alignment"));
    gguf_close(&gguf);
}

static void check_real_file(const char *path, const char *type, size_t n_bytes)
{
    struct gguf gguf;
    struct err err = {0};
    if (!gguf_open(&gguf, path, &err))
        fail_msg("%s", err.text);
    assert_int_equal(gguf.tensors.n, 48);
    const struct tensor_entry *e = tensor_store_find(&gguf.tensors, "blk.4.attn_q.weight");
    assert_non_null(e);
    assert_string_equal(e->type, type);
    assert_int_equal(e->n_bytes, n_bytes);
    const char *s;
    size_t n;
    assert_true(gguf_string(&gguf, "general.architecture", &s, &n, &err));
    assert_int_equal(n, 5);
    assert_memory_equal(s, "llama", 5);
    gguf_close(&gguf);
}

TEST(gguf, files_of_other_writers_are_read)
{
    check_real_file("models/stories260K.gguf", "F32", 64 * 64 * 4);
    check_real_file("test/data/stories260K/stories260K-bf16.gguf", "BF16", 64 * 64 * 2);
    check_real_file("test/data/stories260K/stories260K-f16.gguf", "F16", 64 * 64 * 2);
    check_real_file("test/data/stories260K/stories260K-q4_0.gguf", "Q4_0", 64 * 2 * 18);
    check_real_file("test/data/stories260K/stories260K-q4_1.gguf", "Q4_1", 64 * 2 * 20);
    check_real_file("test/data/stories260K/stories260K-q5_0.gguf", "Q5_0", 64 * 2 * 22);
    check_real_file("test/data/stories260K/stories260K-q5_1.gguf", "Q5_1", 64 * 2 * 24);
    check_real_file("test/data/stories260K/stories260K-q8_0.gguf", "Q8_0", 64 * 2 * 34);
    check_real_file("test/data/stories260K/stories260K-iq4_nl.gguf", "IQ4_NL", 64 * 2 * 18);
}

TEST(gguf, a_missing_file_and_a_folder_are_errors)
{
    struct gguf gguf;
    struct err err = {0};
    assert_false(gguf_open(&gguf, test_tmp("absent.gguf"), &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_false(gguf_open(&gguf, "test/data", &err));
    assert_int_equal(err.code, ERR_ARG);
    assert_false(gguf_open(&gguf, test_write(test_tmp("empty.gguf"), "", 0), &err));
    assert_int_equal(err.code, ERR_FORMAT);
    assert_non_null(strstr(err.text, "empty.gguf: the file is empty"));
}

/* --- split files ------------------------------------------------------- */

/* What a part says about itself; name is that of its only tensor. */
struct part {
    uint32_t no, count, n_tensors;
    const char *name;
};

static const char *write_part(const char *file, const struct part *part)
{
    struct gguf_builder b;
    put_header(&b, 1, 3);
    put_kv(&b, "split.no", GGUF_U16, part->no, 2);
    put_kv(&b, "split.count", GGUF_U16, part->count, 2);
    put_kv(&b, "split.tensors.count", GGUF_I32, part->n_tensors, 4);
    put_tensor(&b, part->name, 1, 0, 0);
    put_padding(&b, 32);
    put_u32(&b, part->no);
    return test_write(test_tmp(file), b.bytes, b.n);
}

static void assert_split_refused(const char *path, enum err_code code, const char *want)
{
    struct gguf gguf;
    struct err err = {0};
    assert_false(gguf_open(&gguf, path, &err));
    if (err.code != code || !strstr(err.text, want))
        fail_msg("got \"%s\", want \"%s\"", err.text, want);
}

TEST(gguf, all_parts_of_a_split_model_are_read)
{
    const char *path = write_part("m-00001-of-00003.gguf", &(struct part){0, 3, 3, "a"});
    write_part("m-00002-of-00003.gguf", &(struct part){1, 3, 3, "b"});
    const char *last = write_part("m-00003-of-00003.gguf", &(struct part){2, 3, 3, "c"});
    struct gguf gguf;
    struct err err = {0};
    assert_true(gguf_open(&gguf, path, &err));
    assert_int_equal(gguf.tensors.n, 3);
    assert_int_equal(gguf.tensors.n_files, 3);
    const struct tensor_entry *c = tensor_store_find(&gguf.tensors, "c");
    assert_string_equal(c->file, last);
    assert_int_equal(c->data[0], 2);
    gguf_close(&gguf);

    assert_split_refused(last, ERR_FORMAT, "part 3 of 3; open the first, NAME-00001-of-00003.gguf");
    unlink(last);
    assert_split_refused(path, ERR_NOT_FOUND, "m-00003-of-00003.gguf: no such file");
    write_part("m-00003-of-00003.gguf", &(struct part){1, 3, 3, "c"});
    assert_split_refused(path, ERR_FORMAT, "m-00003-of-00003.gguf: says it is part 2 of 3");
    write_part("m-00003-of-00003.gguf", &(struct part){2, 3, 3, "b"});
    assert_split_refused(path, ERR_FORMAT, "b: occurs twice");
    write_part("m-00001-of-00003.gguf", &(struct part){0, 3, 4, "a"});
    assert_split_refused(path, ERR_FORMAT, "4 tensors announced, 3 found in 3 files");
}

TEST(gguf, a_split_model_keeps_its_file_names)
{
    const char *path = write_part("renamed.gguf", &(struct part){0, 2, 2, "a"});
    assert_split_refused(path, ERR_FORMAT, "its name must end with -00001-of-00002.gguf");
    path = write_part("broken.gguf", &(struct part){2, 2, 2, "a"});
    assert_split_refused(path, ERR_FORMAT, "split.no: expected a whole number from 0 to 1");
    path = write_part("many.gguf", &(struct part){0, 60000, 2, "a"});
    assert_split_refused(path, ERR_FORMAT, "split.count: expected a whole number from 0 to 4096");
    path = write_part("one.gguf", &(struct part){0, 1, 1, "a"});
    struct gguf gguf;
    struct err err = {0};
    assert_true(gguf_open(&gguf, path, &err));
    gguf_close(&gguf);
    size_t n;
    char *bytes = test_read(test_tmp("renamed.gguf"), &n);
    assert_refused((const uint8_t *)bytes, n, "part 1 of 2, not a whole model");
    free(bytes);
}
