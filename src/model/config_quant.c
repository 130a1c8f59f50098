/* SPDX-License-Identifier: Apache-2.0 */
/* config_quant.c - how the matrices of safetensors are quantised, in each producer's words. */
#include <string.h>

#include "model/config_int.h"

#define SCALE_BLOCK_MAX 4096 /* elements of a side of a block that share a scale */

/* Reads a string that must be one of several words; returns its index in *which. */
static bool read_word(const struct json *object, const char *key, const char *const *words,
                      int *which, struct err *err)
{
    struct json value;
    const char *word;
    size_t n;
    if (!json_need(object, key, &value, err) || !json_read_string(&value, &word, &n, err))
        return false;
    for (int i = 0; words[i]; i++)
        if (strcmp(word, words[i]) == 0) {
            *which = i;
            return true;
        }
    return json_fail(&value, err, ERR_UNSUPPORTED,
                     "'%s' weights are not supported by this version; choose another quantisation",
                     word);
}

/* The same with a word that may be left out: *which then stays. */
static bool opt_word(const struct json *object, const char *key, const char *const *words,
                     int *which, struct err *err)
{
    struct json value;
    return !json_find(object, key, &value) || read_word(object, key, words, which, err);
}

/* Reads a pair of sizes, if it is there. */
static bool read_block(struct quant_config *quant, const struct json *object, const char *key,
                       struct err *err)
{
    struct json value;
    int64_t rows = 0, cols = 0;
    if (!json_find(object, key, &value))
        return true;
    if (!json_is_array(&value) || json_count(&value) != 2)
        return json_fail(&value, err, ERR_FORMAT, "expected two numbers");
    struct json first = json_item(&value, 0), second = json_item(&value, 1);
    if (!json_read_int(&first, 1, SCALE_BLOCK_MAX, &rows, err) ||
        !json_read_int(&second, 1, SCALE_BLOCK_MAX, &cols, err))
        return false;
    quant->block_rows = (uint32_t)rows;
    quant->block_cols = (uint32_t)cols;
    return true;
}

/* {"qformat_weight": "fp8_e4m3", "qscheme_act": "TENSOR" or "NO_SCALES"} */
static bool read_native(struct quant_config *quant, const struct json *object, struct err *err)
{
    static const char *const formats[] = {"fp8_e4m3", NULL};
    static const char *const schemes[] = {"TENSOR", "NO_SCALES", NULL};
    int format, scheme = 0;
    if (!read_word(object, "qformat_weight", formats, &format, err) ||
        !opt_word(object, "qscheme_act", schemes, &scheme, err))
        return false;
    quant->rounding = scheme ? INPUT_E4M3_DYNAMIC : INPUT_E4M3_STATIC;
    return true;
}

/* {"activation_scheme": "static" or "dynamic", "weight_block_size": null or [128, 128]} */
static bool read_fp8(struct quant_config *quant, const struct json *object, struct err *err)
{
    static const char *const schemes[] = {"static", "dynamic", NULL};
    int scheme = 1;
    if (!opt_word(object, "activation_scheme", schemes, &scheme, err) ||
        !read_block(quant, object, "weight_block_size", err))
        return false;
    quant->rounding = scheme ? INPUT_E4M3_DYNAMIC : INPUT_E4M3_STATIC;
    quant->input_group = quant->block_cols;
    return true;
}

/* {"quant_algo": "NVFP4" or "FP8"} */
static bool read_modelopt(struct quant_config *quant, const struct json *object, struct err *err)
{
    static const char *const algos[] = {"NVFP4", "FP8", NULL};
    int algo;
    if (!read_word(object, "quant_algo", algos, &algo, err))
        return false;
    if (algo == 1)
        quant->rounding = INPUT_E4M3_STATIC;
    return true;
}

/* The inputs of one group: null, or 8-bit with scales of a token, of a part of one, or static. */
static bool read_inputs(struct quant_config *quant, const struct json *group, struct err *err)
{
    static const char *const strategies[] = {"tensor", "token", "group", NULL};
    struct json inputs;
    bool dynamic = false;
    int strategy = 0;
    if (!json_find(group, "input_activations", &inputs))
        return true;
    if (!json_opt_bool(&inputs, "dynamic", &dynamic, err) ||
        !read_word(&inputs, "strategy", strategies, &strategy, err))
        return false;
    quant->rounding = dynamic ? INPUT_E4M3_DYNAMIC : INPUT_E4M3_STATIC;
    return strategy != 2 ||
           json_u32(&inputs, "group_size", 1, SCALE_BLOCK_MAX, &quant->input_group, err);
}

/* E4M3 with a scale per tensor, per row or per block. */
static bool read_float_group(struct quant_config *quant, const struct json *group, struct err *err)
{
    static const char *const types[] = {"float", NULL};
    static const char *const strategies[] = {"tensor", "channel", "block", NULL};
    struct json weights;
    int type, strategy = 0;
    uint32_t bits = 0;
    if (!json_need(group, "weights", &weights, err) ||
        !read_word(&weights, "type", types, &type, err) ||
        !json_u32(&weights, "num_bits", 8, 8, &bits, err) ||
        !read_word(&weights, "strategy", strategies, &strategy, err) ||
        !read_block(quant, &weights, "block_structure", err))
        return false;
    if ((strategy == 2) != (quant->block_rows != 0))
        return json_fail(&weights, err, ERR_FORMAT, "strategy and block_structure contradict");
    if (strategy == 1)
        *quant = (struct quant_config){.block_rows = 1, .block_cols = LIMIT_FFN_DIM};
    return read_inputs(quant, group, err);
}

/* E2M1 in blocks of 16; their scales lie beside the weights, so nothing is left to know. */
static bool check_nvfp4_group(const struct json *group, struct err *err)
{
    struct json weights;
    uint32_t bits = 4, size = 16;
    return json_need(group, "weights", &weights, err) &&
           json_opt_u32(&weights, "num_bits", 4, 4, &bits, err) &&
           json_opt_u32(&weights, "group_size", 16, 16, &size, err);
}

/* Every group must say the same, since tensors are not matched with the groups' targets. */
static bool read_compressed(struct quant_config *quant, const struct json *object, struct err *err)
{
    static const char *const formats[] = {"float-quantized", "nvfp4-pack-quantized", NULL};
    struct json groups, group;
    int format;
    bool first = true;
    if (!read_word(object, "format", formats, &format, err) ||
        !json_need(object, "config_groups", &groups, err))
        return false;
    for (void *it = json_first(&groups, &group); it; it = json_next(&groups, it, &group)) {
        struct quant_config one = {0};
        if (!(format ? check_nvfp4_group(&group, err) : read_float_group(&one, &group, err)))
            return false;
        if (!first && memcmp(&one, quant, sizeof one) != 0)
            return json_fail(&group, err, ERR_UNSUPPORTED,
                             "groups that are quantised differently are not supported");
        *quant = one;
        first = false;
    }
    return !first || json_fail(&groups, err, ERR_FORMAT, "expected at least one group");
}

bool config_read_quant(struct model_config *config, const struct json *object, struct err *err)
{
    static const char *const methods[] = {"fp8", "compressed-tensors", "modelopt", NULL};
    struct json native, other;
    struct quant_config *quant = &config->quant;
    bool is_native = json_find(object, "quantization", &native);
    if (!json_find(object, "quantization_config", &other))
        return !is_native || read_native(quant, &native, err);
    if (is_native)
        return json_fail(&other, err, ERR_FORMAT, "given beside quantization; remove one");
    int method;
    *quant = (struct quant_config){0};
    if (!read_word(&other, "quant_method", methods, &method, err))
        return false;
    return method == 0   ? read_fp8(quant, &other, err)
           : method == 1 ? read_compressed(quant, &other, err)
                         : read_modelopt(quant, &other, err);
}
