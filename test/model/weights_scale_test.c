/* SPDX-License-Identifier: Apache-2.0 */
/* weights_scale_test.c - what quantised matrices stand for, and scales that are wrong. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/safetensors.h"
#include "data/safetensors_write.h"
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

/* Returns a copy of a model that spells NVFP4 as ModelOpt does.  Borrowed: as edit_folder(). */
static const char *copy_modelopt(void)
{
    const char *dir = edit_folder("scale-modelopt");
    edit_copy("test/data/layouts/latent-modelopt/config.json", dir);
    edit_copy("test/data/layouts/latent-modelopt/model.safetensors", dir);
    return dir;
}

/* Adds a scale to the file of a model: its number follows all others. */
static void append_scale(const char *dir, const char *name, const char *shape, float value)
{
    char path[600], entry[300];
    size_t n;
    uint64_t n_header;
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    char *bytes = test_read(path, &n), *out = calloc(n + sizeof value, 1);
    memcpy(&n_header, bytes, sizeof n_header);
    memcpy(out, bytes, n);
    memcpy(out + n, &value, sizeof value);
    test_write(path, out, n + sizeof value);
    n -= 8 + n_header;
    snprintf(entry, sizeof entry,
             "{\"%s\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[%zu,%zu]},", name, shape, n,
             n + sizeof value);
    edit_header(dir, "model.safetensors", "{", entry);
    free(bytes);
    free(out);
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
     "\"dtype\":\"F32\",\"shape\":[1]", "", ERR_NONE},
    {"ministral3-fp8", CHECKPOINT_NATIVE, "\"dtype\":\"F32\",\"shape\":[]",
     "\"dtype\":\"F32\",\"shape\":[1,1]",
     "wq.qscale_weight: the shape of the scale is [1 x 1], expected [] or [1]; ", ERR_FORMAT},
    {"ministral3-fp8", CHECKPOINT_NATIVE, "\"dtype\":\"F32\",\"shape\":[]",
     "\"dtype\":\"F32\",\"shape\":[1,1,1]",
     "wq.qscale_weight: the shape of the scale is [1 x 1 x 1], expected [] or [1]; ", ERR_FORMAT},
    {"ministral3-fp8", CHECKPOINT_NATIVE, "qscale_act\":{\"dtype\":\"F32\",\"shape\":[]",
     "qscale_act\":{\"dtype\":\"F32\",\"shape\":[1,1,1]",
     "qscale_act: the shape of the scale is [1 x 1 x 1], expected [] or [1]; ", ERR_FORMAT},
    {"ministral3-fp8", CHECKPOINT_HF, "weight_scale_inv\":{\"dtype\":\"F32\",\"shape\":[]",
     "weight_scale_inv\":{\"dtype\":\"F32\",\"shape\":[1,1]",
     "weight_scale_inv: the shape of the scale is [1 x 1], expected [] or [1]; ", ERR_FORMAT},
    {"ministral3-fp8", CHECKPOINT_HF, "activation_scale\":{\"dtype\":\"F32\",\"shape\":[]",
     "activation_scale\":{\"dtype\":\"F32\",\"shape\":[1,1]",
     "activation_scale: the shape of the scale is [1 x 1], expected [] or [1]; ", ERR_FORMAT},
    {"ministral3-fp8", CHECKPOINT_NATIVE, "\"dtype\":\"F32\",\"shape\":[]",
     "\"dtype\":\"BF16\",\"shape\":[2]", "the shape of the scale is [2], expected [] or [1]; ",
     ERR_FORMAT},
    {"ministral3-fp8", CHECKPOINT_NATIVE, "\"dtype\":\"F32\",\"shape\":[]",
     "\"dtype\":\"I32\",\"shape\":[]", "a scale in format I32", ERR_UNSUPPORTED},
    {"mistral4-fp8", CHECKPOINT_HF, "\"shape\":[8,1,1]", "\"shape\":[1,8,1]",
     "_scale_inv: the shape of the scale is [1 x 8 x 1], expected [], [1], [8] or [8 x 1 x 1]; ",
     ERR_FORMAT},
    {"mistral4-fp8", CHECKPOINT_HF, "\"shape\":[8,1,1]", "\"shape\":[8,1]",
     "the shape of the scale is [8 x 1], expected [], [1], [8] or [8 x 1 x 1]; ", ERR_FORMAT},
    {"mistral4-fp8", CHECKPOINT_HF, "\"dtype\":\"F32\",\"shape\":[8]",
     "\"dtype\":\"F32\",\"shape\":[1,8]",
     "_activation_scale: the shape of the scale is [1 x 8], expected [], [1], [8] or ", ERR_FORMAT},
    {"mistral4-fp8", CHECKPOINT_HF, "\"shape\":[8,1,1]", "\"shape\":[8]", "", ERR_NONE},
    {"large3-fp8block", CHECKPOINT_NATIVE, "\"dtype\":\"F32\",\"shape\":[4,2]",
     "\"dtype\":\"F32\",\"shape\":[2,4]", "the shape of the scale is [2 x 4], expected [4 x 2]; ",
     ERR_FORMAT},
    {"large3-fp8block", CHECKPOINT_NATIVE, "\"dtype\":\"F32\",\"shape\":[4,2]",
     "\"dtype\":\"F32\",\"shape\":[1,4,2]",
     "weight_scale: the shape of the scale is [1 x 4 x 2], expected [4 x 2]; ", ERR_FORMAT},
    {"large3-fp8block", CHECKPOINT_NATIVE, "\"dtype\":\"F32\",\"shape\":[4,2]",
     "\"dtype\":\"F32\",\"shape\":[8]", "the shape of the scale is [8], expected [4 x 2]; ",
     ERR_FORMAT},
    {"large3-fp8block", CHECKPOINT_NATIVE, "\"dtype\":\"F32\",\"shape\":[1,2]",
     "\"dtype\":\"F32\",\"shape\":[2]", "the shape of the scale is [2], expected [1 x 2]; ",
     ERR_FORMAT},
    {"ministral3-nvfp4", CHECKPOINT_HF, "model.layers.0.self_attn.q_proj.weight_global_scale",
     "model.layers.0.self_attn.q_proj.weight_globel_scale", "format U8 without its scales",
     ERR_FORMAT},
    {"ministral3-nvfp4", CHECKPOINT_HF, "model.layers.0.self_attn.q_proj.weight_scale",
     "model.layers.0.self_attn.q_proj.weight_scole", "format U8 without its scales", ERR_FORMAT},
    {"ministral3-nvfp4", CHECKPOINT_HF, "\"dtype\":\"F8_E4M3\",\"shape\":[128,4]",
     "\"dtype\":\"U8\",\"shape\":[128,4]", "scales in format U8; expected F8_E4M3",
     ERR_UNSUPPORTED},
    {"ministral3-nvfp4", CHECKPOINT_HF, "\"dtype\":\"F8_E4M3\",\"shape\":[128,4]",
     "\"dtype\":\"F8_E4M3\",\"shape\":[64,8]",
     "q_proj.weight_scale: the shape of the scale is [64 x 8], expected [128 x 4]; ", ERR_FORMAT},
    {"ministral3-nvfp4", CHECKPOINT_HF, "\"dtype\":\"F8_E4M3\",\"shape\":[128,4]",
     "\"dtype\":\"F8_E4M3\",\"shape\":[1,128,4]",
     "q_proj.weight_scale: the shape of the scale is [1 x 128 x 4], expected [128 x 4]; ",
     ERR_FORMAT},
    {"ministral3-nvfp4", CHECKPOINT_HF, "\"dtype\":\"F32\",\"shape\":[1]",
     "\"dtype\":\"F32\",\"shape\":[]", "", ERR_NONE},
    {"ministral3-nvfp4", CHECKPOINT_HF, "\"dtype\":\"F32\",\"shape\":[1]",
     "\"dtype\":\"F32\",\"shape\":[1,1,1]",
     "weight_global_scale: the shape of the scale is [1 x 1 x 1], expected [] or [1]; ",
     ERR_FORMAT},
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

/* The other spelling of NVFP4, whose every scale multiplies, and what it says of the inputs. */
TEST(weights_scale, both_spellings_of_packed_nibbles_are_checked)
{
    static const char stem[] = "model.layers.1.mlp.experts.2.up_proj";
    static const struct {
        const char *scale, *to, *item;
    } shapes[] = {
        {"weight_scale_2", "[1,1,1]", "is [1 x 1 x 1], expected [] or [1]; "},
        {"input_scale", "[1,1]", "is [1 x 1], expected [] or [1]; "},
        {"weight_scale", "[1,16,2]", "is [1 x 16 x 2], expected [16 x 2]; "},
        {"weight_scale", "[32]", "is [32], expected [16 x 2]; "},
    };
    static const float values[] = {NAN, 0.0f};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct err err = {0};
        char from[200], to[200], text[200];
        const bool blocks = strcmp(shapes[i].scale, "weight_scale") == 0;
        const char *dir = copy_modelopt(), *type = blocks ? "F8_E4M3" : "F32";
        snprintf(from, sizeof from, "%s.%s\":{\"dtype\":\"%s\",\"shape\":%s", stem, shapes[i].scale,
                 type, blocks ? "[16,2]" : "[]");
        snprintf(to, sizeof to, "%s.%s\":{\"dtype\":\"%s\",\"shape\":%s", stem, shapes[i].scale,
                 type, shapes[i].to);
        edit_header(dir, "model.safetensors", from, to);
        assert_null(checkpoint_open(dir, &err));
        snprintf(text, sizeof text, "model.safetensors: %s.%s: the shape of the scale %s", stem,
                 shapes[i].scale, shapes[i].item);
        if (err.code != ERR_FORMAT || !strstr(err.text, text))
            fail_msg("%s: %s", text, err.text);
    }
    for (size_t i = 0; i < 2; i++) {
        struct err err = {0};
        char file[600], name[100], text[200];
        const char *dir = copy_modelopt();
        snprintf(file, sizeof file, "%s/model.safetensors", dir);
        snprintf(name, sizeof name, "%s.weight_scale_2", stem);
        poison(dir, file, name, 0, &values[i], sizeof(float));
        assert_null(checkpoint_open(dir, &err));
        snprintf(text, sizeof text, "model.safetensors: %s: a scale is %g; expected a positive",
                 name, (double)values[i]);
        if (err.code != ERR_FORMAT || !strstr(err.text, text))
            fail_msg("%s: %s", text, err.text);
    }
}

/* compressed-tensors says of the inputs what no product here needs; it is checked all the same. */
/* Published files have infinities there: llm-compressor, for experts that calibration never met.
 * ModelOpt's spelling is that of E4M3's static scales, which are used. */
TEST(weights_scale, of_a_scale_that_is_not_used_the_shape_is_checked)
{
    static const char name[] = "model.layers.0.self_attn.q_proj.input_global_scale";
    static const struct {
        const char *shape, *item;
        float value;
    } cases[] = {
        {"[1]", NULL, 2.0f},
        {"[]", NULL, 2.0f},
        {"[1]", NULL, 0.0f},
        {"[1]", NULL, NAN},
        {"[1]", NULL, INFINITY},
        {"[1,1]", "the shape of the scale is [1 x 1], expected [] or [1]; ", 2.0f},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        char dir[512];
        oracle_copy("ministral3-nvfp4", CHECKPOINT_HF, dir);
        append_scale(dir, name, cases[i].shape, cases[i].value);
        struct checkpoint *ckpt = checkpoint_open(dir, &err);
        if ((ckpt != NULL) != !cases[i].item ||
            (cases[i].item && (!strstr(err.text, name) || !strstr(err.text, cases[i].item))))
            fail_msg("%zu: %s", i, err.text);
        checkpoint_close(ckpt);
    }
    struct err err = {0};
    char file[600];
    const char *dir = copy_modelopt();
    snprintf(file, sizeof file, "%s/model.safetensors", dir);
    poison(dir, file, "model.layers.1.mlp.experts.2.up_proj.input_scale", 0,
           &(const float){INFINITY}, sizeof(float));
    struct checkpoint *ckpt = checkpoint_open(dir, &err);
    if (!ckpt)
        fail_msg("%s", err.text);
    checkpoint_close(ckpt);
}

enum { MOST_ROWS = 512, MOST_TENSORS = 128 };

/* Writes a tensor as it is, and a scale as one for each row: every second is twice the first. */
static bool fill_rows(void *arg, size_t i, struct safetensors_sink *sink, struct err *err)
{
    const struct tensor_entry *e = (const struct tensor_entry *)arg + i;
    float scales[MOST_ROWS];
    if (!strstr(e->name, "weight_scale_inv"))
        return safetensors_put(sink, e->data, e->n_bytes, err);
    assert_in_range(e->shape[0], 2, MOST_ROWS);
    memcpy(scales, e->data, sizeof *scales);
    for (int64_t r = 1; r < e->shape[0]; r++)
        scales[r] = scales[0] * (float)(1 + r % 2);
    return safetensors_put(sink, scales, e->n_bytes, err);
}

/* Gives a model one scale for each row, in a list or in n_dims dimensions. */
static void scale_rows(const char *dir, const struct checkpoint *from, int n_dims)
{
    struct err err = {0};
    struct tensor_entry entries[MOST_TENSORS];
    size_t n = from->tensors->n;
    assert_in_range(n, 1, MOST_TENSORS);
    for (size_t i = 0; i < n; i++) {
        char name[200];
        struct tensor_entry *e = &entries[i];
        *e = from->tensors->entries[i];
        char *end = strstr(strcpy(name, e->name), "_scale_inv");
        if (!end || strstr(name, "activation"))
            continue;
        *end = '\0';
        e->shape[0] = tensor_store_find(from->tensors, name)->shape[0];
        e->shape[1] = e->shape[2] = 1;
        e->n_dims = n_dims;
        e->n_bytes = (size_t)e->shape[0] * sizeof(float);
    }
    const struct safetensors_job job = {.dir = dir,
                                        .stem = "model",
                                        .entries = entries,
                                        .n = n,
                                        .shard_bytes = SIZE_MAX,
                                        .fill = fill_rows,
                                        .arg = entries};
    if (!safetensors_write(&job, &err))
        fail_msg("%s", err.text);
}

TEST(weights_scale, one_for_each_row_is_a_list_or_a_column)
{
    struct checkpoint *whole = open_case("ministral3-fp8", CHECKPOINT_HF);
    for (int n_dims = 1; n_dims <= 3; n_dims++) {
        struct err err = {0};
        const char *dir = edit_folder("scale-rows");
        edit_copy("test/data/oracle/ministral3-fp8/config.json", dir);
        edit_file(dir, "config.json", "\"static\"", "\"dynamic\"");
        edit_file(dir, "config.json", "\"weight_block_size\": null",
                  "\"weight_block_size\": [1, 4096]");
        scale_rows(dir, whole, n_dims);
        struct checkpoint *ckpt = checkpoint_open(dir, &err);
        if (n_dims == 3) {
            assert_null(ckpt);
            assert_non_null(
                strstr(err.text,
                       "the shape of the scale is [128 x 1 x 1], expected [128] or [128 x 1]; "));
            break;
        }
        if (!ckpt)
            fail_msg("%s", err.text);
        const struct tensor *a = &whole->weights.layers[1].wk, *b = &ckpt->weights.layers[1].wk;
        float *want = values_of(a), *got = values_of(b);
        for (int64_t i = 0; i < a->n_rows * a->n_cols; i++)
            assert_true(got[i] == want[i] * (float)(1 + i / a->n_cols % 2));
        free(want);
        free(got);
        checkpoint_close(ckpt);
    }
    checkpoint_close(whole);
}
