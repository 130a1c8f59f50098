/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/json.h"
#include "edit.h"
#include "model/config.h"
#include "test.h"

static bool read_params(const char *text, struct model_config *config, struct err *err)
{
    struct json_doc *doc = json_parse("params.json", text, strlen(text), err);
    bool ok = doc && config_from_params(config, doc, err);
    json_close(doc);
    return ok;
}

/* As published. */
static const char large[] =
    "{\"dim\":12288,\"n_layers\":88,\"head_dim\":128,\"hidden_dim\":28672,\"n_heads\":96,"
    "\"n_kv_heads\":8,\"norm_eps\":1e-05,\"vocab_size\":32768,\"rope_theta\":1000000.0}";

/* The shape of Ministral 3 3B, with keys of every kind and the image tower's. */
static const char ministral[] =
    "{\"dim\":3072,\"n_layers\":26,\"head_dim\":128,\"hidden_dim\":9216,\"n_heads\":32,"
    "\"n_kv_heads\":8,\"rope_theta\":1000000.0,\"norm_eps\":1e-05,\"vocab_size\":131072,"
    "\"tied_embeddings\":true,\"max_position_embeddings\":262144,\"activation\":\"silu\","
    "\"model_type\":\"transformer\",\"sliding_window\":null,\"moe\":null,\"max_batch_size\":1,"
    "\"llama_4_scaling\":{\"original_max_position_embeddings\":16384,\"beta\":0.1},"
    "\"yarn\":{\"original_max_position_embeddings\":16384,\"factor\":16,\"apply_scale\":false,"
    "\"beta\":32,\"alpha\":1},\"vision_encoder\":{\"hidden_size\":1024}}";

TEST(config_params, reads_large_2_as_published)
{
    struct model_config c;
    struct err err = {0};
    assert_true(read_params(large, &c, &err));
    assert_int_equal(c.dim, 12288);
    assert_int_equal(c.n_layers, 88);
    assert_int_equal(c.n_heads, 96);
    assert_int_equal(c.n_kv_heads, 8);
    assert_int_equal(c.head_dim, 128);
    assert_int_equal(c.ffn_dim, 28672);
    assert_int_equal(c.n_vocab, 32768);
    assert_int_equal(c.context, 128000);
    assert_true(c.context_assumed);
    assert_true(c.norm_eps == 1e-5f);
    assert_true(c.rope_theta == 1e6);
    assert_int_equal(c.rope_layout, ROPE_INTERLEAVED);
    assert_false(c.tied || c.has_yarn);
    assert_true(c.rope_magnitude == 1.0f && c.temperature_beta == 0.0);
    for (int i = 0; i < 88; i++)
        assert_int_equal(c.windows[i], 0);
    assert_string_equal(c.architecture, "mistral (native)");
}

TEST(config_params, reads_ministral_3)
{
    struct model_config c;
    struct err err = {0};
    assert_true(read_params(ministral, &c, &err));
    assert_true(c.tied && c.has_yarn);
    assert_int_equal(c.context, 262144);
    assert_true(c.yarn.factor == 16 && c.yarn.original_context == 16384);
    assert_true(c.yarn.beta_fast == 32 && c.yarn.beta_slow == 1);
    assert_true(c.rope_magnitude == 1.0f);
    assert_true(c.temperature_beta == 0.1 && c.temperature_original == 16384);
}

TEST(config_params, yarn_scales_magnitude_unless_told_otherwise)
{
    struct model_config c;
    struct err err = {0};
    char *text = edit_text(ministral, "\"apply_scale\":false,", "");
    assert_true(read_params(text, &c, &err));
    assert_true(fabsf(c.rope_magnitude - 1.2772589f) < 1e-6f);
    free(text);
    /* Devstral 2 123B. */
    text = edit_text(ministral, "\"factor\":16,\"apply_scale\":false",
                     "\"factor\":64,\"apply_scale\":true");
    assert_true(read_params(text, &c, &err));
    assert_true(fabsf(c.rope_magnitude - 1.415888f) < 1e-6f);
    free(text);
}

TEST(config_params, windows_come_in_every_spelling)
{
    static const struct {
        const char *text;
        uint32_t windows[4];
    } cases[] = {
        {"\"sliding_window\":4096", {4096, 4096, 4096, 4096}},
        {"\"sliding_window\":\"4096\"", {4096, 4096, 4096, 4096}},
        {"\"_sliding_window\":\"8\"", {8, 8, 8, 8}},
        {"\"sliding_window\":null,\"_sliding_window\":9", {9, 9, 9, 9}},
        {"\"sliding_window\":[null,32768,32768,32768]", {0, 32768, 32768, 32768}},
        {"\"sliding_window\":[7,null]", {7, 0, 7, 0}},
        {"\"sliding_window\":[\"7\"]", {7, 7, 7, 7}},
        {"\"sliding_window\":[null]", {0, 0, 0, 0}},
        {"\"sliding_window\":null", {0, 0, 0, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model_config c;
        struct err err = {0};
        char *text = edit_text(ministral, "\"sliding_window\":null", cases[i].text);
        char *four = edit_text(text, "\"n_layers\":26", "\"n_layers\":4");
        if (!read_params(four, &c, &err))
            fail_msg("%s: %s", cases[i].text, err.text);
        assert_memory_equal(c.windows, cases[i].windows, sizeof cases[i].windows);
        assert_int_equal(c.windows[4], 0);
        free(text);
        free(four);
    }
}

TEST(config_params, absent_keys_have_their_defaults)
{
    struct model_config c;
    struct err err = {0};
    char *text = edit_text(large, "\"n_kv_heads\":8,", "");
    assert_true(read_params(text, &c, &err));
    assert_int_equal(c.n_kv_heads, 96);
    free(text);
    text = edit_text(large, "\"head_dim\":128,", "\"max_seq_len\":32768,");
    assert_true(read_params(text, &c, &err));
    assert_int_equal(c.head_dim, 128);
    assert_int_equal(c.context, 32768);
    free(text);
}

/* One wrong thing each: what to replace, by what, and what the message must hold. */
static const struct {
    const char *from, *to, *item;
    enum err_code code;
} bad[] = {
    {"\"dim\":3072,", "", "dim: missing", ERR_FORMAT},
    {"\"dim\":3072", "\"dim\":0", "dim: expected", ERR_FORMAT},
    {"\"dim\":3072", "\"dim\":\"3072\"", "dim: expected", ERR_FORMAT},
    {"\"dim\":3072", "\"dim\":65537", "dim: expected", ERR_FORMAT},
    {"\"dim\":3072", "\"dim\":1152921504606846976", "dim: expected", ERR_FORMAT},
    {"\"dim\":3072", "\"dim\":4294970368", "dim: expected", ERR_FORMAT}, /* 3072 + 2^32 */
    {"\"dim\":3072", "\"dim\":1e18", "dim: expected", ERR_FORMAT},
    {"\"dim\":3072", "\"dim\":99999999999999999999999999999999", "dim: expected", ERR_FORMAT},
    {"\"dim\":3072", "\"dim\":3072.5", "dim: expected", ERR_FORMAT},
    {"\"n_layers\":26", "\"n_layers\":513", "n_layers: expected", ERR_FORMAT},
    {"\"n_layers\":26", "\"n_layers\":-1", "n_layers: expected", ERR_FORMAT},
    {"\"n_heads\":32", "\"n_heads\":1025", "n_heads: expected", ERR_FORMAT},
    {"\"n_heads\":32", "\"n_heads\":30", "30 attention heads", ERR_FORMAT},
    {"\"n_kv_heads\":8", "\"n_kv_heads\":0", "n_kv_heads: expected", ERR_FORMAT},
    {"\"n_kv_heads\":8", "\"n_kv_heads\":64", "64 key-value heads", ERR_FORMAT},
    {"\"head_dim\":128", "\"head_dim\":127", "head width 127", ERR_FORMAT},
    {"\"head_dim\":128", "\"head_dim\":514", "head_dim: expected", ERR_FORMAT},
    {"\"dim\":3072,\"n_layers\":26,\"head_dim\":128", "\"dim\":3070,\"n_layers\":26", "width 3070",
     ERR_FORMAT},
    {"\"dim\":3072,\"n_layers\":26,\"head_dim\":128", "\"dim\":32768,\"n_layers\":26",
     "head width 1024", ERR_FORMAT},
    {"\"hidden_dim\":9216", "\"hidden_dim\":1048577", "hidden_dim: expected", ERR_FORMAT},
    {"\"vocab_size\":131072", "\"vocab_size\":2097153", "vocab_size: expected", ERR_FORMAT},
    {"\"vocab_size\":131072", "\"vocab_size\":true", "vocab_size: expected", ERR_FORMAT},
    {"\"norm_eps\":1e-05", "\"norm_eps\":0", "norm_eps: expected", ERR_FORMAT},
    {"\"norm_eps\":1e-05", "\"norm_eps\":0.2", "norm_eps: expected", ERR_FORMAT},
    {"\"rope_theta\":1000000.0,", "", "rope_theta: missing; add it", ERR_FORMAT},
    {"\"rope_theta\":1000000.0", "\"rope_theta\":0.5", "rope_theta: expected", ERR_FORMAT},
    {"\"rope_theta\":1000000.0", "\"rope_theta\":1e13", "rope_theta: expected", ERR_FORMAT},
    {"\"rope_theta\":1000000.0", "\"rope_theta\":1", "theta above 1", ERR_FORMAT},
    {"\"max_position_embeddings\":262144", "\"max_position_embeddings\":0",
     "max_position_embeddings: expected", ERR_FORMAT},
    {"\"tied_embeddings\":true", "\"tied_embeddings\":1", "tied_embeddings: expected", ERR_FORMAT},
    {"\"sliding_window\":null", "\"sliding_window\":0", "sliding_window: expected", ERR_FORMAT},
    {"\"sliding_window\":null", "\"sliding_window\":\"many\"", "sliding_window: expected",
     ERR_FORMAT},
    {"\"sliding_window\":null", "\"sliding_window\":\"99999999999999999999\"",
     "sliding_window: expected", ERR_FORMAT},
    {"\"sliding_window\":null", "\"sliding_window\":[]", "sliding_window: 0 windows", ERR_FORMAT},
    {"\"sliding_window\":null", "\"sliding_window\":[null,8,8]", "3 windows cannot repeat",
     ERR_FORMAT},
    {"\"sliding_window\":null", "\"sliding_window\":[null,{}]", "sliding_window[1]: expected",
     ERR_FORMAT},
    {"\"sliding_window\":null", "\"sliding_window\":8,\"_sliding_window\":8",
     "_sliding_window: given beside", ERR_FORMAT},
    {"\"factor\":16", "\"factor\":0.5", "yarn.factor: expected", ERR_FORMAT},
    {"\"factor\":16,", "", "yarn.factor: missing", ERR_FORMAT},
    {"\"beta\":32,", "", "yarn.beta: missing", ERR_FORMAT},
    {"\"beta\":32", "\"beta\":0", "yarn.beta: expected", ERR_FORMAT},
    {"\"alpha\":1", "\"alpha\":64", "runs backwards", ERR_FORMAT},
    {"\"apply_scale\":false", "\"apply_scale\":\"no\"", "yarn.apply_scale: expected", ERR_FORMAT},
    {"\"beta\":0.1", "\"beta\":-0.1", "llama_4_scaling.beta: expected", ERR_FORMAT},
    {"{\"original_max_position_embeddings\":16384,\"beta\":0.1}", "{\"beta\":0.1}",
     "llama_4_scaling.original_max_position_embeddings: missing", ERR_FORMAT},
    {"{\"original_max_position_embeddings\":16384,\"beta\":0.1}", "[]",
     "llama_4_scaling: expected an object", ERR_FORMAT},
    {"\"activation\":\"silu\"", "\"activation\":\"gelu\"", "activation: ", ERR_UNSUPPORTED},
    {"\"model_type\":\"transformer\"", "\"model_type\":\"mamba\"", "model_type: 'mamba'",
     ERR_UNSUPPORTED},
    {"\"moe\":null", "\"moe\":[8]", "moe: expected an object", ERR_FORMAT},
    {"\"moe\":null", "\"moe\":{\"num_experts_per_tok\":2}", "moe: num_experts: missing",
     ERR_FORMAT},
    {"\"moe\":null", "\"moe\":{\"num_experts\":8}", "moe.num_experts_per_tok: missing", ERR_FORMAT},
    {"\"moe\":null", "\"moe\":{\"num_experts\":8,\"num_experts_per_tok\":9}",
     "uses 9 experts, the model has 8", ERR_FORMAT},
    {"\"moe\":null", "\"moe\":{\"num_experts\":1025,\"num_experts_per_tok\":2}",
     "moe.num_experts: expected", ERR_FORMAT},
    {"\"moe\":null", "\"moe\":{\"num_experts\":8,\"num_experts_per_tok\":2,\"route_every_n\":2}",
     "moe.route_every_n: dense layers", ERR_UNSUPPORTED},
    {"\"moe\":null",
     "\"moe\":{\"num_experts\":8,\"num_experts_per_tok\":2,\"use_load_balancing_bias\":true}",
     "moe.use_load_balancing_bias: biases", ERR_UNSUPPORTED},
    {"\"moe\":null",
     "\"moe\":{\"num_experts\":8,\"num_experts_per_tok\":2,\"renorm_strategy\":\"NONE\"}",
     "moe.renorm_strategy: 'NONE'", ERR_UNSUPPORTED},
    {"\"moe\":null", "\"kv_lora_rank\":512", "q_lora_rank: missing", ERR_FORMAT},
    {"\"moe\":null", "\"kv_lora_rank\":9000", "kv_lora_rank: expected", ERR_FORMAT},
    {"\"moe\":null", "\"qk_nope_head_dim\":64", "qk_nope_head_dim: given without", ERR_FORMAT},
    {"\"moe\":null", "\"ada_rms_norm_t_cond\":true", "ada_rms_norm_t_cond: ", ERR_UNSUPPORTED},
};

TEST(config_params, every_wrong_value_is_named)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct model_config c;
        struct err err = {0};
        char *text = edit_text(ministral, bad[i].from, bad[i].to);
        if (read_params(text, &c, &err))
            fail_msg("%s: accepted", bad[i].to);
        if (err.code != bad[i].code || strncmp(err.text, "params.json: ", 13) != 0 ||
            !strstr(err.text, bad[i].item))
            fail_msg("%s: %d %s", bad[i].to, (int)err.code, err.text);
        free(text);
    }
    struct model_config c;
    struct err err = {0};
    assert_false(read_params("[]", &c, &err));
    assert_string_equal(err.text, "params.json: expected an object");
}

/* What Mistral published of Large 3, as tests of other programs quote it. */
static const char large_3[] =
    "{\"dim\":7168,\"n_layers\":61,\"head_dim\":192,\"hidden_dim\":16384,\"n_heads\":128,"
    "\"n_kv_heads\":128,\"rope_theta\":10000.0,\"norm_eps\":1e-06,\"vocab_size\":131072,"
    "\"tied_embeddings\":false,\"max_position_embeddings\":294912,"
    "\"llama_4_scaling\":{\"original_max_position_embeddings\":8192,\"beta\":0.1},"
    "\"q_lora_rank\":1536,\"qk_rope_head_dim\":64,\"qk_nope_head_dim\":128,\"kv_lora_rank\":512,"
    "\"v_head_dim\":128,\"yarn\":{\"original_max_position_embeddings\":8192,\"factor\":36,"
    "\"apply_scale\":false,\"beta\":32,\"alpha\":1},\"moe\":{\"expert_parallel\":1,"
    "\"expert_model_parallel\":1,\"route_every_n\":1,\"first_k_dense_replace\":3,"
    "\"num_experts\":128,\"num_experts_per_tok\":4,\"num_expert_groups\":1,"
    "\"num_expert_groups_per_tok\":1,\"routed_scale\":1.0,\"expert_hidden_dim\":4096,"
    "\"num_shared_experts\":1}}";

TEST(config_params, reads_large_3)
{
    struct model_config c;
    struct err err = {0};
    if (!read_params(large_3, &c, &err))
        fail_msg("%s", err.text);
    assert_true(c.is_latent && c.is_moe);
    assert_int_equal(c.latent.q_rank, 1536);
    assert_int_equal(c.latent.kv_rank, 512);
    assert_int_equal(c.latent.nope_dim, 128);
    assert_int_equal(c.latent.rope_dim, 64);
    assert_int_equal(c.latent.v_dim, 128);
    assert_int_equal(c.head_dim, 192);
    assert_int_equal(config_rope_dim(&c), 64);
    assert_int_equal(c.moe.n_experts, 128);
    assert_int_equal(c.moe.n_used, 4);
    assert_int_equal(c.moe.ffn_dim, 4096);
    assert_int_equal(c.moe.n_shared, 1);
    assert_int_equal(c.moe.n_dense, 3);
    assert_int_equal(c.moe.n_groups, 1);
    assert_int_equal(c.moe.n_groups_used, 1);
    assert_true(c.moe.renormalise && c.moe.routed_scale == 1.0f);
    assert_false(config_has_experts(&c, 2));
    assert_true(config_has_experts(&c, 3));
    assert_true(c.rope_magnitude == 1.0f && c.attn_scale_mult == 1.0f);
}

TEST(config_params, a_single_expert_is_a_mixture)
{
    struct model_config c;
    struct err err = {0};
    char *text = edit_text(ministral, "\"moe\":null",
                           "\"moe\":{\"num_experts\":1,\"num_experts_per_tok\":1}");
    if (!read_params(text, &c, &err))
        fail_msg("%s", err.text);
    assert_true(c.is_moe && c.moe.n_experts == 1 && c.moe.n_used == 1);
    free(text);
}

TEST(config_params, a_part_of_a_latent_head_that_does_not_rotate_may_be_odd)
{
    struct model_config c;
    struct err err = {0};
    char *part = edit_text(large_3, "\"qk_nope_head_dim\":128", "\"qk_nope_head_dim\":127");
    char *text = edit_text(part, "\"head_dim\":192", "\"head_dim\":191");
    if (!read_params(text, &c, &err))
        fail_msg("%s", err.text);
    assert_int_equal(c.head_dim, 191);
    free(part);
    free(text);
}

TEST(config_params, latent_attention_scales_its_products_when_told_to)
{
    struct model_config c;
    struct err err = {0};
    char *text = edit_text(large_3, "\"apply_scale\":false", "\"apply_scale\":true");
    assert_true(read_params(text, &c, &err));
    assert_true(c.rope_magnitude == 1.0f && fabsf(c.attn_scale_mult - 1.845096f) < 1e-4f);
    free(text);
}

TEST(config_params, wrong_sizes_of_large_3_are_named)
{
    static const struct {
        const char *from, *to, *item;
        enum err_code code;
    } wrong[] = {
        {"\"head_dim\":192", "\"head_dim\":128", "head_dim is 128, but", ERR_FORMAT},
        {"\"n_kv_heads\":128", "\"n_kv_heads\":8", "8 key-value heads for 128", ERR_FORMAT},
        {"\"qk_rope_head_dim\":64", "\"qk_rope_head_dim\":65", "head_dim is 192", ERR_FORMAT},
        {"\"head_dim\":192", "\"sliding_window\":4096", "sliding window", ERR_UNSUPPORTED},
        {"\"v_head_dim\":128", "\"v_head_dim\":513", "v_head_dim: expected", ERR_FORMAT},
        {"\"num_expert_groups\":1,", "\"num_expert_groups\":3,", "128 experts cannot form 3 groups",
         ERR_FORMAT},
        {"\"num_expert_groups\":1,", "\"num_expert_groups\":128,",
         "128 experts cannot form 128 groups", ERR_FORMAT},
        {"\"num_expert_groups\":1,", "\"num_expert_groups\":64,", "from 1 group of 2", ERR_FORMAT},
        {"\"num_expert_groups_per_tok\":1", "\"num_expert_groups_per_tok\":2", "uses 2 groups",
         ERR_FORMAT},
        {"\"first_k_dense_replace\":3", "\"first_k_dense_replace\":61", "61 dense layers",
         ERR_FORMAT},
        {"\"num_shared_experts\":1", "\"num_shared_experts\":512", "512 shared experts",
         ERR_FORMAT},
        {"\"routed_scale\":1.0", "\"routed_scale\":0", "routed_scale: expected", ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct model_config c;
        struct err err = {0};
        char *text = edit_text(large_3, wrong[i].from, wrong[i].to);
        if (read_params(text, &c, &err))
            fail_msg("%s: accepted", wrong[i].to);
        if (err.code != wrong[i].code || !strstr(err.text, wrong[i].item))
            fail_msg("%s: %d %s", wrong[i].to, (int)err.code, err.text);
        free(text);
    }
}

TEST(config_params, features_that_are_off_are_no_reason_to_refuse)
{
    struct model_config c;
    struct err err = {0};
    char *text = edit_text(ministral, "\"moe\":null",
                           "\"moe\":{},\"kv_lora_rank\":0,\"quantization\":null,"
                           "\"ada_rms_norm_t_cond\":false,\"unknown_key\":[1]");
    if (!read_params(text, &c, &err))
        fail_msg("%s", err.text);
    free(text);
}

TEST(config_params, refuses_a_feature_that_it_does_not_know)
{
    struct model_config c;
    struct err err = {0};
    char text[1024];
    snprintf(text, sizeof text, "%.*s,\"warp_drive\":{\"factor\":9}}", (int)strlen(large) - 1,
             large);
    assert_false(read_params(text, &c, &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "params.json: warp_drive: a feature"));
}
