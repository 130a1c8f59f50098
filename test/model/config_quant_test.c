/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "data/json.h"
#include "model/config_int.h"
#include "test.h"

/* Reads a configuration that holds only that member. */
static bool read_quant(const char *member, struct quant_config *quant, struct err *err)
{
    char text[2048];
    struct model_config config = config_plain();
    snprintf(text, sizeof text, "{%s}", member);
    struct json_doc *doc = json_parse("f.json", text, strlen(text), err);
    if (!doc)
        fail_msg("%s", err->text);
    struct json root = json_root(doc);
    bool ok = config_read_quant(&config, &root, err);
    json_close(doc);
    *quant = config.quant;
    return ok;
}

#define COMPRESSED(format, groups)                                                                 \
    "\"quantization_config\":{\"quant_method\":\"compressed-tensors\",\"format\":\"" format        \
    "\",\"config_groups\":{" groups "}}"
#define FLOAT_GROUP(strategy, inputs)                                                              \
    "{\"targets\":[\"Linear\"],\"weights\":{\"num_bits\":8,\"type\":\"float\"," strategy           \
    ",\"dynamic\":false},\"input_activations\":" inputs "}"
#define BLOCKS "\"strategy\":\"block\",\"block_structure\":[128,64]"

static const struct {
    const char *member;
    struct quant_config want;
} good[] = {
    {"\"dim\":1", {0}},
    {"\"quantization\":null,\"quantization_config\":null", {0}},
    {"\"quantization\":{\"qformat_weight\":\"fp8_e4m3\",\"qscheme_act\":\"TENSOR\"}",
     {.rounding = INPUT_E4M3_STATIC}},
    {"\"quantization\":{\"qformat_weight\":\"fp8_e4m3\"}", {.rounding = INPUT_E4M3_STATIC}},
    {"\"quantization\":{\"qformat_weight\":\"fp8_e4m3\",\"qscheme_act\":\"NO_SCALES\"}",
     {.rounding = INPUT_E4M3_DYNAMIC}},
    {"\"quantization_config\":{\"quant_method\":\"fp8\",\"activation_scheme\":\"static\","
     "\"weight_block_size\":null,\"modules_to_not_convert\":[\"lm_head\"]}",
     {.rounding = INPUT_E4M3_STATIC}},
    {"\"quantization_config\":{\"quant_method\":\"fp8\",\"activation_scheme\":\"dynamic\","
     "\"weight_block_size\":[64,128]}",
     {64, 128, INPUT_E4M3_DYNAMIC, 128}},
    {COMPRESSED("float-quantized",
                "\"a\":" FLOAT_GROUP(BLOCKS, "{\"num_bits\":8,\"type\":\"float\",\"strategy\":"
                                             "\"group\",\"group_size\":64,\"dynamic\":true}")),
     {128, 64, INPUT_E4M3_DYNAMIC, 64}},
    {COMPRESSED("float-quantized",
                "\"a\":" FLOAT_GROUP(BLOCKS, "null") ",\"b\":" FLOAT_GROUP(BLOCKS, "null")),
     {.block_rows = 128, .block_cols = 64}},
    {COMPRESSED("float-quantized",
                "\"a\":" FLOAT_GROUP("\"strategy\":\"channel\"",
                                     "{\"strategy\":\"token\",\"dynamic\":true}")),
     {1, LIMIT_FFN_DIM, INPUT_E4M3_DYNAMIC, 0}},
    {COMPRESSED("float-quantized",
                "\"a\":" FLOAT_GROUP("\"strategy\":\"tensor\"",
                                     "{\"strategy\":\"tensor\",\"dynamic\":false}")),
     {.rounding = INPUT_E4M3_STATIC}},
    {COMPRESSED("nvfp4-pack-quantized",
                "\"a\":{\"weights\":{\"num_bits\":4,\"type\":\"float\",\"strategy\":"
                "\"tensor_group\",\"group_size\":16},\"input_activations\":{\"num_bits\":4,"
                "\"strategy\":\"tensor_group\",\"dynamic\":\"local\"}}"),
     {0}},
    {"\"quantization_config\":{\"quant_method\":\"modelopt\",\"quant_algo\":\"NVFP4\"}", {0}},
    {"\"quantization_config\":{\"quant_method\":\"modelopt\",\"quant_algo\":\"FP8\"}",
     {.rounding = INPUT_E4M3_STATIC}},
};

TEST(config_quant, reads_every_producer)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct quant_config quant;
        struct err err = {0};
        if (!read_quant(good[i].member, &quant, &err))
            fail_msg("%s: %s", good[i].member, err.text);
        assert_int_equal(quant.block_rows, good[i].want.block_rows);
        assert_int_equal(quant.block_cols, good[i].want.block_cols);
        assert_int_equal(quant.rounding, good[i].want.rounding);
        assert_int_equal(quant.input_group, good[i].want.input_group);
    }
}

static const struct {
    const char *member, *item;
    enum err_code code;
} bad[] = {
    {"\"quantization\":{}", "quantization.qformat_weight: missing", ERR_FORMAT},
    {"\"quantization\":{\"qformat_weight\":\"int8\"}", "qformat_weight: 'int8'", ERR_UNSUPPORTED},
    {"\"quantization\":{\"qformat_weight\":\"fp8_e4m3\",\"qscheme_act\":\"TOKEN\"}",
     "qscheme_act: 'TOKEN'", ERR_UNSUPPORTED},
    {"\"quantization\":{\"qformat_weight\":\"fp8_e4m3\"},"
     "\"quantization_config\":{\"quant_method\":\"fp8\"}",
     "quantization_config: given beside", ERR_FORMAT},
    {"\"quantization_config\":{}", "quant_method: missing", ERR_FORMAT},
    {"\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4}", "quant_method: 'gptq'",
     ERR_UNSUPPORTED},
    {"\"quantization_config\":{\"quant_method\":\"awq\"}", "'awq' weights", ERR_UNSUPPORTED},
    {"\"quantization_config\":{\"quant_method\":\"bitsandbytes\"}", "'bitsandbytes'",
     ERR_UNSUPPORTED},
    {"\"quantization_config\":{\"quant_method\":\"modelopt\",\"quant_algo\":\"W4A8_AWQ\"}",
     "quant_algo: 'W4A8_AWQ'", ERR_UNSUPPORTED},
    {"\"quantization_config\":{\"quant_method\":\"fp8\",\"weight_block_size\":[128]}",
     "weight_block_size: expected two numbers", ERR_FORMAT},
    {"\"quantization_config\":{\"quant_method\":\"fp8\",\"weight_block_size\":[0,128]}",
     "weight_block_size[0]: expected", ERR_FORMAT},
    {COMPRESSED("pack-quantized", ""), "format: 'pack-quantized'", ERR_UNSUPPORTED},
    {COMPRESSED("float-quantized", ""), "config_groups: expected at least one", ERR_FORMAT},
    {COMPRESSED("float-quantized", "\"a\":" FLOAT_GROUP("\"strategy\":\"block\"", "null")),
     "a.weights: strategy and block_structure contradict", ERR_FORMAT},
    {COMPRESSED("float-quantized", "\"a\":" FLOAT_GROUP("\"strategy\":\"group\"", "null")),
     "a.weights.strategy: 'group'", ERR_UNSUPPORTED},
    {COMPRESSED("float-quantized", "\"a\":" FLOAT_GROUP(BLOCKS, "null") ",\"b\":" FLOAT_GROUP(
                                       "\"strategy\":\"tensor\"", "null")),
     "config_groups.b: groups that are quantised differently", ERR_UNSUPPORTED},
    {COMPRESSED("nvfp4-pack-quantized", "\"a\":{\"weights\":{\"group_size\":32}}"),
     "group_size: expected", ERR_FORMAT},
};

TEST(config_quant, what_is_not_read_is_refused_by_name)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct quant_config quant;
        struct err err = {0};
        if (read_quant(bad[i].member, &quant, &err))
            fail_msg("%s: accepted", bad[i].member);
        if (err.code != bad[i].code || strncmp(err.text, "f.json: ", 8) != 0 ||
            !strstr(err.text, bad[i].item))
            fail_msg("%s: %d %s", bad[i].member, (int)err.code, err.text);
    }
}
