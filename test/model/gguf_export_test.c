/* SPDX-License-Identifier: Apache-2.0 */
#include "model/gguf_export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map_guard.h"
#include "base/mem.h"
#include "base/pool.h"
#include "data/gguf_write.h"
#include "model/export_fixture.h"
#include "oracle.h"
#include "test.h"

const struct fixture_case fixture_cases[FIXTURE_CASES] = {
    {"mistral", true, true, true},           {"mistral-sharded", true, true, true},
    {"mistral-swa", true, true, true},       {"ministral-swa-mix", true, true, true},
    {"ministral3", true, true, true},        {"ministral3-tied", true, true, true},
    {"devstral2-yarnmag", true, true, true}, {"mixtral", true, true, true},
    {"mistral3-wrapper", true, true, true},  {"mistral4", true, true, true},
    {"mistral4-wrapper", true, true, true},  {"large3", true, true, true},
    {"ministral3-fp8", true, true, true},    {"mistral4-fp8", true, true, false},
    {"large3-fp8block", true, false, false}, {"ministral3-nvfp4", false, true, false},
};

static bool add_bytes(void *arg, const void *bytes, size_t n, struct err *err)
{
    return buf_add(arg, bytes, n, err);
}

bool fixture_export_to(const struct checkpoint *ckpt, const char *type, struct pool *pool,
                       struct buf *out, struct err *err)
{
    struct gguf_export e = {0};
    struct gguf_head head;
    const struct quant_mix *mix = quant_mix_find(type, err);
    assert_non_null(mix);
    gguf_head_init(&head);
    bool ok = gguf_export_open(&e, ckpt, err);
    if (ok)
        gguf_export_choose(&e, mix, false);
    ok = ok && gguf_export_head(&e, mix, &head, err) && gguf_head_finish(&head, out, err);
    size_t n_head = out->len;
    ok = ok && gguf_export_data(&e, NULL, pool, add_bytes, out, err);
    if (ok)
        assert_int_equal(out->len - n_head, head.n_data);
    gguf_head_free(&head);
    gguf_export_close(&e);
    return ok;
}

void fixture_export(const char *from, const char *path, const char *type, int n_threads)
{
    struct err err = {0};
    struct buf out;
    struct checkpoint *ckpt = checkpoint_open(from, &err);
    struct pool *pool = pool_open(n_threads, &err);
    buf_init(&out, 1 << 28);
    if (!ckpt || !pool || !fixture_export_to(ckpt, type, pool, &out, &err))
        fail_msg("%s: %s", from, err.text);
    test_write(path, out.data, out.len);
    buf_free(&out);
    pool_close(pool);
    checkpoint_close(ckpt);
}

const char *fixture_export_case(const char *name, enum checkpoint_layout layout, const char *type)
{
    char dir[512], file[64];
    oracle_copy(name, layout, dir);
    snprintf(file, sizeof file, "%s-%d-%s.gguf", name, (int)layout, type);
    const char *path = test_tmp(file);
    fixture_export(dir, path, type, 2);
    return path;
}

struct gguf fixture_gguf(const char *path)
{
    struct gguf gguf;
    struct err err = {0};
    if (!gguf_open(&gguf, path, &err))
        fail_msg("%s", err.text);
    return gguf;
}

void assert_same_tensors(const struct gguf *a, const struct gguf *b)
{
    assert_int_equal(a->tensors.n, b->tensors.n);
    for (size_t i = 0; i < a->tensors.n; i++) {
        const struct tensor_entry *x = &a->tensors.entries[i], *y = &b->tensors.entries[i];
        assert_string_equal(x->name, y->name);
        assert_string_equal(x->type, y->type);
        assert_int_equal(x->n_bytes, y->n_bytes);
        if (memcmp(x->data, y->data, x->n_bytes) != 0)
            fail_msg("%s differs", x->name);
    }
}

/* Mixtures, latents and scaled weights too: both layouts become the same tensors. */
TEST(gguf_export, layouts_become_the_same_tensors)
{
    for (int i = 0; i < FIXTURE_CASES; i++) {
        if (!fixture_cases[i].is_same)
            continue;
        struct gguf a =
            fixture_gguf(fixture_export_case(fixture_cases[i].name, CHECKPOINT_NATIVE, "F32"));
        struct gguf b =
            fixture_gguf(fixture_export_case(fixture_cases[i].name, CHECKPOINT_HF, "F32"));
        assert_same_tensors(&a, &b);
        gguf_close(&a);
        gguf_close(&b);
    }
}

TEST(gguf_export, survives_any_failed_allocation)
{
    struct err err = {0};
    struct checkpoint *ckpt = checkpoint_open("test/data/oracle/mixtral", &err);
    struct pool *pool = pool_open(1, &err);
    assert_true(ckpt && pool);
    bool ok = false;
    for (size_t n = 0; !ok && n < 1000; n++) {
        struct buf out;
        buf_init(&out, 1 << 24);
        mem_fail_after(n);
        ok = fixture_export_to(ckpt, "Q8_0", pool, &out, &err);
        mem_fail_never();
        assert_true(ok || err.code == ERR_LIMIT);
        buf_free(&out);
    }
    assert_true(ok);
    pool_close(pool);
    checkpoint_close(ckpt);
}

TEST(gguf_export, a_lost_file_is_no_result)
{
    char dir[512], path[600];
    struct err err = {0};
    struct buf out;
    oracle_copy("mistral", CHECKPOINT_HF, dir);
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    struct checkpoint *ckpt = checkpoint_open(dir, &err);
    struct pool *pool = pool_open(2, &err);
    assert_true(ckpt && pool);
    map_guard_uninstall(); /* of another test */
    map_guard_install();
    assert_true(checkpoint_check_numbers(ckpt, &err));
    assert_int_equal(truncate(path, 4096), 0);
    buf_init(&out, 1 << 24);
    assert_false(fixture_export_to(ckpt, "Q8_0", pool, &out, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.text, "/model.safetensors: reading at byte "));
    assert_false(checkpoint_check_numbers(ckpt, &err)); /* although zeros are numbers */
    buf_free(&out);
    pool_close(pool);
    checkpoint_close(ckpt);
}
