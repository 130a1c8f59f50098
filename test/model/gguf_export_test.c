/* SPDX-License-Identifier: Apache-2.0 */
#include "model/gguf_export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "data/gguf_write.h"
#include "model/export_fixture.h"
#include "oracle.h"
#include "test.h"

/* Every case, with the layouts that it has. */
static const struct {
    const char *name;
    bool native, hf;
    bool is_same; /* both layouts hold the same numbers */
} all_cases[] = {
    {"mistral", true, true, true},
    {"mistral-sharded", true, true, true},
    {"mistral-swa", true, true, true},
    {"ministral3", true, true, true},
    {"ministral3-tied", true, true, true},
    {"devstral2-yarnmag", true, true, true},
    {"mixtral", true, true, true},
    {"mistral3-wrapper", true, true, true},
    {"mistral4", true, true, true},
    {"mistral4-wrapper", true, true, true},
    {"large3", true, true, true},
    {"ministral3-fp8", true, true, true},
    {"mistral4-fp8", true, true, false},
    {"large3-fp8block", true, false, false},
    {"ministral3-nvfp4", false, true, false},
};
enum { N_ALL = sizeof all_cases / sizeof *all_cases };

static bool add_bytes(void *arg, const void *bytes, size_t n, struct err *err)
{
    return buf_add(arg, bytes, n, err);
}

static bool export_model(const struct checkpoint *ckpt, const char *type, struct pool *pool,
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
    if (!ckpt || !pool || !export_model(ckpt, type, pool, &out, &err))
        fail_msg("%s: %s", from, err.text);
    test_write(path, out.data, out.len);
    buf_free(&out);
    pool_close(pool);
    checkpoint_close(ckpt);
}

/* Writes a case of one layout and returns the path of the file. */
static const char *export_case(const char *name, enum checkpoint_layout layout, const char *type)
{
    char dir[512], file[64];
    oracle_copy(name, layout, dir);
    snprintf(file, sizeof file, "%s-%d-%s.gguf", name, (int)layout, type);
    const char *path = test_tmp(file);
    fixture_export(dir, path, type, 2);
    return path;
}

static struct gguf open_gguf(const char *path)
{
    struct gguf gguf;
    struct err err = {0};
    if (!gguf_open(&gguf, path, &err))
        fail_msg("%s", err.text);
    return gguf;
}

static void assert_same_tensors(const struct gguf *a, const struct gguf *b)
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

/* The reference logits come out of the file that either layout becomes. */
TEST(gguf_export, has_the_reference_logits)
{
    static float logits[ORACLE_MAX_TOK * 1024];
    static const enum checkpoint_layout layouts[] = {CHECKPOINT_NATIVE, CHECKPOINT_HF};
    for (int i = 0; i < 2 * ORACLE_CASES; i++) {
        char dir[512];
        struct rig rig;
        const char *name = oracle_cases[i / 2];
        if (strcmp(name, "ministral-swa-mix") == 0)
            continue; /* refused below */
        const char *path = export_case(name, layouts[i % 2], "F32");
        rig_open(&rig, path, &(struct cpu_options){.n_threads = 1, .exact = true});
        snprintf(dir, sizeof dir, "test/data/oracle/%s", name);
        for (int sequence = 0; sequence < ORACLE_SEQUENCES; sequence++) {
            struct oracle oracle;
            oracle_open(&oracle, dir, sequence);
            rig_run(&rig, oracle.ids, oracle.n, oracle.n, MODEL_MAX_TOKENS, logits);
            struct distance d = oracle_distance(&oracle, logits);
            if (!(d.max <= 2e-4))
                fail_msg("%s: off by %g", path, d.max);
            oracle_close(&oracle);
        }
        rig_close(&rig);
    }
}

/* Mixtures, latents and scaled weights too: both layouts become the same tensors. */
TEST(gguf_export, layouts_become_the_same_tensors)
{
    for (int i = 0; i < N_ALL; i++) {
        if (!all_cases[i].is_same)
            continue;
        struct gguf a = open_gguf(export_case(all_cases[i].name, CHECKPOINT_NATIVE, "F32"));
        struct gguf b = open_gguf(export_case(all_cases[i].name, CHECKPOINT_HF, "F32"));
        assert_same_tensors(&a, &b);
        gguf_close(&a);
        gguf_close(&b);
    }
}

/* What is read back says the same as the source. */
static void assert_same_config(const struct model_config *a, const struct model_config *b)
{
    assert_int_equal(a->dim, b->dim);
    assert_int_equal(a->n_layers, b->n_layers);
    assert_int_equal(a->n_heads, b->n_heads);
    assert_int_equal(a->n_kv_heads, b->n_kv_heads);
    assert_int_equal(a->head_dim, b->head_dim);
    assert_int_equal(a->n_vocab, b->n_vocab);
    assert_int_equal(a->context, b->context);
    assert_int_equal(a->tied, b->tied);
    assert_int_equal(a->is_latent, b->is_latent);
    assert_memory_equal(&a->latent, &b->latent, sizeof a->latent);
    assert_int_equal(a->is_moe, b->is_moe);
    assert_int_equal(a->moe.n_experts, b->moe.n_experts);
    assert_int_equal(a->moe.n_used, b->moe.n_used);
    assert_int_equal(a->moe.n_shared, b->moe.n_shared);
    assert_int_equal(a->moe.n_dense, b->moe.n_dense);
    assert_int_equal(a->moe.ffn_dim, b->moe.ffn_dim);
    assert_true(a->moe.routed_scale == b->moe.routed_scale);
    assert_int_equal(a->has_yarn, b->has_yarn);
    assert_near_f32(&a->rope_magnitude, &b->rope_magnitude, 1, 1e-6f, 0);
    assert_near_f32(&a->norm_eps, &b->norm_eps, 1, 0, 1e-6f);
    assert_true((float)a->temperature_beta == (float)b->temperature_beta);
    assert_true(a->temperature_beta == 0.0 || a->temperature_original == b->temperature_original);
    assert_true((float)a->rope_theta == (float)b->rope_theta);
    assert_memory_equal(a->windows, b->windows, a->n_layers * sizeof *a->windows);
}

TEST(gguf_export, the_configuration_and_every_type_come_back)
{
    static const char *const types[] = {"F32",    "F16",    "BF16", "Q8_0",   "Q6_K",   "Q5_K_M",
                                        "Q4_K_M", "Q4_K_S", "Q4_0", "IQ4_NL", "IQ4_XS", "MXFP4"};
    for (int i = 0; i < N_ALL; i++) {
        struct err err = {0};
        char dir[512];
        enum checkpoint_layout layout = all_cases[i].native ? CHECKPOINT_NATIVE : CHECKPOINT_HF;
        const char *path = export_case(all_cases[i].name, layout, types[i % 12]);
        oracle_copy(all_cases[i].name, layout, dir);
        struct checkpoint *want = checkpoint_open(dir, &err);
        assert_non_null(want);
        struct checkpoint *got = checkpoint_open(path, &err);
        if (!got)
            fail_msg("%s", err.text);
        assert_same_config(&got->config, &want->config);
        assert_int_equal(got->n_params, want->n_params);
        checkpoint_close(got);
        checkpoint_close(want);
    }
}

/* A file that is written again is the same file, whatever the number of threads. */
TEST(gguf_export, again_and_with_other_threads_it_is_the_same)
{
    static const char *const names[] = {"mistral4", "mixtral", "ministral3"};
    for (int i = 0; i < 3; i++) {
        char dir[512];
        oracle_copy(names[i], CHECKPOINT_NATIVE, dir);
        const char *one = test_tmp("one.gguf"), *three = test_tmp("three.gguf");
        const char *again = test_tmp("again.gguf");
        fixture_export(dir, one, "Q4_K_M", 1);
        fixture_export(dir, three, "Q4_K_M", 3);
        size_t n, m;
        char *a = test_read(one, &n), *b = test_read(three, &m);
        assert_int_equal(n, m);
        assert_memory_equal(a, b, n);
        free(a);
        free(b);
        fixture_export(dir, one, "BF16", 1);
        fixture_export(one, again, "BF16", 2);
        struct gguf x = open_gguf(one), y = open_gguf(again);
        assert_same_tensors(&x, &y);
        gguf_close(&x);
        gguf_close(&y);
    }
}

TEST(gguf_export, refuses_layers_with_different_windows)
{
    struct err err = {0};
    struct buf out;
    struct checkpoint *ckpt = checkpoint_open("test/data/oracle/ministral-swa-mix", &err);
    struct pool *pool = pool_open(1, &err);
    assert_true(ckpt && pool);
    buf_init(&out, 1 << 24);
    assert_false(export_model(ckpt, "F32", pool, &out, &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    buf_free(&out);
    pool_close(pool);
    checkpoint_close(ckpt);
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
        ok = export_model(ckpt, "Q8_0", pool, &out, &err);
        mem_fail_never();
        assert_true(ok || err.code == ERR_LIMIT);
        buf_free(&out);
    }
    assert_true(ok);
    pool_close(pool);
    checkpoint_close(ckpt);
}
