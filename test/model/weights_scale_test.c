/* SPDX-License-Identifier: Apache-2.0 */
/* weights_scale_test.c - what quantised matrices stand for, and scales that are wrong. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/safetensors.h"
#include "edit.h"
#include "model/checkpoint_int.h"
#include "oracle.h"
#include "poison.h"
#include "test.h"
#include "weights_values.h"

/* Reference values, dequantised in float64 by an independent program. */
static void assert_values(const char *name, const struct tensor *t)
{
    struct err err = {0};
    struct tensor_store store = {0};
    size_t n_bytes;
    char *bytes = test_read("test/data/dequant.safetensors", &n_bytes);
    if (!safetensors_parse(&store, "dequant", (const uint8_t *)bytes, n_bytes, &err) ||
        !tensor_store_sort(&store, &err))
        fail_msg("%s", err.text);
    const struct tensor_entry *e = tensor_store_find(&store, name);
    if (!e)
        fail_msg("%s", name);
    assert_int_equal(t->n_rows, e->shape[0]);
    assert_int_equal(t->n_cols, e->shape[1]);
    float *got = values_of(t), *want = malloc(e->n_bytes);
    memcpy(want, e->data, e->n_bytes);
    assert_near_f32(got, want, e->n_bytes / sizeof *want, 0, 2e-7f);
    free(got);
    free(want);
    tensor_store_free(&store);
    free(bytes);
}

static struct checkpoint *open_case(const char *name, enum checkpoint_layout layout)
{
    struct err err = {0};
    char dir[512];
    oracle_copy(name, layout, dir);
    struct checkpoint *ckpt = checkpoint_open(dir, &err);
    if (!ckpt)
        fail_msg("%s: %s", name, err.text);
    return ckpt;
}

TEST(weights_scale, a_scale_per_tensor_gives_the_reference_values)
{
    struct checkpoint *ckpt = open_case("ministral3-fp8", CHECKPOINT_NATIVE);
    const struct tensor *wk = &ckpt->weights.layers[1].wk;
    assert_int_equal(wk->dtype, DTYPE_E4M3);
    assert_values("ministral3-fp8/layers.1.attention.wk", wk);
    assert_int_equal(wk->input.rounding, INPUT_E4M3_STATIC);
    assert_true(wk->input.scale > 0.0f);
    assert_int_equal(ckpt->weights.output.input.rounding, INPUT_EXACT);
    checkpoint_close(ckpt);
    ckpt = open_case("ministral3-fp8", CHECKPOINT_HF);
    assert_values("ministral3-fp8/model.layers.2.mlp.gate_proj",
                  &ckpt->weights.layers[2].ffn.w_gate);
    checkpoint_close(ckpt);
}

TEST(weights_scale, what_scales_a_matrix_is_told_apart)
{
    static const struct {
        const char *model, *name;
        enum checkpoint_layout layout;
        bool is_scale;
    } cases[] = {
        {"ministral3-fp8", "layers.1.attention.wk.qscale_weight", CHECKPOINT_NATIVE, true},
        {"ministral3-fp8", "layers.1.attention.wk.qscale_act", CHECKPOINT_NATIVE, true},
        {"ministral3-fp8", "layers.1.attention.wk.weight", CHECKPOINT_NATIVE, false},
        {"ministral3-fp8", "layers.9.attention.wk.qscale_act", CHECKPOINT_NATIVE, false},
        {"ministral3-fp8", "vision_encoder.x.qscale_act", CHECKPOINT_NATIVE, false},
        {"ministral3-fp8", "scale", CHECKPOINT_NATIVE, false},
        {"mistral4-fp8", "model.layers.0.mlp.experts.down_proj_scale_inv", CHECKPOINT_HF, true},
        {"mistral4-fp8", "model.layers.0.mlp.experts.down_proj", CHECKPOINT_HF, false},
        {"ministral3-nvfp4", "model.layers.0.mlp.up_proj.weight_global_scale", CHECKPOINT_HF, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct checkpoint *ckpt = open_case(cases[i].model, cases[i].layout);
        if (weights_is_scale(ckpt, cases[i].name) != cases[i].is_scale)
            fail_msg("%s", cases[i].name);
        checkpoint_close(ckpt);
    }
}

TEST(weights_scale, both_spellings_of_scales_hold_the_same)
{
    struct checkpoint *a = open_case("ministral3-fp8", CHECKPOINT_NATIVE);
    struct checkpoint *b = open_case("ministral3-fp8", CHECKPOINT_HF);
    assert_same_weights(a, b);
    for (uint32_t i = 0; i < a->config.n_layers; i++) {
        const struct layer_weights *x = &a->weights.layers[i], *y = &b->weights.layers[i];
        assert_true(x->wo.input.scale == y->wo.input.scale);
        assert_true(x->ffn.w_up.input.scale == y->ffn.w_up.input.scale);
    }
    checkpoint_close(a);
    checkpoint_close(b);
}

TEST(weights_scale, each_expert_has_its_own)
{
    struct checkpoint *ckpt = open_case("mistral4-fp8", CHECKPOINT_NATIVE);
    assert_values("mistral4-fp8/layers.1.experts.3.w2", &ckpt->weights.layers[1].experts[3].w_down);
    checkpoint_close(ckpt);
    ckpt = open_case("mistral4-fp8", CHECKPOINT_HF);
    const struct ffn_tensors *expert = &ckpt->weights.layers[1].experts[3];
    struct tensor both = expert->w_gate; /* the rows of w_up follow */
    both.n_rows *= 2;
    assert_true(expert->w_gate.scale == expert->w_up.scale);
    assert_true(expert->w_gate.input.scale == expert->w_up.input.scale);
    assert_true(expert->w_gate.scale != ckpt->weights.layers[1].experts[2].w_gate.scale);
    assert_ptr_equal(expert->w_up.data,
                     (const char *)expert->w_gate.data + tensor_bytes(&expert->w_gate));
    assert_values("mistral4-fp8/gate_up.3", &both);
    assert_values("mistral4-fp8/down.3", &expert->w_down);
    checkpoint_close(ckpt);
}

TEST(weights_scale, blocks_give_the_reference_values_at_edges_too)
{
    struct checkpoint *ckpt = open_case("large3-fp8block", CHECKPOINT_NATIVE);
    const struct layer_weights *w = &ckpt->weights.layers[1];
    assert_int_equal(w->q_b.scales.n_rows, 32);
    assert_int_equal(w->q_b.scales.stride, 2); /* of 40 columns */
    assert_int_equal(w->q_b.input.rounding, INPUT_E4M3_DYNAMIC);
    assert_int_equal(w->q_b.input.group, 32);
    assert_int_equal(w->q_a.dtype, DTYPE_BF16);
    assert_int_equal(w->q_a.input.rounding, INPUT_EXACT);
    assert_values("large3-fp8block/layers.1.attention.wq_b", &w->q_b);
    assert_values("large3-fp8block/layers.1.experts.5.w3", &w->experts[5].w_up);
    checkpoint_close(ckpt);
}

TEST(weights_scale, packed_nibbles_give_the_reference_values)
{
    struct checkpoint *ckpt = open_case("ministral3-nvfp4", CHECKPOINT_HF);
    const struct tensor *wk = &ckpt->weights.layers[1].wk;
    assert_int_equal(wk->dtype, DTYPE_E2M1);
    assert_int_equal(wk->scales.dtype, DTYPE_E4M3);
    assert_int_equal(wk->scales.n_cols, 16);
    assert_values("ministral3-nvfp4/model.layers.1.self_attn.k_proj", wk);
    checkpoint_close(ckpt);
}

TEST(weights_scale, gguf_blocks_have_scales_beside_them)
{
    struct err err = {0};
    struct checkpoint *ckpt = checkpoint_open("test/data/layouts/mixtral-nvfp4-gguf", &err);
    if (!ckpt)
        fail_msg("%s", err.text);
    const struct layer_weights *w = &ckpt->weights.layers[0];
    assert_int_equal(w->wo.dtype, DTYPE_NVFP4);
    assert_values("mixtral-nvfp4-gguf/wo", &w->wo);
    assert_values("mixtral-nvfp4-gguf/w1.2", &w->experts[2].w_gate);
    assert_values("mixtral-nvfp4-gguf/w2.1", &w->experts[1].w_down);
    assert_int_equal(w->wo.input.rounding, INPUT_EXACT);
    checkpoint_close(ckpt);
}

static const char fp8_scale[] = "layers.1.attention.wq.qscale_weight";

TEST(weights_scale, numbers_that_cannot_scale_are_named)
{
    static const struct {
        const char *name, *tensor;
        enum checkpoint_layout layout;
    } places[] = {
        {"ministral3-fp8", fp8_scale, CHECKPOINT_NATIVE},
        {"ministral3-fp8", "layers.0.feed_forward.w2.qscale_act", CHECKPOINT_NATIVE},
        {"ministral3-fp8", "model.layers.0.mlp.up_proj.weight_scale_inv", CHECKPOINT_HF},
        {"mistral4-fp8", "model.layers.1.mlp.experts.down_proj_scale_inv", CHECKPOINT_HF},
        {"large3-fp8block", "layers.1.experts.7.w2.weight_scale", CHECKPOINT_NATIVE},
        {"ministral3-nvfp4", "model.layers.2.mlp.up_proj.weight_global_scale", CHECKPOINT_HF},
    };
    static const float values[] = {NAN, INFINITY, -INFINITY, 0.0f, -1.0f, 1e-39f};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            struct err err = {0};
            char dir[512], file[600], text[200];
            oracle_copy(places[i].name, places[i].layout, dir);
            snprintf(file, sizeof file, "%s/%s.safetensors", dir,
                     places[i].layout == CHECKPOINT_NATIVE ? "consolidated" : "model");
            poison(dir, file, places[i].tensor, 0, &values[k], sizeof values[k]);
            assert_null(checkpoint_open(dir, &err));
            snprintf(text, sizeof text, ".safetensors: %s: a scale is %g; expected a positive",
                     places[i].tensor, (double)values[k]);
            if (err.code != ERR_FORMAT || !strstr(err.text, text))
                fail_msg("%s: %s", text, err.text);
        }
}

static const struct {
    const char *name;
    enum checkpoint_layout layout;
    const char *from, *to, *item;
    enum err_code code;
} bad[] = {
    {"ministral3-fp8", CHECKPOINT_NATIVE, "layers.1.attention.wq.qscale_weight",
     "layers.1.attention.wq.qscale_weigth",
     "layers.1.attention.wq.weight: format F8_E4M3 without its scales", ERR_FORMAT},
    {"ministral3-fp8", CHECKPOINT_NATIVE, "layers.1.attention.wq.qscale_act",
     "layers.1.attention.wq.qscale_axe", "layers.1.attention.wq.qscale_axe: ", ERR_UNSUPPORTED},
    {"ministral3-fp8", CHECKPOINT_NATIVE, "\"dtype\":\"F32\",\"shape\":[]",
     "\"dtype\":\"F32\",\"shape\":[1,1,1]", "", ERR_NONE},
    {"ministral3-fp8", CHECKPOINT_NATIVE, "\"dtype\":\"F32\",\"shape\":[]",
     "\"dtype\":\"BF16\",\"shape\":[2]", "shape is 2, the configuration says one scale",
     ERR_FORMAT},
    {"ministral3-fp8", CHECKPOINT_NATIVE, "\"dtype\":\"F32\",\"shape\":[]",
     "\"dtype\":\"I32\",\"shape\":[]", "a scale in format I32", ERR_UNSUPPORTED},
    {"mistral4-fp8", CHECKPOINT_HF, "\"shape\":[8,1,1]", "\"shape\":[1,8,1]", "shape is 1 x 8 x 1",
     ERR_FORMAT},
    {"mistral4-fp8", CHECKPOINT_HF, "\"shape\":[8,1,1]", "\"shape\":[8]", "", ERR_NONE},
    {"large3-fp8block", CHECKPOINT_NATIVE, "\"dtype\":\"F32\",\"shape\":[4,2]",
     "\"dtype\":\"F32\",\"shape\":[2,4]", "shape is 2 x 4, the configuration says 4 x 2",
     ERR_FORMAT},
    {"large3-fp8block", CHECKPOINT_NATIVE, "\"dtype\":\"F32\",\"shape\":[4,2]",
     "\"dtype\":\"F32\",\"shape\":[8]", "shape is 8, the configuration says 4 x 2", ERR_FORMAT},
    {"ministral3-nvfp4", CHECKPOINT_HF, "model.layers.0.self_attn.q_proj.weight_global_scale",
     "model.layers.0.self_attn.q_proj.weight_globel_scale", "format U8 without its scales",
     ERR_FORMAT},
    {"ministral3-nvfp4", CHECKPOINT_HF, "model.layers.0.self_attn.q_proj.weight_scale",
     "model.layers.0.self_attn.q_proj.weight_scole", "format U8 without its scales", ERR_FORMAT},
    {"ministral3-nvfp4", CHECKPOINT_HF, "\"dtype\":\"F8_E4M3\",\"shape\":[128,4]",
     "\"dtype\":\"U8\",\"shape\":[128,4]", "scales in format U8; expected F8_E4M3",
     ERR_UNSUPPORTED},
    {"ministral3-nvfp4", CHECKPOINT_HF, "\"dtype\":\"F8_E4M3\",\"shape\":[128,4]",
     "\"dtype\":\"F8_E4M3\",\"shape\":[64,8]", "the configuration says 128 x 4", ERR_FORMAT},
    {"ministral3-nvfp4", CHECKPOINT_HF, "\"dtype\":\"U8\",\"shape\":[128,32]",
     "\"dtype\":\"U8\",\"shape\":[64,64]", "the configuration says 128 x 32", ERR_FORMAT},
};

TEST(weights_scale, scales_of_the_wrong_kind_are_named)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        char dir[512];
        oracle_copy(bad[i].name, bad[i].layout, dir);
        edit_header(dir,
                    bad[i].layout == CHECKPOINT_NATIVE ? "consolidated.safetensors"
                                                       : "model.safetensors",
                    bad[i].from, bad[i].to);
        struct checkpoint *ckpt = checkpoint_open(dir, &err);
        if ((ckpt != NULL) != (bad[i].code == ERR_NONE) || err.code != bad[i].code ||
            !strstr(err.text, bad[i].item))
            fail_msg("%s: %d %s", bad[i].to, (int)err.code, err.text);
        checkpoint_close(ckpt);
    }
}
