/* SPDX-License-Identifier: Apache-2.0 */
#include "data/gguf_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"

/* Puts the head together and opens it, with zeros for the data, as a file. */
static struct gguf open_head(struct gguf_head *head, struct buf *out)
{
    struct gguf gguf;
    struct err err = {0};
    buf_init(out, 1 << 24);
    assert_true(gguf_head_finish(head, out, &err));
    assert_int_equal(out->len % GGUF_WRITE_ALIGN, 0);
    char *zeros = calloc(1, head->n_data + 1);
    assert_true(buf_add(out, zeros, head->n_data, &err));
    free(zeros);
    if (!gguf_parse(&gguf, "w.gguf", (const uint8_t *)out->data, out->len, &err))
        fail_msg("%s", err.text);
    return gguf;
}

/* The bytes as the file format lays them down, written by hand. */
TEST(gguf_write, writes_the_format)
{
    static const uint8_t want[] = {
        'G', 'G', 'U', 'F', 3, 0, 0, 0,                             /* version */
        1,   0,   0,   0,   0, 0, 0, 0, 1,   0,   0, 0, 0, 0, 0, 0, /* tensors, entries */
        2,   0,   0,   0,   0, 0, 0, 0, 'a', 'b', 4, 0, 0, 0,       /* key, u32 */
        7,   1,   0,   0,                                           /* 263 */
        1,   0,   0,   0,   0, 0, 0, 0, 't', 2,   0, 0, 0,          /* name, dimensions */
        64,  0,   0,   0,   0, 0, 0, 0, 3,   0,   0, 0, 0, 0, 0, 0, /* innermost first */
        8,   0,   0,   0,   0, 0, 0, 0, 0,   0,   0, 0,             /* Q8_0 at 0 */
    };
    struct gguf_head head;
    struct err err = {0};
    struct buf out;
    struct tensor_entry t = {.name = "t", .type = "Q8_0", .n_dims = 2, .shape = {3, 64}};
    gguf_head_init(&head);
    buf_init(&out, 4096);
    assert_true(gguf_put_u32(&head, "ab", 263, &err));
    assert_true(gguf_put_tensor(&head, &t, &err));
    assert_true(gguf_head_finish(&head, &out, &err));
    assert_int_equal(t.n_bytes, 3 * 2 * 34);
    assert_int_equal(head.n_data, 224);
    assert_memory_equal(out.data, want, sizeof want);
    assert_int_equal(out.len, (sizeof want + 31) / 32 * 32);
    buf_free(&out);
    gguf_head_free(&head);
}

TEST(gguf_write, reads_back_every_type)
{
    struct gguf_head head;
    struct err err = {0};
    struct buf out;
    uint32_t u = 0;
    double f = 0;
    bool b = false;
    gguf_head_init(&head);
    for (int type = GGUF_U8; type <= GGUF_F64; type++) {
        static const uint8_t one[16] = {1};
        static const size_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 9, 16, 8, 8, 8};
        char key[16];
        snprintf(key, sizeof key, "k%02d", type);
        /* A string of one NUL; an array of sixteen bytes. */
        struct gguf_kv kv = {.key = key, .type = (enum gguf_type)type, .n_items = 1};
        kv.item = type == GGUF_ARRAY ? GGUF_U8 : kv.type;
        kv.n_items = type == GGUF_ARRAY ? 16 : 1;
        kv.data = one;
        kv.end = one + sizes[type];
        assert_true(gguf_put_kv(&head, &kv, &err));
    }
    assert_true(gguf_put_f32(&head, "f", 1.25f, &err));
    assert_true(gguf_put_bool(&head, "b", true, &err));
    assert_true(gguf_put_string(&head, "s", SPAN("gr\xc3\xbc\xc3\x9f"), &err));
    struct gguf gguf = open_head(&head, &out);
    assert_int_equal(gguf.n_kvs, GGUF_F64 + 4);
    assert_true(gguf_u32(&gguf, "k02", 0, 9, &u, &err));
    assert_int_equal(u, 1);
    assert_true(gguf_f64(&gguf, "f", 0, 9, &f, &err));
    assert_true(f == 1.25);
    assert_true(gguf_opt_bool(&gguf, "b", &b, &err) && b);
    const char *s;
    size_t n;
    assert_true(gguf_string(&gguf, "s", &s, &n, &err));
    assert_int_equal(n, 6);
    assert_memory_equal(s, "gr\xc3\xbc\xc3\x9f", 6);
    assert_int_equal(gguf_find(&gguf, "k09")->n_items, 16);
    gguf_close(&gguf);
    buf_free(&out);
    gguf_head_free(&head);
}

/* Random arrays and tables come back as they went in, every offset in its place. */
TEST(gguf_write, random_files_come_back)
{
    static const char *const types[] = {"F32", "F16", "BF16", "Q4_0", "Q6_K", "MXFP4", "IQ4_XS"};
    uint64_t seed = 11;
    for (int round = 0; round < 200; round++) {
        struct gguf_head head;
        struct err err = {0};
        struct buf out;
        struct tensor_entry in[8];
        char names[8][16], text[40];
        int32_t numbers[20];
        size_t n = test_random(&seed) % 20, n_tensors = test_random(&seed) % 8, n_text = 0;
        gguf_head_init(&head);
        assert_true(gguf_put_array(&head, "i", GGUF_I32, n, &err));
        for (size_t i = 0; i < n; i++) {
            numbers[i] = (int32_t)test_random(&seed);
            assert_true(gguf_add_i32(&head, numbers[i], &err));
        }
        n_text = test_random(&seed) % sizeof text;
        for (size_t i = 0; i < n_text; i++)
            text[i] = (char)test_random(&seed);
        assert_true(gguf_put_array(&head, "b", GGUF_BOOL, n, &err));
        for (size_t i = 0; i < n; i++)
            assert_true(gguf_add_bool(&head, numbers[i] < 0, &err));
        assert_true(gguf_put_array(&head, "t", GGUF_STRING, 2, &err));
        assert_true(gguf_add_string(&head, (struct span){text, n_text}, &err));
        assert_true(gguf_add_string(&head, SPAN(""), &err));
        for (size_t i = 0; i < n_tensors; i++) {
            snprintf(names[i], sizeof names[i], "t%zu", i);
            in[i] = (struct tensor_entry){.name = names[i], .type = types[test_random(&seed) % 7]};
            in[i].n_dims = 1 + (int)(test_random(&seed) % 4);
            for (int d = 0; d < in[i].n_dims; d++)
                in[i].shape[d] = 1 + test_random(&seed) % 3;
            in[i].shape[in[i].n_dims - 1] *= 256;
            assert_true(gguf_put_tensor(&head, &in[i], &err));
        }
        struct gguf gguf = open_head(&head, &out);
        const uint8_t *at = gguf_find(&gguf, "i")->data;
        for (size_t i = 0; i < n; i++)
            assert_int_equal(gguf_next_i32(&at), numbers[i]);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(gguf_find(&gguf, "b")->data[i], numbers[i] < 0);
        const char *s;
        size_t n_s;
        at = gguf_find(&gguf, "t")->data;
        gguf_next_string(&at, &s, &n_s);
        assert_int_equal(n_s, n_text);
        assert_memory_equal(s, text, n_text);
        assert_int_equal(gguf.tensors.n, n_tensors);
        for (size_t i = 0; i < n_tensors; i++) {
            const struct tensor_entry *e = &gguf.tensors.entries[i];
            assert_string_equal(e->name, in[i].name);
            assert_string_equal(e->type, in[i].type);
            assert_int_equal(e->n_bytes, in[i].n_bytes);
            assert_int_equal(e->n_dims, in[i].n_dims);
            assert_memory_equal(e->shape, in[i].shape, sizeof *e->shape * (size_t)e->n_dims);
            assert_int_equal((size_t)(e->data - (uint8_t *)out.data) % GGUF_WRITE_ALIGN, 0);
        }
        gguf_close(&gguf);
        buf_free(&out);
        gguf_head_free(&head);
    }
}

TEST(gguf_write, failing_allocations)
{
    for (size_t n = 0; n < 1000; n++) {
        struct gguf_head head;
        struct err err = {0};
        struct buf out;
        struct tensor_entry t = {.name = "t", .type = "F16", .n_dims = 1, .shape = {64}};
        gguf_head_init(&head);
        buf_init(&out, 4096);
        mem_fail_after(n);
        bool ok = gguf_put_array(&head, "i", GGUF_F32, 1, &err) && gguf_add_f32(&head, 2, &err) &&
                  gguf_put_string(&head, "s", SPAN("a string that needs some room"), &err) &&
                  gguf_put_tensor(&head, &t, &err) && gguf_head_finish(&head, &out, &err);
        mem_fail_never();
        buf_free(&out);
        gguf_head_free(&head);
        if (ok) {
            assert_true(n > 2);
            return;
        }
        assert_int_equal(err.code, ERR_LIMIT);
    }
    fail_msg("never done");
}
