/* SPDX-License-Identifier: Apache-2.0 */
/* config_test.c - both dialects of the reference checkpoints say the same. */
#include "model/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/gguf.h"
#include "data/json.h"
#include "test.h"

static const char *const cases[] = {
    "mistral",        "mistral-sharded", "mistral-swa",       "ministral-swa-mix",
    "ministral3",     "ministral3-tied", "devstral2-yarnmag", "mistral3-wrapper",
    "mixtral",        "mistral4",        "mistral4-wrapper",  "large3",
    "ministral3-fp8", "mistral4-fp8",
};
#define N_CASES (sizeof cases / sizeof *cases)

static struct model_config read_path(const char *path, bool native)
{
    struct model_config config;
    struct err err = {0};
    struct json_doc *doc = json_open(path, &err);
    bool ok = doc && (native ? config_from_params(&config, doc, &err)
                             : config_from_hf(&config, doc, &err));
    json_close(doc);
    if (!ok)
        fail_msg("%s: %s", path, err.text);
    return config;
}

static struct json_doc *open_case(const char *name, const char *file)
{
    struct err err = {0};
    char path[256];
    snprintf(path, sizeof path, "test/data/oracle/%s/%s", name, file);
    struct json_doc *doc = json_open(path, &err);
    if (!doc)
        fail_msg("%s", err.text);
    return doc;
}

static struct model_config read_case(const char *name, bool native)
{
    char path[256];
    snprintf(path, sizeof path, "test/data/oracle/%s/%s", name,
             native ? "params.json" : "config.json");
    return read_path(path, native);
}

static void assert_same_sizes(const struct model_config *a, const struct model_config *b)
{
    assert_int_equal(a->dim, b->dim);
    assert_int_equal(a->n_layers, b->n_layers);
    assert_int_equal(a->n_heads, b->n_heads);
    assert_int_equal(a->n_kv_heads, b->n_kv_heads);
    assert_int_equal(a->head_dim, b->head_dim);
    assert_int_equal(a->ffn_dim, b->ffn_dim);
    assert_int_equal(a->n_vocab, b->n_vocab);
    assert_true(a->norm_eps == b->norm_eps);
    assert_true(a->rope_theta == b->rope_theta);
    assert_int_equal(a->has_yarn, b->has_yarn);
    assert_memory_equal(a->windows, b->windows, sizeof a->windows);
    assert_int_equal(a->is_latent, b->is_latent);
    assert_memory_equal(&a->latent, &b->latent, sizeof a->latent);
    assert_int_equal(a->is_moe, b->is_moe);
    assert_int_equal(a->moe.n_experts, b->moe.n_experts);
    assert_int_equal(a->moe.n_used, b->moe.n_used);
    assert_int_equal(a->moe.ffn_dim, b->moe.ffn_dim);
    assert_int_equal(a->moe.n_shared, b->moe.n_shared);
    assert_int_equal(a->moe.n_dense, b->moe.n_dense);
    assert_int_equal(a->moe.renormalise, b->moe.renormalise);
    assert_true(a->moe.routed_scale == b->moe.routed_scale);
    assert_int_equal(a->quant.rounding, b->quant.rounding);
}

TEST(config, both_dialects_of_each_reference_model_agree)
{
    for (size_t i = 0; i < N_CASES; i++) {
        struct model_config a = read_case(cases[i], true), b = read_case(cases[i], false);
        assert_same_sizes(&a, &b);
        assert_int_equal(a.tied, b.tied);
        assert_true(a.rope_magnitude == b.rope_magnitude);
        assert_memory_equal(&a.yarn, &b.yarn, sizeof a.yarn);
        assert_true(a.temperature_beta == b.temperature_beta);
        assert_true(a.temperature_original == b.temperature_original);
        assert_int_equal(a.rope_layout, ROPE_INTERLEAVED);
        assert_int_equal(b.rope_layout, b.is_latent ? ROPE_INTERLEAVED : ROPE_HALF_SPLIT);
    }
}

TEST(config, features_are_those_that_the_reference_computed_with)
{
    for (size_t i = 0; i < N_CASES; i++) {
        struct model_config config = read_case(cases[i], true);
        struct err err = {0};
        struct json_doc *doc = open_case(cases[i], "expected.json");
        struct json root = json_root(doc), windows;
        double scale, magnitude, beta;
        assert_true(json_f64(&root, "attn_scale", 0, 10, &scale, &err));
        assert_true(json_f64(&root, "rope_mag", 0, 10, &magnitude, &err));
        assert_true(json_f64(&root, "temp_beta", 0, 10, &beta, &err));
        assert_true(json_need(&root, "windows", &windows, &err));
        assert_true(fabs((double)config.attn_scale_mult / sqrt(config.head_dim) - scale) < 1e-15);
        assert_true(config.rope_magnitude == (float)magnitude);
        assert_true(config.temperature_beta == beta);
        assert_int_equal(json_count(&windows), config.n_layers);
        for (uint32_t j = 0; j < config.n_layers; j++) {
            struct json item = json_item(&windows, j);
            int64_t window;
            assert_true(json_read_int(&item, 0, LIMIT_CONTEXT, &window, &err));
            assert_int_equal(config.windows[j], window);
        }
        json_close(doc);
    }
}

TEST(config, three_forms_of_the_small_model_agree)
{
    struct model_config native = read_path("test/data/stories260K/params.json", true);
    struct model_config hf = read_path("test/data/stories260K/config.json", false), converted;
    struct err err = {0};
    struct gguf gguf;
    assert_true(gguf_open(&gguf, "models/stories260K.gguf", &err));
    assert_true(config_from_gguf(&converted, &gguf, &err));
    gguf_close(&gguf);
    assert_same_sizes(&native, &hf);
    assert_same_sizes(&native, &converted);
    assert_int_equal(native.context, 512);
    assert_int_equal(hf.context, 512);
    assert_true(hf.tied && !native.tied && !converted.tied);
}
