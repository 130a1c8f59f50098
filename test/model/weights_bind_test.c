/* SPDX-License-Identifier: Apache-2.0 */
/* weights_bind_test.c - tensors in their places, and checkpoints with one wrong tensor. */
#include <stdio.h>
#include <string.h>

#include "edit.h"
#include "model/checkpoint.h"
#include "test.h"

static const char *const cases[] = {
    "mistral",    "mistral-sharded", "mistral-swa",       "ministral-swa-mix",
    "ministral3", "ministral3-tied", "devstral2-yarnmag", "mistral3-wrapper",
};

/* Copies one layout of a reference model; the folder then opens as that layout. */
static const char *copy_case(const char *name, bool native)
{
    const char *folder = edit_folder("bind");
    char path[256];
    snprintf(path, sizeof path, "test/data/oracle/%s/%s", name,
             native ? "params.json" : "config.json");
    edit_copy(path, folder);
    snprintf(path, sizeof path, "test/data/oracle/%s/%s.safetensors", name,
             native ? "consolidated" : "model");
    edit_copy(path, folder);
    return folder;
}

static void assert_row(const struct tensor *t, int64_t n_rows, int64_t n_cols)
{
    assert_int_equal(t->n_rows, n_rows);
    assert_int_equal(t->n_cols, n_cols);
    assert_int_equal(t->dtype, DTYPE_BF16);
    assert_non_null(t->data);
}

static void assert_bound(const struct checkpoint *ckpt)
{
    const struct model_config *c = &ckpt->config;
    const struct model_weights *w = &ckpt->weights;
    int64_t q = (int64_t)c->n_heads * c->head_dim, kv = (int64_t)c->n_kv_heads * c->head_dim;
    assert_row(&w->embedding, c->n_vocab, c->dim);
    assert_row(&w->output, c->n_vocab, c->dim);
    assert_row(&w->norm, 1, c->dim);
    assert_int_equal(w->output.data == w->embedding.data, c->tied);
    for (uint32_t i = 0; i < c->n_layers; i++) {
        assert_row(&w->layers[i].attn_norm, 1, c->dim);
        assert_row(&w->layers[i].ffn_norm, 1, c->dim);
        assert_row(&w->layers[i].wq, q, c->dim);
        assert_row(&w->layers[i].wk, kv, c->dim);
        assert_row(&w->layers[i].wv, kv, c->dim);
        assert_row(&w->layers[i].wo, c->dim, q);
        assert_row(&w->layers[i].ffn.w_gate, c->ffn_dim, c->dim);
        assert_row(&w->layers[i].ffn.w_up, c->ffn_dim, c->dim);
        assert_row(&w->layers[i].ffn.w_down, c->dim, c->ffn_dim);
    }
}

static uint64_t count_params(const struct model_config *c)
{
    uint64_t q = (uint64_t)c->n_heads * c->head_dim, kv = (uint64_t)c->n_kv_heads * c->head_dim;
    return (c->tied ? 1u : 2u) * (uint64_t)c->n_vocab * c->dim + c->dim +
           c->n_layers *
               (2 * c->dim + 2 * q * c->dim + 2 * kv * c->dim + 3 * (uint64_t)c->ffn_dim * c->dim);
}

TEST(weights_bind, both_layouts_of_each_reference_model_bind)
{
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        const char *name = cases[i / 2];
        bool sharded = strcmp(name, "mistral-sharded") == 0, native = i % 2 == 0;
        struct err err = {0};
        char path[256];
        snprintf(path, sizeof path, "test/data/oracle/%s", name);
        if (!native && sharded)
            continue; /* the folder holds both, and native wins; see checkpoint_test.c */
        struct checkpoint *ckpt = checkpoint_open(native ? path : copy_case(name, false), &err);
        if (!ckpt)
            fail_msg("%s: %s", name, err.text);
        assert_int_equal(ckpt->layout, native ? CHECKPOINT_NATIVE : CHECKPOINT_HF);
        assert_bound(ckpt);
        assert_int_equal(ckpt->n_params, count_params(&ckpt->config));
        assert_int_equal(ckpt->n_weight_bytes, 2 * ckpt->n_params);
        assert_int_equal(ckpt->n_skipped, !native && strcmp(name, "mistral3-wrapper") == 0 ? 2 : 0);
        checkpoint_close(ckpt);
    }
}

/* Both files hold the same model, so what lies in a place must be equal, except for
 * the row order of wq and wk. */
TEST(weights_bind, places_hold_the_same_numbers_in_both_layouts)
{
    struct err err = {0};
    struct checkpoint *a = checkpoint_open("test/data/oracle/mistral", &err);
    struct checkpoint *b = checkpoint_open(copy_case("mistral", false), &err);
    assert_true(a && b);
    for (uint32_t i = 0; i < a->config.n_layers; i++) {
        const struct layer_weights *x = &a->weights.layers[i], *y = &b->weights.layers[i];
        const struct tensor *pairs[][2] = {
            {&x->attn_norm, &y->attn_norm},
            {&x->ffn_norm, &y->ffn_norm},
            {&x->wv, &y->wv},
            {&x->wo, &y->wo},
            {&x->ffn.w_gate, &y->ffn.w_gate},
            {&x->ffn.w_up, &y->ffn.w_up},
            {&x->ffn.w_down, &y->ffn.w_down},
        };
        for (size_t j = 0; j < sizeof pairs / sizeof *pairs; j++)
            assert_memory_equal(pairs[j][0]->data, pairs[j][1]->data,
                                (size_t)pairs[j][0]->n_rows * tensor_row_bytes(pairs[j][0]));
        /* The first row of a head is the first in both orders. */
        assert_memory_equal(x->wq.data, y->wq.data, tensor_row_bytes(&x->wq));
        assert_memory_equal(x->wk.data, y->wk.data, tensor_row_bytes(&x->wk));
        assert_memory_not_equal(x->wq.data, y->wq.data, 2 * tensor_row_bytes(&x->wq));
    }
    checkpoint_close(a);
    checkpoint_close(b);
}

TEST(weights_bind, a_wrapper_of_transformers_5_binds)
{
    struct err err = {0};
    const char *folder = copy_case("mistral3-wrapper", false);
    /* Only the embedding's name tells which spelling a file has. */
    edit_header(folder, "model.safetensors", "language_model.model.embed_tokens.weight",
                "model.language_model.embed_tokens.weight");
    assert_null(checkpoint_open(folder, &err));
    assert_non_null(strstr(err.text, "model.safetensors: model.language_model.norm.weight: "));
    for (int i = 0; i < 2 * 9 + 1; i++)
        edit_header(folder, "model.safetensors", "\"language_model.model.",
                    "\"model.language_model.");
    edit_header(folder, "model.safetensors", "\"language_model.lm_head", "\"lm_head");
    edit_header(folder, "model.safetensors", "\"vision_tower.", "\"model.vision_tower.");
    edit_header(folder, "model.safetensors", "\"multi_modal_projector.",
                "\"model.multi_modal_projector.");
    struct checkpoint *ckpt = checkpoint_open(folder, &err);
    if (!ckpt)
        fail_msg("%s", err.text);
    assert_bound(ckpt);
    assert_int_equal(ckpt->n_skipped, 2);
    checkpoint_close(ckpt);
}

static const struct {
    bool native;
    const char *from, *to, *item; /* in the header of the safetensors file */
    enum err_code code;
} bad[] = {
    {true, "layers.1.attention.wq.weight", "layers.1.attention.wx.weight",
     "layers.1.attention.wq.weight: missing", ERR_FORMAT},
    {true, "\"norm.weight", "\"norms.weight", "norm.weight: missing", ERR_FORMAT},
    {true, "\"output.weight", "\"outputs.weight", "output.weight: missing", ERR_FORMAT},
    {true, "\"shape\":[128,64]", "\"shape\":[64,128]", "shape is 64 x 128", ERR_FORMAT},
    {true, "\"shape\":[128,64]", "\"shape\":[8192]", "shape is 8192", ERR_FORMAT},
    {true, "\"shape\":[64]", "\"shape\":[8,8]", "shape is 8 x 8", ERR_FORMAT},
    {true, "\"dtype\":\"BF16\",\"shape\":[128,64]", "\"dtype\":\"F8_E4M3\",\"shape\":[128,128]",
     "shape is 128 x 128", ERR_FORMAT},
    {true, "\"dtype\":\"BF16\",\"shape\":[128,64]", "\"dtype\":\"I16\",\"shape\":[128,64]",
     "format I16", ERR_UNSUPPORTED},
    {false, "model.embed_tokens.weight", "model.embed_token.weight",
     "model.embed_tokens.weight: missing", ERR_FORMAT},
    {false, "model.layers.2.mlp.up_proj.weight", "model.layers.2.mlp.up_proj.bias",
     "model.layers.2.mlp.up_proj.weight: missing", ERR_FORMAT},
    {false, "\"lm_head.weight", "\"lm_heads.weight", "lm_head.weight: missing", ERR_FORMAT},
    {false, "\"shape\":[64,112]", "\"shape\":[112,64]", "shape is 112 x 64", ERR_FORMAT},
};

/* Says whether the message begins with the file as a person would type it. */
static bool names_file(const struct err *err, const char *folder, const char *file)
{
    char want[600];
    snprintf(want, sizeof want, "%s/%s: ", folder, file);
    return strncmp(err->text, want, strlen(want)) == 0;
}

TEST(weights_bind, every_wrong_tensor_is_named)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        const char *file = bad[i].native ? "consolidated.safetensors" : "model.safetensors";
        const char *folder = copy_case("mistral", bad[i].native);
        edit_header(folder, file, bad[i].from, bad[i].to);
        if (checkpoint_open(folder, &err))
            fail_msg("%s: accepted", bad[i].to);
        if (err.code != bad[i].code || !names_file(&err, folder, file) ||
            !strstr(err.text, bad[i].item))
            fail_msg("%s: %d %s", bad[i].to, (int)err.code, err.text);
    }
}

TEST(weights_bind, tensors_without_a_place_are_refused)
{
    static const struct {
        const char *name, *item;
    } extra[] = {
        {"layers.0.attention.wq.bias", "layers.0.attention.wq.bias: biases"},
        {"layers.0.attention.wq.lora_A.weight", "adapters"},
        {"layers.3.ffn_norm.weight", "layers.3.ffn_norm.weight: unknown tensor"},
        {"rope_freqs.weight", "rotary frequencies"},
        {"vision_tower.a", "vision_tower.a: unknown tensor"}, /* of the other layout */
    };
    for (size_t i = 0; i < sizeof extra / sizeof *extra; i++) {
        struct err err = {0};
        char entry[200];
        snprintf(entry, sizeof entry,
                 "{\"%s\":{\"dtype\":\"BF16\",\"shape\":[0],\"data_offsets\":[0,0]},",
                 extra[i].name);
        const char *folder = copy_case("mistral", true);
        edit_header(folder, "consolidated.safetensors", "{", entry);
        assert_null(checkpoint_open(folder, &err));
        if (err.code != ERR_UNSUPPORTED || !strstr(err.text, extra[i].item) ||
            !names_file(&err, folder, "consolidated.safetensors"))
            fail_msg("%s: %d %s", extra[i].name, (int)err.code, err.text);
    }
}

TEST(weights_bind, towers_are_counted_and_leftovers_ignored)
{
    struct err err = {0};
    const char *folder = copy_case("ministral3-tied", true);
    edit_header(folder, "consolidated.safetensors", "{",
                "{\"vision_encoder.ln_pre.weight\":{\"dtype\":\"F32\",\"shape\":[0],"
                "\"data_offsets\":[0,0]},\"patch_merger.merging_layer.weight\":{\"dtype\":\"F8_"
                "E4M3\",\"shape\":[0],\"data_offsets\":[0,0]},\"output.weight\":{\"dtype\":"
                "\"BF16\",\"shape\":[0],\"data_offsets\":[0,0]},");
    struct checkpoint *ckpt = checkpoint_open(folder, &err);
    if (!ckpt)
        fail_msg("%s", err.text);
    assert_int_equal(ckpt->n_skipped, 2);
    assert_ptr_equal(ckpt->weights.output.data, ckpt->weights.embedding.data);
    checkpoint_close(ckpt);

    folder = copy_case("ministral3-tied", false);
    edit_header(folder, "model.safetensors", "{",
                "{\"lm_head.weight\":{\"dtype\":\"BF16\",\"shape\":[0],\"data_offsets\":[0,0]},"
                "\"model.layers.0.self_attn.rotary_emb.inv_freq\":{\"dtype\":\"F32\",\"shape\":"
                "[0],\"data_offsets\":[0,0]},");
    ckpt = checkpoint_open(folder, &err);
    if (!ckpt)
        fail_msg("%s", err.text);
    assert_int_equal(ckpt->n_skipped, 0);
    checkpoint_close(ckpt);

    /* Another head is no copy of the embedding. */
    edit_header(folder, "model.safetensors", "\"lm_head.weight\"", "\"draft.lm_head.weight\"");
    assert_null(checkpoint_open(folder, &err));
    assert_true(names_file(&err, folder, "model.safetensors"));
    assert_non_null(strstr(err.text, "/model.safetensors: draft.lm_head.weight: unknown tensor; "
                                     "the model does not match its configuration"));
}

TEST(weights_bind, every_quantised_form_of_the_small_model_binds)
{
    static const struct {
        const char *type;
        enum dtype dtype;
    } forms[] = {
        {"bf16", DTYPE_BF16}, {"f16", DTYPE_F16},   {"iq4_nl", DTYPE_IQ4_NL}, {"q4_0", DTYPE_Q4_0},
        {"q4_1", DTYPE_Q4_1}, {"q5_0", DTYPE_Q5_0}, {"q5_1", DTYPE_Q5_1},     {"q8_0", DTYPE_Q8_0},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct err err = {0};
        char path[256];
        snprintf(path, sizeof path, "test/data/stories260K/stories260K-%s.gguf", forms[i].type);
        struct checkpoint *ckpt = checkpoint_open(path, &err);
        if (!ckpt)
            fail_msg("%s", err.text);
        assert_int_equal(ckpt->layout, CHECKPOINT_GGUF);
        assert_int_equal(ckpt->weights.layers[4].wq.dtype, forms[i].dtype);
        assert_int_equal(ckpt->weights.layers[4].attn_norm.dtype, DTYPE_F32);
        /* 260032 parameters, and the output matrix once more. */
        assert_int_equal(ckpt->n_params, 260032 + 512 * 64);
        assert_int_equal(ckpt->n_skipped, 0);
        checkpoint_close(ckpt);
    }
}

TEST(weights_bind, a_gguf_file_without_a_tensor_is_refused)
{
    struct err err = {0};
    char path[600];
    const char *folder = edit_folder("bind");
    snprintf(path, sizeof path, "%s/stories260K.gguf", folder);
    edit_copy("models/stories260K.gguf", folder);
    edit_bytes(folder, "stories260K.gguf", "blk.3.attn_k.weight", "blk.3.attn_x.weight");
    assert_null(checkpoint_open(path, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    assert_non_null(strstr(err.text, "stories260K.gguf: blk.3.attn_k.weight: missing"));
    edit_copy("models/stories260K.gguf", folder);
    edit_bytes(folder, "stories260K.gguf", "blk.4.ffn_up", "blk.5.ffn_up");
    assert_null(checkpoint_open(path, &err));
    edit_copy("models/stories260K.gguf", folder);
    edit_bytes(folder, "stories260K.gguf", "output.weight", "mm.put.weight");
    struct checkpoint *ckpt = checkpoint_open(path, &err);
    if (!ckpt)
        fail_msg("%s", err.text);
    assert_true(ckpt->config.tied);
    assert_int_equal(ckpt->n_skipped, 1);
    assert_int_equal(ckpt->n_params, 260032);
    checkpoint_close(ckpt);
}
