/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edit.h"
#include "model/checkpoint.h"
#include "model/export_fixture.h"
#include "oracle.h"
#include "poison.h"
#include "test.h"

static const char *copy_gguf(const char *from)
{
    const char *slash = strrchr(from, '/'), *folder = edit_folder("check");
    static char path[600];
    edit_copy(from, folder);
    snprintf(path, sizeof path, "%s%s", folder, slash);
    return path;
}

static bool check(const char *path, struct err *err)
{
    struct checkpoint *ckpt = checkpoint_open(path, err);
    if (!ckpt)
        fail_msg("%s", err->text);
    bool ok = checkpoint_check_numbers(ckpt, err);
    checkpoint_close(ckpt);
    return ok;
}

TEST(checkpoint_check, good_models_pass)
{
    static const char *const paths[] = {
        "models/stories260K.gguf",
        "test/data/stories260K/stories260K-q4_0.gguf",
        "test/data/stories260K/stories260K-iq4_nl.gguf",
        "test/data/oracle/mistral",
        "test/data/oracle/mistral-sharded",
        "test/data/oracle/mistral3-wrapper",
        "test/data/oracle/mixtral",
        "test/data/oracle/large3-fp8block",
        "test/data/oracle/mistral4-fp8",
        "test/data/oracle/ministral3-nvfp4",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct err err = {0};
        if (!check(paths[i], &err))
            fail_msg("%s", err.text);
    }
}

TEST(checkpoint_check, one_bad_number_is_found_wherever_it_is)
{
    const float bad[] = {__builtin_nanf(""), __builtin_inff(), -__builtin_inff()};
    const int64_t last[] = {0, 1023, 1024, 172 * 64 - 1};
    for (size_t i = 0; i < 4; i++) {
        struct err err = {0};
        const char *path = copy_gguf("models/stories260K.gguf");
        poison(path, path, "blk.4.ffn_down.weight", last[i], &bad[i % 3], sizeof bad[0]);
        assert_false(check(path, &err));
        assert_int_equal(err.code, ERR_FORMAT);
        assert_memory_equal(err.text, path, strlen(path));
        assert_string_equal(err.text + strlen(path),
                            ": blk.4.ffn_down.weight: holds a number that is not finite; download "
                            "the file again");
    }
}

TEST(checkpoint_check, a_bad_scale_of_a_block_is_found)
{
    const uint16_t scales[] = {0x7c00, 0xfc00, 0x7e00, 0xfe01}; /* infinities and NaN */
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        struct err err = {0};
        const char *path = copy_gguf("test/data/stories260K/stories260K-q4_0.gguf");
        poison(path, path, "blk.0.attn_v.weight", 9, &scales[i],
               sizeof scales[i]); /* second block */
        assert_false(check(path, &err));
        assert_non_null(strstr(err.text, "stories260K-q4_0.gguf: blk.0.attn_v.weight: "));
    }
}

/* E4M3 has two codes that are no number; scales of NVFP4 have no sign either. */
TEST(checkpoint_check, bad_numbers_of_eight_bits_are_found)
{
    static const struct {
        const char *name, *tensor;
        uint8_t code;
        enum checkpoint_layout layout;
        const char *item;
    } bad[] = {
        {"mistral4-fp8", "layers.1.experts.7.w3.weight", 0x7f, CHECKPOINT_NATIVE, "not finite"},
        {"mistral4-fp8", "layers.0.attention.wkv_b.weight", 0xff, CHECKPOINT_NATIVE, "not finite"},
        {"ministral3-nvfp4", "model.layers.1.self_attn.k_proj.weight_scale", 0x7f, CHECKPOINT_HF,
         "a scale that is no number or negative"},
        {"ministral3-nvfp4", "model.layers.1.self_attn.k_proj.weight_scale", 0x81, CHECKPOINT_HF,
         "a scale that is no number or negative"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        char dir[512], file[600];
        oracle_copy(bad[i].name, bad[i].layout, dir);
        snprintf(file, sizeof file, "%s/%s.safetensors", dir,
                 bad[i].layout == CHECKPOINT_NATIVE ? "consolidated" : "model");
        poison(dir, file, bad[i].tensor, 77, &bad[i].code, 1);
        assert_false(check(dir, &err));
        assert_int_equal(err.code, ERR_FORMAT);
        assert_non_null(strstr(err.text, bad[i].tensor));
        assert_non_null(strstr(err.text, bad[i].item));
    }
}

/* The scale of a block of MXFP4 is a power of two, but for one code; it cannot be zero. */
TEST(checkpoint_check, a_bad_scale_of_mxfp4_is_found)
{
    struct err err = {0};
    char path[600];
    snprintf(path, sizeof path, "%s/mxfp4.gguf", edit_folder("check"));
    fixture_export("models/stories260K.gguf", path, "MXFP4", 1);
    if (!check(path, &err))
        fail_msg("%s", err.text);
    poison(path, path, "blk.2.ffn_up.weight", 17, &(const uint8_t){0xff}, 1); /* second block */
    assert_false(check(path, &err));
    char want[700];
    snprintf(want, sizeof want,
             "%s: blk.2.ffn_up.weight: holds a number that is not finite; download the file again",
             path);
    assert_string_equal(err.text, want);
}

TEST(checkpoint_check, tensors_that_are_not_used_are_not_read)
{
    struct err err = {0};
    const char *folder = edit_folder("check");
    char path[600];
    edit_copy("models/stories260K.gguf", folder);
    edit_bytes(folder, "stories260K.gguf", "output.weight", "mm.put.weight");
    snprintf(path, sizeof path, "%s/stories260K.gguf", folder);
    poison(path, path, "mm.put.weight", 5, &(const float){__builtin_nanf("")}, sizeof(float));
    if (!check(path, &err))
        fail_msg("%s", err.text);
}
