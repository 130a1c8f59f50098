/* SPDX-License-Identifier: Apache-2.0 */
/* weights_experts_test.c - every arrangement of experts must hold the same numbers. */
#include <stdio.h>
#include <string.h>

#include "edit.h"
#include "oracle.h"
#include "test.h"
#include "weights_values.h"

static struct checkpoint *open_at(const char *path)
{
    struct err err = {0};
    struct checkpoint *ckpt = checkpoint_open(path, &err);
    if (!ckpt)
        fail_msg("%s: %s", path, err.text);
    return ckpt;
}

static void assert_same_models(const char *a, const char *b)
{
    struct checkpoint *x = open_at(a), *y = open_at(b);
    assert_same_weights(x, y);
    checkpoint_close(x);
    checkpoint_close(y);
}

TEST(weights_experts, both_layouts_of_each_reference_model_hold_the_same)
{
    static const char *const cases[] = {"mixtral", "mistral4", "mistral4-wrapper", "large3"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char native[512], hf[512];
        oracle_copy(cases[i], CHECKPOINT_NATIVE, native);
        oracle_copy(cases[i], CHECKPOINT_HF, hf);
        assert_same_models(native, hf);
    }
}

TEST(weights_experts, gguf_files_hold_the_same)
{
    assert_same_models("test/data/oracle/mixtral", "test/data/oracle-gguf/mixtral-bf16");
    assert_same_models("test/data/oracle/mistral4", "test/data/oracle-gguf/mistral4-bf16");
    assert_same_models("test/data/oracle/large3", "test/data/oracle-gguf/large3-bf16");
}

TEST(weights_experts, rarer_arrangements_hold_the_same)
{
    static const char *const pairs[][2] = {
        {"mixtral", "mixtral-first"},    {"mixtral", "mixtral-fused"},
        {"mixtral", "mixtral-old-gguf"}, {"mixtral", "mixtral-fused-gguf"},
        {"latent", "latent-deepseek2"},  {"latent-nvfp4", "latent-modelopt"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char a[128], b[128];
        snprintf(a, sizeof a, "test/data/layouts/%s", pairs[i][0]);
        snprintf(b, sizeof b, "test/data/layouts/%s", pairs[i][1]);
        assert_same_models(a, b);
    }
}

TEST(weights_experts, the_first_release_is_not_copied)
{
    struct checkpoint *ckpt = open_at("test/data/layouts/mixtral-first");
    const struct ffn_tensors *experts = ckpt->weights.layers[0].experts;
    assert_true(experts[1].w_down.transposed && !experts[1].w_gate.transposed);
    assert_int_equal((const char *)experts[1].w_down.data - (const char *)experts[0].w_down.data,
                     tensor_bytes(&experts[0].w_down));
    checkpoint_close(ckpt);
}

TEST(weights_experts, active_parameters_leave_out_what_is_not_chosen)
{
    struct checkpoint *ckpt = open_at("test/data/oracle/large3");
    /* 2 layers with 6 experts of 3 x 24 x 64, of which 3 work. */
    assert_int_equal(ckpt->n_params - ckpt->n_active_params, 2 * 3 * 3 * 24 * 64);
    checkpoint_close(ckpt);
    ckpt = open_at("test/data/oracle/mistral");
    assert_int_equal(ckpt->n_params, ckpt->n_active_params);
    checkpoint_close(ckpt);
}

static const struct {
    const char *name;
    enum checkpoint_layout layout;
    const char *file, *from, *to, *item;
    enum err_code code;
} bad[] = {
    {"mixtral", CHECKPOINT_NATIVE, "params.json", "\"num_experts\": 8", "\"num_experts\": 9",
     "feed_forward.gate.weight: shape is 8 x 64, the configuration says 9 x 64", ERR_FORMAT},
    {"mixtral", CHECKPOINT_NATIVE, "params.json", "\"num_experts\": 8", "\"num_experts\": 7",
     "feed_forward.gate.weight: shape is 8 x 64, the configuration says 7 x 64", ERR_FORMAT},
    {"mixtral", CHECKPOINT_NATIVE, "consolidated.safetensors", "experts.7.w2", "experts.8.w2",
     "layers.0.feed_forward.experts.7.w2.weight: missing", ERR_FORMAT},
    {"mixtral", CHECKPOINT_NATIVE, "consolidated.safetensors", "layers.1.feed_forward.experts.0.w1",
     "layers.1.feed_forward.experts.9.w1", "layers.1.feed_forward.experts.0.w1.weight: missing",
     ERR_FORMAT},
    {"mixtral", CHECKPOINT_NATIVE, "consolidated.safetensors", "feed_forward.gate.",
     "feed_forward.gote.", "feed_forward.gate.weight: missing", ERR_FORMAT},
    {"large3", CHECKPOINT_NATIVE, "consolidated.safetensors", "layers.1.gate", "layers.0.gate",
     "layers.1.gate.weight: missing", ERR_FORMAT},
    {"large3", CHECKPOINT_NATIVE, "consolidated.safetensors", "layers.2.shared_experts.w1",
     "layers.3.shared_experts.w1", "layers.2.shared_experts.w1.weight: missing", ERR_FORMAT},
    {"large3", CHECKPOINT_NATIVE, "params.json", "\"first_k_dense_replace\": 1",
     "\"first_k_dense_replace\": 2", "layers.1.feed_forward.w1.weight: missing", ERR_FORMAT},
    {"large3", CHECKPOINT_NATIVE, "params.json", "\"num_shared_experts\": 1",
     "\"num_shared_experts\": 0", "shared_experts", ERR_UNSUPPORTED},
    {"large3", CHECKPOINT_HF, "config.json", "\"n_routed_experts\": 6", "\"n_routed_experts\": 5",
     "mlp.gate.weight: shape is 6 x 64", ERR_FORMAT},
    {"large3", CHECKPOINT_HF, "model.safetensors", "\"shape\":[6,48,64]", "\"shape\":[8,36,64]",
     "gate_up_proj: shape is 8 x 36 x 64, the configuration says 6 x 48 x 64", ERR_FORMAT},
    {"large3", CHECKPOINT_HF, "model.safetensors", "\"shape\":[6,48,64]", "\"shape\":[288,64]",
     "gate_up_proj: shape is 288 x 64", ERR_FORMAT},
    {"mixtral", CHECKPOINT_HF, "config.json", "\"num_local_experts\": 8,", "",
     "mlp.gate_proj.weight: missing", ERR_FORMAT},
};

TEST(weights_experts, what_contradicts_is_named)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        char dir[512];
        oracle_copy(bad[i].name, bad[i].layout, dir);
        if (strstr(bad[i].file, ".json"))
            edit_file(dir, bad[i].file, bad[i].from, bad[i].to);
        else
            edit_header(dir, bad[i].file, bad[i].from, bad[i].to);
        if (checkpoint_open(dir, &err))
            fail_msg("%s: accepted", bad[i].to);
        if (err.code != bad[i].code || !strstr(err.text, bad[i].item))
            fail_msg("%s: %d %s", bad[i].to, (int)err.code, err.text);
    }
}
