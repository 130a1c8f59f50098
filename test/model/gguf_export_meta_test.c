/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "model/export_fixture.h"
#include "oracle.h"
#include "test.h"

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

TEST(gguf_export_meta, the_configuration_and_every_type_come_back)
{
    static const char *const types[] = {"F32",    "F16",    "BF16", "Q8_0",   "Q6_K",   "Q5_K_M",
                                        "Q4_K_M", "Q4_K_S", "Q4_0", "IQ4_NL", "IQ4_XS", "MXFP4"};
    for (int i = 0; i < FIXTURE_CASES; i++) {
        struct err err = {0};
        char dir[512];
        enum checkpoint_layout layout = fixture_cases[i].native ? CHECKPOINT_NATIVE : CHECKPOINT_HF;
        const char *path = fixture_export_case(fixture_cases[i].name, layout, types[i % 12]);
        oracle_copy(fixture_cases[i].name, layout, dir);
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

/* One window and none may alternate, two windows may not. */
TEST(gguf_export_meta, refuses_windows_of_different_lengths)
{
    static const char list[] = "  null,\n  8,";
    struct err err = {0};
    struct buf out;
    char dir[512], path[600];
    size_t n;
    oracle_copy("ministral-swa-mix", CHECKPOINT_NATIVE, dir);
    snprintf(path, sizeof path, "%s/params.json", dir);
    char *params = test_read(path, &n), *at = strstr(params, list);
    assert_non_null(at);
    memcpy(at, "  4   ", 6);
    test_write(path, params, n);
    free(params);
    struct checkpoint *ckpt = checkpoint_open(dir, &err);
    struct pool *pool = pool_open(1, &err);
    assert_true(ckpt && pool);
    buf_init(&out, 1 << 24);
    assert_false(fixture_export_to(ckpt, "F32", pool, &out, &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "windows of 4 and 8 tokens"));
    buf_free(&out);
    pool_close(pool);
    checkpoint_close(ckpt);
}
