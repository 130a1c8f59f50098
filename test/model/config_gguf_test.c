/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/gguf.h"
#include "model/config.h"
#include "test.h"

/* A metadata value of one of the types that configurations use. */
struct kv {
    const char *key;
    enum gguf_type type; /* GGUF_U32, GGUF_F32, GGUF_STRING, or GGUF_ARRAY of bools */
    double number;
    const char *text; /* "1101" for the array true, true, false, true */
};

/* The keys of a tiny model with everything on; a test changes one. */
static const struct kv good[] = {
    {"general.architecture", GGUF_STRING, 0, "mistral3"},
    {"general.type", GGUF_STRING, 0, "model"},
    {"mistral3.block_count", GGUF_U32, 3, NULL},
    {"mistral3.context_length", GGUF_U32, 262144, NULL},
    {"mistral3.embedding_length", GGUF_U32, 64, NULL},
    {"mistral3.feed_forward_length", GGUF_U32, 112, NULL},
    {"mistral3.attention.head_count", GGUF_U32, 4, NULL},
    {"mistral3.attention.head_count_kv", GGUF_U32, 2, NULL},
    {"mistral3.attention.layer_norm_rms_epsilon", GGUF_F32, 1e-5, NULL},
    {"mistral3.attention.key_length", GGUF_U32, 32, NULL},
    {"mistral3.attention.value_length", GGUF_U32, 32, NULL},
    {"mistral3.attention.temperature_scale", GGUF_F32, 0.1, NULL},
    {"mistral3.rope.dimension_count", GGUF_U32, 32, NULL},
    {"mistral3.rope.freq_base", GGUF_F32, 1e6, NULL},
    {"mistral3.rope.scaling.type", GGUF_STRING, 0, "yarn"},
    {"mistral3.rope.scaling.factor", GGUF_F32, 16, NULL},
    {"mistral3.rope.scaling.original_context_length", GGUF_U32, 16384, NULL},
    {"mistral3.rope.scaling.yarn_beta_fast", GGUF_F32, 32, NULL},
    {"mistral3.rope.scaling.yarn_beta_slow", GGUF_F32, 1, NULL},
    {"mistral3.rope.scaling.yarn_log_multiplier", GGUF_F32, 1, NULL},
};
#define N_GOOD (sizeof good / sizeof *good)

static uint8_t *put(uint8_t *p, const void *bytes, size_t n)
{
    memcpy(p, bytes, n);
    return p + n;
}

static uint8_t *put_u32(uint8_t *p, uint32_t value)
{
    return put(p, &value, sizeof value);
}

static uint8_t *put_u64(uint8_t *p, uint64_t value)
{
    return put(p, &value, sizeof value);
}

static uint8_t *put_string(uint8_t *p, const char *s)
{
    return put(put_u64(p, strlen(s)), s, strlen(s));
}

static uint8_t *put_kv(uint8_t *p, const struct kv *kv)
{
    float real = (float)kv->number;
    p = put_u32(put_string(p, kv->key), kv->type);
    if (kv->type == GGUF_STRING)
        return put_string(p, kv->text);
    if (kv->type == GGUF_ARRAY) {
        p = put_u64(put_u32(p, GGUF_BOOL), strlen(kv->text));
        for (const char *s = kv->text; *s; s++)
            *p++ = *s == '1';
        return p;
    }
    return kv->type == GGUF_F32 ? put(p, &real, sizeof real) : put_u32(p, (uint32_t)kv->number);
}

static bool has_key(const struct kv *kvs, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(kvs[i].key, key) == 0)
            return true;
    return false;
}

/* Reads a configuration from the good keys, where changes take the places of those of their keys
 * or are added; drop goes.  The only tensor is [8][64] F32, named embedding. */
static bool read_changed(const struct kv *changes, size_t n_changes, const char *drop,
                         const char *embedding, struct model_config *config, struct err *err)
{
    static uint8_t image[8192];
    uint8_t *p = put_u64(put_u32(put(image, "GGUF", 4), 3), 1), *count = p;
    uint64_t n = n_changes;
    p = put_u64(p, 0);
    for (size_t i = 0; i < N_GOOD; i++) {
        if ((drop && strcmp(drop, good[i].key) == 0) || has_key(changes, n_changes, good[i].key))
            continue;
        p = put_kv(p, &good[i]);
        n++;
    }
    for (size_t i = 0; i < n_changes; i++)
        p = put_kv(p, &changes[i]);
    put_u64(count, n);
    p = put_u64(put_u64(put_u32(put_string(p, embedding), 2), 64), 8);
    p = put_u64(put_u32(p, 0), 0);
    while ((p - image) % 32)
        *p++ = 0;
    memset(p, 0, (size_t)8 * 64 * 4);
    struct gguf gguf;
    bool ok = gguf_parse(&gguf, "tiny.gguf", image, (size_t)(p - image) + (size_t)8 * 64 * 4, err);
    if (!ok)
        fail_msg("%s", err->text);
    ok = config_from_gguf(config, &gguf, err);
    gguf_close(&gguf);
    return ok;
}

/* The same with one change, or none. */
static bool read_gguf(const struct kv *change, const char *drop, const char *embedding,
                      struct model_config *config, struct err *err)
{
    return read_changed(change, change != NULL, drop, embedding, config, err);
}

TEST(config_gguf, reads_a_mistral3_file)
{
    struct model_config c;
    struct err err = {0};
    if (!read_gguf(NULL, NULL, "token_embd.weight", &c, &err))
        fail_msg("%s", err.text);
    assert_int_equal(c.dim, 64);
    assert_int_equal(c.n_layers, 3);
    assert_int_equal(c.n_heads, 4);
    assert_int_equal(c.n_kv_heads, 2);
    assert_int_equal(c.head_dim, 32);
    assert_int_equal(c.ffn_dim, 112);
    assert_int_equal(c.n_vocab, 8);
    assert_int_equal(c.context, 262144);
    assert_int_equal(c.rope_layout, ROPE_INTERLEAVED);
    assert_true(c.tied && c.has_yarn);
    assert_true(c.norm_eps == 1e-5f && c.rope_theta == 1e6 && c.rope_magnitude == 1.0f);
    assert_true(c.yarn.factor == 16 && c.yarn.original_context == 16384);
    assert_true(c.yarn.beta_fast == 32 && c.yarn.beta_slow == 1);
    assert_true(c.temperature_beta == (double)0.1f && c.temperature_original == 16384);
    assert_string_equal(c.architecture, "mistral3 (GGUF)");
}

TEST(config_gguf, absent_keys_have_their_defaults)
{
    struct model_config c;
    struct err err = {0};
    assert_true(read_gguf(NULL, "mistral3.attention.head_count_kv", "token_embd.weight", &c, &err));
    assert_int_equal(c.n_kv_heads, 4);
    assert_true(read_gguf(NULL, "mistral3.rope.freq_base", "token_embd.weight", &c, &err));
    assert_true(c.rope_theta == 1e4);
    assert_true(
        read_gguf(NULL, "mistral3.rope.scaling.yarn_beta_fast", "token_embd.weight", &c, &err));
    assert_true(c.yarn.beta_fast == 32);
    assert_true(read_gguf(NULL, "mistral3.rope.dimension_count", "token_embd.weight", &c, &err));
    assert_true(read_gguf(NULL, "general.type", "token_embd.weight", &c, &err));
    struct kv length = {"mistral3.attention.temperature_length", GGUF_U32, 8192, NULL};
    assert_true(read_gguf(&length, NULL, "token_embd.weight", &c, &err));
    assert_true(c.yarn.original_context == 16384);
    assert_true(c.temperature_original == 8192);
}

TEST(config_gguf, log_multiplier_decides_the_magnitude)
{
    static const char key[] = "mistral3.rope.scaling.yarn_log_multiplier";
    struct model_config c;
    struct err err = {0};
    assert_true(read_gguf(NULL, key, "token_embd.weight", &c, &err));
    assert_true(fabsf(c.rope_magnitude - 1.2772589f) < 1e-6f);
    struct kv zero = {key, GGUF_F32, 0, NULL};
    assert_true(read_gguf(&zero, NULL, "token_embd.weight", &c, &err));
    assert_true(fabsf(c.rope_magnitude - 1.2772589f) < 1e-6f);
}

TEST(config_gguf, reads_the_bundled_model)
{
    struct model_config c;
    struct err err = {0};
    struct gguf gguf;
    assert_true(gguf_open(&gguf, "models/stories260K.gguf", &err));
    if (!config_from_gguf(&c, &gguf, &err))
        fail_msg("%s", err.text);
    gguf_close(&gguf);
    assert_int_equal(c.dim, 64);
    assert_int_equal(c.n_layers, 5);
    assert_int_equal(c.n_heads, 8);
    assert_int_equal(c.n_kv_heads, 4);
    assert_int_equal(c.head_dim, 8);
    assert_int_equal(c.ffn_dim, 172);
    assert_int_equal(c.n_vocab, 512);
    assert_int_equal(c.context, 512);
    assert_true(c.rope_theta == 1e4 && !c.has_yarn && !c.tied);
    assert_string_equal(c.architecture, "llama (GGUF)");
}

static const struct {
    struct kv change;
    const char *item;
    enum err_code code;
} bad[] = {
    {{"general.architecture", GGUF_STRING, 0, "qwen2"}, "'qwen2' is not", ERR_UNSUPPORTED},
    {{"general.architecture", GGUF_STRING, 0, "deepseek2"},
     "deepseek2.embedding_length: ",
     ERR_FORMAT},
    {{"general.architecture", GGUF_STRING, 0, "clip"}, "image projector", ERR_UNSUPPORTED},
    {{"general.architecture", GGUF_U32, 1, NULL}, "general.architecture: ", ERR_FORMAT},
    {{"general.architecture", GGUF_STRING, 0, "llama"}, "llama.embedding_length: ", ERR_FORMAT},
    {{"general.type", GGUF_STRING, 0, "adapter"}, "general.type: 'adapter'", ERR_UNSUPPORTED},
    {{"mistral3.block_count", GGUF_U32, 513, NULL}, "block_count: ", ERR_FORMAT},
    {{"mistral3.block_count", GGUF_STRING, 0, "3"}, "block_count: ", ERR_FORMAT},
    {{"mistral3.context_length", GGUF_U32, 0, NULL}, "context_length: ", ERR_FORMAT},
    {{"mistral3.embedding_length", GGUF_U32, 65537, NULL}, "embedding_length: ", ERR_FORMAT},
    {{"mistral3.feed_forward_length", GGUF_F32, 112.5, NULL}, "feed_forward_length: ", ERR_FORMAT},
    {{"mistral3.attention.head_count", GGUF_U32, 3, NULL}, "3 attention heads", ERR_FORMAT},
    {{"mistral3.attention.head_count_kv", GGUF_U32, 0, NULL}, "head_count_kv: ", ERR_FORMAT},
    {{"mistral3.attention.head_count_kv", GGUF_U32, 3, NULL}, "3 key-value heads", ERR_FORMAT},
    {{"mistral3.attention.key_length", GGUF_U32, 33, NULL}, "head width 33", ERR_FORMAT},
    {{"mistral3.attention.value_length", GGUF_U32, 16, NULL}, "value_length: ", ERR_UNSUPPORTED},
    {{"mistral3.attention.layer_norm_rms_epsilon", GGUF_F32, (double)NAN, NULL},
     "layer_norm_rms_epsilon: ",
     ERR_FORMAT},
    {{"mistral3.attention.temperature_scale", GGUF_F32, -1, NULL},
     "temperature_scale: ",
     ERR_FORMAT},
    {{"mistral3.rope.dimension_count", GGUF_U32, 16, NULL}, "dimension_count: ", ERR_UNSUPPORTED},
    {{"mistral3.rope.freq_base", GGUF_F32, 0, NULL}, "freq_base: ", ERR_FORMAT},
    {{"mistral3.rope.freq_base", GGUF_F32, 1, NULL}, "theta above 1", ERR_FORMAT},
    {{"mistral3.rope.scaling.type", GGUF_STRING, 0, "linear"}, "'linear'", ERR_UNSUPPORTED},
    {{"mistral3.rope.scaling.type", GGUF_STRING, 0, "none"}, "temperature_length: ", ERR_FORMAT},
    {{"mistral3.rope.scaling.factor", GGUF_F32, 0.5, NULL}, "scaling.factor: ", ERR_FORMAT},
    {{"mistral3.rope.scaling.original_context_length", GGUF_U32, 0, NULL}, "original_", ERR_FORMAT},
    {{"mistral3.rope.scaling.yarn_beta_fast", GGUF_F32, 0.5, NULL}, "runs backwards", ERR_FORMAT},
    {{"mistral3.rope.scaling.attn_factor", GGUF_F32, 2, NULL}, "attn_factor: ", ERR_UNSUPPORTED},
    {{"mistral3.rope.scaling.yarn_ext_factor", GGUF_STRING, 0, ""}, "ext_factor: ", ERR_FORMAT},
    {{"mistral3.attention.value_length", GGUF_U32, 513, NULL}, "value_length: ", ERR_FORMAT},
    {{"mistral3.attention.temperature_length", GGUF_U32, 0, NULL}, "_length: ", ERR_FORMAT},
    {{"mistral3.expert_count", GGUF_STRING, 0, "8"}, "expert_count: ", ERR_FORMAT},
    {{"mistral3.expert_count", GGUF_U32, 8, NULL}, "expert_used_count: missing", ERR_FORMAT},
    {{"mistral3.expert_count", GGUF_U32, 1025, NULL}, "expert_count: ", ERR_FORMAT},
    {{"mistral3.expert_gating_func", GGUF_U32, 2, NULL}, "_func: only softmax", ERR_UNSUPPORTED},
    {{"mistral3.attention.kv_lora_rank", GGUF_U32, 512, NULL}, "q_lora_rank: missing", ERR_FORMAT},
    {{"mistral3.attention.sliding_window", GGUF_U32, 1u << 25, NULL},
     "sliding_window: ",
     ERR_FORMAT},
};

TEST(config_gguf, every_wrong_value_is_named)
{
    struct model_config c;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        if (read_gguf(&bad[i].change, NULL, "token_embd.weight", &c, &err))
            fail_msg("%s: accepted", bad[i].change.key);
        if (err.code != bad[i].code || strncmp(err.text, "tiny.gguf: ", 11) != 0 ||
            !strstr(err.text, bad[i].item) || (err.code == ERR_FORMAT && !strchr(err.text, ';')))
            fail_msg("%s: %d %s", bad[i].change.key, (int)err.code, err.text);
    }
    struct err err = {0};
    assert_false(read_gguf(NULL, NULL, "token_embd.bias", &c, &err));
    assert_non_null(strstr(err.text, "tiny.gguf: token_embd.weight: missing"));
}

TEST(config_gguf, missing_keys_are_named)
{
    static const char *const needed[] = {
        "general.architecture",
        "mistral3.block_count",
        "mistral3.context_length",
        "mistral3.embedding_length",
        "mistral3.feed_forward_length",
        "mistral3.attention.head_count",
        "mistral3.attention.layer_norm_rms_epsilon",
        "mistral3.rope.scaling.factor",
        "mistral3.rope.scaling.original_context_length",
    };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        struct model_config c;
        struct err err = {0};
        assert_false(read_gguf(NULL, needed[i], "token_embd.weight", &c, &err));
        assert_int_equal(err.code, ERR_FORMAT);
        assert_non_null(strstr(err.text, needed[i]));
        assert_non_null(strstr(err.text, ": missing; download it again"));
    }
}

TEST(config_gguf, a_stretch_without_its_type_is_refused)
{
    static const char type[] = "mistral3.rope.scaling.type";
    struct model_config c;
    struct err err = {0};
    struct kv linear = {"mistral3.rope.scale_linear", GGUF_F32, 0.25, NULL};
    assert_false(read_gguf(&linear, type, "token_embd.weight", &c, &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_string_equal(err.text, "tiny.gguf: mistral3.rope.scale_linear: only 1 is supported, "
                                  "unless rope.scaling.type is yarn");
    assert_false(read_gguf(NULL, type, "token_embd.weight", &c, &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_memory_equal(err.text, "tiny.gguf: mistral3.rope.scaling.factor: only 1", 47);
    struct kv one = {"mistral3.rope.scaling.factor", GGUF_F32, 1, NULL};
    assert_false(read_gguf(&one, type, "token_embd.weight", &c, &err));
    assert_non_null(strstr(err.text, "temperature_length: missing"));
}

TEST(config_gguf, only_a_count_of_zero_is_no_mixture)
{
    struct model_config c;
    struct err err = {0};
    struct kv n = {"mistral3.expert_count", GGUF_U32, 0, NULL};
    if (!read_gguf(&n, NULL, "token_embd.weight", &c, &err))
        fail_msg("%s", err.text);
    assert_false(c.is_moe);
    n.number = 1;
    assert_false(read_gguf(&n, NULL, "token_embd.weight", &c, &err));
    assert_non_null(strstr(err.text, "expert_used_count: missing"));
}

/* Reads the configuration of a reference model in its GGUF form. */
static struct model_config read_case(const char *name)
{
    struct model_config c;
    struct err err = {0};
    struct gguf gguf;
    char path[128];
    snprintf(path, sizeof path, "test/data/oracle-gguf/%s/model.gguf", name);
    if (!gguf_open(&gguf, path, &err) || !config_from_gguf(&c, &gguf, &err))
        fail_msg("%s", err.text);
    gguf_close(&gguf);
    return c;
}

TEST(config_gguf, reads_mixtures_and_latent_attention)
{
    struct model_config c = read_case("mixtral-bf16");
    assert_true(c.is_moe && !c.is_latent && c.moe.renormalise && c.moe.routed_scale == 1.0f);
    assert_int_equal(c.moe.n_experts, 8);
    assert_int_equal(c.moe.n_used, 2);
    assert_int_equal(c.moe.ffn_dim, 40);
    c = read_case("large3-bf16");
    assert_true(c.is_moe && c.is_latent && c.moe.renormalise && c.moe.routed_scale == 1.5f);
    assert_int_equal(c.n_kv_heads, 4);
    assert_int_equal(c.head_dim, 40);
    assert_int_equal(c.latent.q_rank, 48);
    assert_int_equal(c.latent.kv_rank, 40);
    assert_int_equal(c.latent.nope_dim, 24);
    assert_int_equal(c.latent.rope_dim, 16);
    assert_int_equal(c.latent.v_dim, 20);
    assert_int_equal(c.moe.n_experts, 6);
    assert_int_equal(c.moe.n_used, 3);
    assert_int_equal(c.moe.ffn_dim, 24);
    assert_int_equal(c.moe.n_shared, 1);
    assert_int_equal(c.moe.n_dense, 1);
    assert_int_equal(c.moe.n_groups, 1);
    /* The file says yarn_log_multiplier 0.1, as every converted one does. */
    assert_true(c.rope_magnitude == 1.0f && c.attn_scale_mult == 1.0f);
    assert_true(c.temperature_beta > 0.0999 && c.temperature_original == 16);
}

TEST(config_gguf, a_window_holds_for_every_layer)
{
    struct model_config c;
    struct err err = {0};
    struct kv window = {"mistral3.attention.sliding_window", GGUF_U32, 4096, NULL};
    assert_true(read_gguf(&window, NULL, "token_embd.weight", &c, &err));
    for (int i = 0; i < 3; i++)
        assert_int_equal(c.windows[i], 4096);
    assert_int_equal(c.windows[3], 0);
}

#define PATTERN "mistral3.attention.sliding_window_pattern"

TEST(config_gguf, a_pattern_says_which_layers_have_the_window)
{
    struct model_config c;
    struct err err = {0};
    struct kv two[] = {{"mistral3.attention.sliding_window", GGUF_U32, 4096, NULL},
                       {PATTERN, GGUF_ARRAY, 0, "101"}};
    if (!read_changed(two, 2, NULL, "token_embd.weight", &c, &err))
        fail_msg("%s", err.text);
    assert_int_equal(c.windows[0], 4096);
    assert_int_equal(c.windows[1], 0);
    assert_int_equal(c.windows[2], 4096);
    two[1] = (struct kv){PATTERN, GGUF_U32, 0, NULL};
    assert_true(read_changed(two, 2, NULL, "token_embd.weight", &c, &err));
    assert_int_equal(c.windows[1], 4096);
}

TEST(config_gguf, other_patterns_are_named)
{
    static const struct {
        struct kv window, pattern;
        const char *why;
        enum err_code code;
    } wrong[] = {
        {{"mistral3.attention.sliding_window", GGUF_U32, 8, NULL},
         {PATTERN, GGUF_ARRAY, 0, "10"},
         "_pattern: expected one item for each layer",
         ERR_FORMAT},
        {{"mistral3.attention.sliding_window", GGUF_U32, 8, NULL},
         {PATTERN, GGUF_ARRAY, 0, "1011"},
         "_pattern: expected one item for each layer",
         ERR_FORMAT},
        {{"mistral3.attention.sliding_window", GGUF_U32, 0, NULL},
         {PATTERN, GGUF_ARRAY, 0, "101"},
         "sliding_window is missing",
         ERR_FORMAT},
        {{"mistral3.attention.sliding_window", GGUF_U32, 8, NULL},
         {PATTERN, GGUF_U32, 4, NULL},
         "_pattern: only an array",
         ERR_UNSUPPORTED},
        {{"mistral3.attention.sliding_window", GGUF_U32, 8, NULL},
         {PATTERN, GGUF_STRING, 0, "101"},
         "_pattern: ",
         ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct model_config c;
        struct err err = {0};
        const struct kv two[] = {wrong[i].window, wrong[i].pattern};
        assert_false(read_changed(two, 2, NULL, "token_embd.weight", &c, &err));
        if (err.code != wrong[i].code || !strstr(err.text, wrong[i].why))
            fail_msg("%zu: %s", i, err.text);
    }
}
