/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/json.h"
#include "edit.h"
#include "model/config.h"
#include "test.h"

static bool read_hf(const char *text, struct model_config *config, struct err *err)
{
    struct json_doc *doc = json_parse("config.json", text, strlen(text), err);
    bool ok = doc && config_from_hf(config, doc, err);
    json_close(doc);
    return ok;
}

/* Mistral 7B v0.1 as transformers 4 wrote it. */
static const char v01[] =
    "{\"architectures\":[\"MistralForCausalLM\"],\"bos_token_id\":1,\"eos_token_id\":2,"
    "\"hidden_act\":\"silu\",\"hidden_size\":4096,\"initializer_range\":0.02,"
    "\"intermediate_size\":14336,\"max_position_embeddings\":32768,\"model_type\":\"mistral\","
    "\"num_attention_heads\":32,\"num_hidden_layers\":32,\"num_key_value_heads\":8,"
    "\"rms_norm_eps\":1e-05,\"rope_theta\":10000.0,\"sliding_window\":4096,"
    "\"tie_word_embeddings\":false,\"torch_dtype\":\"bfloat16\",\"use_cache\":true,"
    "\"vocab_size\":32000}";

/* Ministral 3 3B in its wrapper as transformers 5 writes it. */
static const char ministral[] =
    "{\"architectures\":[\"Mistral3ForConditionalGeneration\"],\"model_type\":\"mistral3\","
    "\"text_config\":{\"attention_dropout\":0.0,\"head_dim\":128,\"hidden_act\":\"silu\","
    "\"hidden_size\":3072,\"intermediate_size\":9216,\"max_position_embeddings\":262144,"
    "\"model_type\":\"ministral3\",\"num_attention_heads\":32,\"num_hidden_layers\":4,"
    "\"num_key_value_heads\":8,\"rms_norm_eps\":1e-05,\"attention_bias\":false,"
    "\"rope_parameters\":{\"beta_fast\":32.0,\"beta_slow\":1.0,\"factor\":16.0,"
    "\"llama_4_scaling_beta\":0.1,\"mscale\":1.0,\"mscale_all_dim\":1.0,"
    "\"original_max_position_embeddings\":16384,\"rope_theta\":1000000.0,\"rope_type\":\"yarn\","
    "\"type\":\"yarn\"},\"sliding_window\":null,\"use_cache\":true,\"vocab_size\":131072},"
    "\"tie_word_embeddings\":true,\"vision_config\":{\"model_type\":\"pixtral\"}}";

TEST(config_hf, reads_mistral_7b)
{
    struct model_config c;
    struct err err = {0};
    assert_true(read_hf(v01, &c, &err));
    assert_int_equal(c.dim, 4096);
    assert_int_equal(c.n_layers, 32);
    assert_int_equal(c.n_heads, 32);
    assert_int_equal(c.n_kv_heads, 8);
    assert_int_equal(c.head_dim, 128);
    assert_int_equal(c.ffn_dim, 14336);
    assert_int_equal(c.n_vocab, 32000);
    assert_int_equal(c.context, 32768);
    assert_true(c.norm_eps == 1e-5f && c.rope_theta == 1e4 && c.rope_magnitude == 1.0f);
    assert_false(c.has_yarn || c.tied);
    assert_int_equal(c.rope_layout, ROPE_HALF_SPLIT);
    for (int i = 0; i < 32; i++)
        assert_int_equal(c.windows[i], 4096);
    assert_string_equal(c.architecture, "mistral");
}

TEST(config_hf, reads_a_wrapped_ministral_3)
{
    struct model_config c;
    struct err err = {0};
    assert_true(read_hf(ministral, &c, &err));
    assert_int_equal(c.dim, 3072);
    assert_true(c.tied && c.has_yarn && c.rope_theta == 1e6);
    assert_true(c.yarn.factor == 16 && c.yarn.original_context == 16384);
    assert_true(c.rope_magnitude == 1.0f);
    assert_true(c.temperature_beta == 0.1 && c.temperature_original == 16384);
    assert_string_equal(c.architecture, "ministral3");
    /* What the text model says about itself comes first. */
    char *text = edit_text(ministral, "\"use_cache\"", "\"tie_word_embeddings\":false,\"x\"");
    assert_true(read_hf(text, &c, &err));
    assert_false(c.tied);
    free(text);
}

TEST(config_hf, magnitude_follows_its_three_rules)
{
    static const struct {
        const char *to;
        float magnitude;
    } cases[] = {
        {"\"mscale\":1.0,\"mscale_all_dim\":1.0", 1.0f},
        {"\"mscale\":1.0,\"mscale_all_dim\":0.0", 1.2772589f},
        {"\"mscale\":1.0", 1.2772589f},
        {"\"mscale\":null,\"mscale_all_dim\":1.0", 1.2772589f},
        {"\"mscale\":2.0,\"mscale_all_dim\":1.0", 1.5545177f / 1.2772589f},
        {"\"mscale\":1.0,\"mscale_all_dim\":1.0,\"attention_factor\":1.5", 1.5f},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model_config c;
        struct err err = {0};
        char *text = edit_text(ministral, cases[0].to, cases[i].to);
        if (!read_hf(text, &c, &err))
            fail_msg("%s: %s", cases[i].to, err.text);
        assert_near_f32(&c.rope_magnitude, &cases[i].magnitude, 1, 1e-6f, 0);
        free(text);
    }
}

TEST(config_hf, both_transformers_spell_rotation_their_way)
{
    static const char old[] = "\"rope_theta\":10000.0";
    static const char *const same[] = {
        "\"rope_theta\":10000.0,\"rope_scaling\":null",
        "\"rope_theta\":10000.0,\"rope_parameters\":{\"rope_type\":\"default\"}",
        "\"rope_parameters\":{\"rope_theta\":10000.0}",
        "\"rope_theta\":10000.0,\"rope_scaling\":{\"type\":\"default\"},"
        "\"partial_rotary_factor\":1.0",
    };
    static const char *const yarns[] = {
        "\"rope_theta\":10000.0,\"rope_scaling\":{\"type\":\"yarn\",\"factor\":8,"
        "\"original_max_position_embeddings\":4096}",
        "\"rope_theta\":10000.0,\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":8.0,"
        "\"beta_fast\":null,\"original_max_position_embeddings\":4096,\"truncate\":true}",
        "\"rope_parameters\":{\"rope_theta\":10000,\"rope_type\":\"yarn\",\"factor\":8.0,"
        "\"original_max_position_embeddings\":4096}",
        "\"rope_theta\":10000.0,\"rope_parameters\":{},\"rope_scaling\":{\"type\":\"yarn\","
        "\"factor\":8,\"original_max_position_embeddings\":4096}",
    };
    struct model_config c;
    struct err err = {0};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        char *text = edit_text(v01, old, same[i]);
        if (!read_hf(text, &c, &err))
            fail_msg("%s: %s", same[i], err.text);
        assert_true(c.rope_theta == 1e4 && !c.has_yarn);
        free(text);
    }
    for (size_t i = 0; i < sizeof yarns / sizeof *yarns; i++) {
        char *text = edit_text(v01, old, yarns[i]);
        if (!read_hf(text, &c, &err))
            fail_msg("%s: %s", yarns[i], err.text);
        assert_true(c.rope_theta == 1e4 && c.has_yarn && c.yarn.factor == 8);
        assert_true(c.yarn.beta_fast == 32 && c.yarn.beta_slow == 1);
        assert_true(c.yarn.original_context == 4096);
        free(text);
    }
}

TEST(config_hf, no_experts_may_be_said_in_words)
{
    static const char *const same[] = {"\"num_local_experts\":0", "\"num_experts\":1",
                                       "\"n_routed_experts\":null"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct model_config c;
        struct err err = {0};
        char *text = edit_text(ministral, "\"attention_bias\":false", same[i]);
        if (!read_hf(text, &c, &err))
            fail_msg("%s: %s", same[i], err.text);
        assert_false(c.is_moe);
        free(text);
    }
}

TEST(config_hf, a_single_expert_is_a_mixture)
{
    static const char *const kinds[] = {"\"num_local_experts\":1,\"num_experts_per_tok\":1",
                                        "\"n_routed_experts\":1,\"num_experts_per_tok\":1"};
    for (size_t i = 0; i < 2; i++) {
        struct model_config c;
        struct err err = {0};
        char *text = edit_text(ministral, "\"attention_bias\":false", kinds[i]);
        if (!read_hf(text, &c, &err))
            fail_msg("%s: %s", kinds[i], err.text);
        assert_true(c.is_moe && c.moe.n_experts == 1 && c.moe.n_used == 1);
        free(text);
    }
}

TEST(config_hf, temperature_stands_in_either_place)
{
    struct model_config c;
    struct err err = {0};
    char *text = edit_text(ministral, "\"llama_4_scaling_beta\":0.1,", "");
    assert_true(read_hf(text, &c, &err));
    assert_true(c.temperature_beta == 0.0);
    char *top = edit_text(text, "\"use_cache\":true",
                          "\"llama_4_scaling\":{\"beta\":0.2,"
                          "\"original_max_position_embeddings\":8192}");
    assert_true(read_hf(top, &c, &err));
    assert_true(c.temperature_beta == 0.2 && c.temperature_original == 8192);
    free(text);
    free(top);
}

TEST(config_hf, reads_both_kinds_of_mixtures)
{
    struct model_config c;
    struct err err = {0};
    char *text = edit_text(v01, "\"model_type\":\"mistral\"",
                           "\"model_type\":\"mixtral\",\"num_local_experts\":8,"
                           "\"num_experts_per_tok\":2,\"router_aux_loss_coef\":0.02");
    if (!read_hf(text, &c, &err))
        fail_msg("%s", err.text);
    assert_true(c.is_moe && !c.is_latent && c.moe.renormalise);
    assert_int_equal(c.moe.n_experts, 8);
    assert_int_equal(c.moe.n_used, 2);
    assert_int_equal(c.moe.ffn_dim, 14336);
    assert_int_equal(c.moe.n_shared, 0);
    assert_int_equal(c.moe.n_dense, 0);
    assert_int_equal(c.rope_layout, ROPE_HALF_SPLIT);
    free(text);
    /* Small 4. */
    text = edit_text(ministral, "\"attention_bias\":false",
                     "\"q_lora_rank\":1024,\"kv_lora_rank\":256,\"qk_nope_head_dim\":64,"
                     "\"qk_rope_head_dim\":64,\"v_head_dim\":96,\"n_routed_experts\":128,"
                     "\"num_experts_per_tok\":4,\"n_shared_experts\":1,\"n_group\":1,"
                     "\"topk_group\":1,\"moe_intermediate_size\":2048,\"norm_topk_prob\":false,"
                     "\"first_k_dense_replace\":0,\"routed_scaling_factor\":2.5,"
                     "\"rope_interleave\":true,\"partial_rotary_factor\":0.5");
    char *kv = edit_text(text, "\"num_key_value_heads\":8", "\"num_key_value_heads\":32");
    if (!read_hf(kv, &c, &err))
        fail_msg("%s", err.text);
    assert_true(c.is_moe && c.is_latent && !c.moe.renormalise && c.moe.routed_scale == 2.5f);
    assert_int_equal(c.latent.v_dim, 96);
    assert_int_equal(c.moe.ffn_dim, 2048);
    assert_int_equal(c.rope_layout, ROPE_INTERLEAVED);
    assert_true(c.rope_magnitude == 1.0f && c.attn_scale_mult == 1.0f);
    free(text);
    free(kv);
}

TEST(config_hf, layer_types_choose_the_windows)
{
    struct model_config c;
    struct err err = {0};
    char *text = edit_text(ministral, "\"sliding_window\":null",
                           "\"sliding_window\":32768,\"layer_types\":[\"full_attention\","
                           "\"sliding_attention\",\"sliding_attention\",\"full_attention\"]");
    assert_true(read_hf(text, &c, &err));
    const uint32_t want[] = {0, 32768, 32768, 0};
    assert_memory_equal(c.windows, want, sizeof want);
    free(text);
}

TEST(config_hf, llama_is_accepted_by_its_features)
{
    struct model_config c;
    struct err err = {0};
    char *text = edit_text(v01, "\"model_type\":\"mistral\"", "\"model_type\":\"llama\"");
    assert_true(read_hf(text, &c, &err));
    free(text);
}

static const struct {
    const char *from, *to, *item;
    enum err_code code;
} bad[] = {
    {"\"hidden_size\":3072,", "", "text_config.hidden_size: missing", ERR_FORMAT},
    {"\"hidden_size\":3072", "\"hidden_size\":1e300", "hidden_size: expected", ERR_FORMAT},
    {"\"num_hidden_layers\":4", "\"num_hidden_layers\":0", "num_hidden_layers: expected",
     ERR_FORMAT},
    {"\"num_attention_heads\":32,", "", "num_attention_heads: missing", ERR_FORMAT},
    {"\"num_attention_heads\":32", "\"num_attention_heads\":12", "12 attention heads", ERR_FORMAT},
    {"\"num_key_value_heads\":8", "\"num_key_value_heads\":\"8\"", "num_key_value_heads: expected",
     ERR_FORMAT},
    {"\"intermediate_size\":9216", "\"intermediate_size\":[9216]", "intermediate_size: expected",
     ERR_FORMAT},
    {"\"vocab_size\":131072", "\"vocab_size\":0", "vocab_size: expected", ERR_FORMAT},
    {"\"max_position_embeddings\":262144", "\"max_position_embeddings\":16777217",
     "max_position_embeddings: expected", ERR_FORMAT},
    {"\"head_dim\":128", "\"head_dim\":3", "head width 3", ERR_FORMAT},
    {"\"rms_norm_eps\":1e-05", "\"rms_norm_eps\":-1e-05", "rms_norm_eps: expected", ERR_FORMAT},
    {"\"rope_theta\":1000000.0,", "", "rope_theta: missing; add it", ERR_FORMAT},
    {"\"rope_theta\":1000000.0", "\"rope_theta\":0", "rope_parameters.rope_theta: expected",
     ERR_FORMAT},
    {"\"factor\":16.0", "\"factor\":0", "rope_parameters.factor: expected", ERR_FORMAT},
    {"\"beta_fast\":32.0", "\"beta_fast\":0.5", "runs backwards", ERR_FORMAT},
    {"\"original_max_position_embeddings\":16384,", "",
     "rope_parameters.original_max_position_embeddings: missing", ERR_FORMAT},
    {"\"mscale\":1.0", "\"mscale\":-1.0", "mscale: expected", ERR_FORMAT},
    {"\"mscale\":1.0", "\"attention_factor\":0", "attention_factor: expected", ERR_FORMAT},
    {"\"rope_type\":\"yarn\",\"type\":\"yarn\"", "\"x\":1", "factor: given without rope_type",
     ERR_FORMAT},
    {"\"sliding_window\":null", "\"sliding_window\":0", "sliding_window: expected", ERR_FORMAT},
    {"\"sliding_window\":null", "\"layer_types\":[\"full_attention\"]", "layer_types: expected",
     ERR_FORMAT},
    {"\"sliding_window\":null", "\"layer_types\":7", "layer_types: expected", ERR_FORMAT},
    {"\"sliding_window\":null", "\"layer_types\":[\"full_attention\",\"sliding_attention\",0,0]",
     "layer_types[1]: sliding_attention without sliding_window", ERR_FORMAT},
    {"\"sliding_window\":null", "\"layer_types\":[\"full_attention\",0,0,0]",
     "layer_types[1]: expected a string", ERR_FORMAT},
    {"\"sliding_window\":null", "\"layer_types\":[\"chunked_attention\",0,0,0]",
     "layer_types[0]: 'chunked_attention'", ERR_UNSUPPORTED},
    {"\"tie_word_embeddings\":true", "\"tie_word_embeddings\":\"yes\"",
     "tie_word_embeddings: expected", ERR_FORMAT},
    {"\"rope_type\":\"yarn\"", "\"rope_type\":\"llama3\"", "'llama3' is not supported",
     ERR_UNSUPPORTED},
    {"\"rope_type\":\"yarn\"", "\"rope_type\":\"linear\"", "rope_parameters: 'linear'",
     ERR_UNSUPPORTED},
    {"\"mscale\":1.0", "\"truncate\":false", "rope_parameters.truncate: ", ERR_UNSUPPORTED},
    {"\"mscale\":1.0", "\"partial_rotary_factor\":0.5", "partial_rotary_factor: ", ERR_UNSUPPORTED},
    {"\"mscale\":1.0", "\"full_attention\":{}", "differs between layers", ERR_UNSUPPORTED},
    {"\"hidden_act\":\"silu\"", "\"hidden_act\":\"gelu\"", "hidden_act: ", ERR_UNSUPPORTED},
    {"\"attention_bias\":false", "\"attention_bias\":true", "attention_bias: attention biases",
     ERR_UNSUPPORTED},
    {"\"attention_bias\":false", "\"mlp_bias\":true", "mlp_bias: ", ERR_UNSUPPORTED},
    {"\"attention_bias\":false", "\"num_local_experts\":8",
     "text_config.num_experts_per_tok: missing", ERR_FORMAT},
    {"\"attention_bias\":false", "\"num_experts\":8", "text_config.num_experts: mixtures",
     ERR_UNSUPPORTED},
    {"\"attention_bias\":false", "\"scoring_func\":\"sigmoid\"", "scoring_func: 'sigmoid'",
     ERR_UNSUPPORTED},
    {"\"attention_bias\":false", "\"topk_method\":\"noaux_tc\"", "topk_method: 'noaux_tc'",
     ERR_UNSUPPORTED},
    {"\"attention_bias\":false", "\"kv_lora_rank\":256", "q_lora_rank: missing", ERR_FORMAT},
    {"\"attention_bias\":false",
     "\"kv_lora_rank\":256,\"q_lora_rank\":9,\"qk_nope_head_dim\":64,\"qk_rope_head_dim\":64,"
     "\"v_head_dim\":64,\"rope_interleave\":false",
     "rope_interleave: latent attention", ERR_UNSUPPORTED},
    {"\"attention_bias\":false",
     "\"kv_lora_rank\":256,\"q_lora_rank\":9,\"qk_nope_head_dim\":64,\"qk_rope_head_dim\":64,"
     "\"v_head_dim\":64,\"partial_rotary_factor\":0.25",
     "partial_rotary_factor: ", ERR_UNSUPPORTED},
    {"\"vision_config\":{\"model_type\":\"pixtral\"}",
     "\"quantization_config\":{\"quant_method\":\"gptq\"}",
     "config.json: quantization_config.quant_method: 'gptq' weights", ERR_UNSUPPORTED},
    {"\"model_type\":\"mistral3\"", "\"model_type\":\"qwen2_vl\"", "model_type: 'qwen2_vl'",
     ERR_UNSUPPORTED},
    {"\"model_type\":\"ministral3\"", "\"model_type\":\"gemma\"", "text_config.model_type: 'gemma'",
     ERR_UNSUPPORTED},
    {"\"model_type\":\"ministral3\",", "", "text_config.model_type: missing", ERR_FORMAT},
};

TEST(config_hf, every_wrong_value_is_named)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct model_config c;
        struct err err = {0};
        char *text = edit_text(ministral, bad[i].from, bad[i].to);
        if (read_hf(text, &c, &err))
            fail_msg("%s: accepted", bad[i].to);
        if (err.code != bad[i].code || strncmp(err.text, "config.json: ", 13) != 0 ||
            !strstr(err.text, bad[i].item))
            fail_msg("%s: %d %s", bad[i].to, (int)err.code, err.text);
        free(text);
    }
    struct model_config c;
    struct err err = {0};
    assert_false(read_hf("[]", &c, &err));
    assert_string_equal(err.text, "config.json: expected an object");
    char *text = edit_text(v01, "\"rope_theta\":10000.0", "\"rope_theta\":1e4,\"rope_scaling\":[]");
    assert_false(read_hf(text, &c, &err));
    assert_string_equal(err.text, "config.json: rope_scaling: expected an object");
    free(text);
}
