/* SPDX-License-Identifier: Apache-2.0 */
#include "model/quant_mix.h"

#include <string.h>

#include "test.h"

/* What llama-quantize gives the tensors of a model of 32 layers, four heads to a key-value head,
 * by the rules of its source (v0.5.0). */
TEST(quant_mix, chooses_as_llama_cpp)
{
    static const struct {
        const char *mix;
        enum quant_role role;
        uint32_t layer, n_experts;
        int64_t n_cols;
        enum dtype want;
        bool fell_back, has_importance, is_routed;
    } cases[] = {
        {"Q4_K_M", QUANT_OUTPUT, 0, 0, 4096, DTYPE_Q6_K, false, false, false},
        {"Q4_K_M", QUANT_EMBEDDING, 0, 0, 4096, DTYPE_Q4_K, false, false, false},
        {"Q4_K_M", QUANT_ATTN_V, 3, 0, 4096, DTYPE_Q6_K, false, false, false},
        {"Q4_K_M", QUANT_ATTN_V, 4, 0, 4096, DTYPE_Q4_K, false, false, false},
        {"Q4_K_M", QUANT_ATTN_V, 6, 0, 4096, DTYPE_Q6_K, false, false, false},
        {"Q4_K_M", QUANT_FFN_DOWN, 28, 0, 4096, DTYPE_Q6_K, false, false, false},
        {"Q4_K_M", QUANT_FFN_DOWN, 27, 0, 4096, DTYPE_Q6_K, false, false, false},
        {"Q4_K_M", QUANT_FFN_DOWN, 26, 0, 4096, DTYPE_Q4_K, false, false, false},
        {"Q4_K_M", QUANT_ATTN_V, 9, 8, 4096, DTYPE_Q8_0, false, false, false},
        {"Q4_K_M", QUANT_ATTN_K, 9, 8, 4096, DTYPE_Q8_0, false, false, false},
        {"Q4_K_M", QUANT_ATTN_OUTPUT, 9, 8, 4096, DTYPE_Q5_K, false, false, false},
        {"Q5_K_M", QUANT_ATTN_OUTPUT, 9, 8, 4096, DTYPE_Q5_K, false, false, false},
        {"Q5_K_M", QUANT_FFN_DOWN, 0, 0, 4096, DTYPE_Q6_K, false, false, false},
        {"Q5_K_S", QUANT_FFN_DOWN, 0, 0, 4096, DTYPE_Q5_K, false, false, false},
        {"Q4_K_S", QUANT_ATTN_V, 3, 0, 4096, DTYPE_Q5_K, false, false, false},
        {"Q4_K_S", QUANT_ATTN_V, 4, 0, 4096, DTYPE_Q4_K, false, false, false},
        {"Q4_K_S", QUANT_FFN_DOWN, 3, 0, 4096, DTYPE_Q5_K, false, false, false},
        {"Q4_K_S", QUANT_FFN_DOWN, 4, 0, 4096, DTYPE_Q4_K, false, false, false},
        {"IQ4_XS", QUANT_ATTN_V, 9, 0, 4096, DTYPE_Q5_K, false, false, false},
        {"IQ4_XS", QUANT_FFN_DOWN, 1, 0, 4096, DTYPE_Q5_K, false, false, false},
        {"IQ4_NL", QUANT_FFN, 1, 0, 4096, DTYPE_IQ4_NL, false, false, false},
        {"Q4_0", QUANT_OUTPUT, 0, 0, 4096, DTYPE_Q6_K, false, false, false},
        {"Q8_0", QUANT_OUTPUT, 0, 0, 4096, DTYPE_Q8_0, false, false, false},
        {"MXFP4", QUANT_FFN, 0, 8, 4096, DTYPE_MXFP4, false, false, true},
        {"MXFP4", QUANT_FFN_DOWN, 0, 8, 4096, DTYPE_MXFP4, false, false, true},
        {"MXFP4", QUANT_FFN, 0, 8, 4096, DTYPE_Q8_0, false, false, false}, /* shared */
        {"MXFP4", QUANT_ATTN_V, 0, 8, 4096, DTYPE_Q8_0, false, false, false},
        {"Q4_K_M", QUANT_PLAIN, 0, 0, 4096, DTYPE_F32, false, false, false},
        {"BF16", QUANT_PLAIN, 0, 0, 4096, DTYPE_F32, false, false, false},
        {"Q4_K_M", QUANT_FFN, 0, 0, 96, DTYPE_Q5_0, true, false, false},
        {"Q5_K_M", QUANT_FFN, 0, 0, 96, DTYPE_Q5_1, true, false, false},
        {"Q6_K", QUANT_FFN, 0, 0, 96, DTYPE_Q8_0, true, false, false},
        {"IQ4_XS", QUANT_FFN, 0, 0, 96, DTYPE_IQ4_NL, true, false, false},
        {"Q8_0", QUANT_FFN, 0, 0, 90, DTYPE_F16, true, false, false},
        {"F16", QUANT_FFN, 0, 0, 90, DTYPE_F16, false, false, false},
        {"Q4_0", QUANT_FFN_DOWN, 3, 0, 4096, DTYPE_Q4_0, false, false, false},
        {"Q4_0", QUANT_FFN_DOWN, 3, 0, 4096, DTYPE_Q4_1, false, true, false},
        {"Q4_0", QUANT_FFN_DOWN, 4, 0, 4096, DTYPE_Q4_0, false, true, false},
        {"IQ4_XS", QUANT_FFN_DOWN, 3, 0, 4096, DTYPE_IQ4_XS, false, true, false},
        {"Q4_K_S", QUANT_FFN_DOWN, 3, 0, 4096, DTYPE_Q5_K, false, true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        bool fell_back;
        const struct quant_mix *mix = quant_mix_find(cases[i].mix, &err);
        assert_non_null(mix);
        struct quant_place place = {.role = cases[i].role,
                                    .layer = cases[i].layer,
                                    .n_layers = 32,
                                    .n_experts = cases[i].n_experts,
                                    .n_sharing = 4,
                                    .has_importance = cases[i].has_importance,
                                    .is_routed = cases[i].is_routed,
                                    .n_cols = cases[i].n_cols};
        enum dtype got = quant_mix_choose(mix, &place, &fell_back);
        if (got != cases[i].want || fell_back != cases[i].fell_back)
            fail_msg("case %zu, %s: %s", i, cases[i].mix, dtype_info(got)->name);
    }
}

TEST(quant_mix, finds_names)
{
    struct err err = {0};
    assert_int_equal(quant_mix_find("q4_k_m", &err)->file_type, 15);
    assert_int_equal(quant_mix_find("MXFP4", &err)->file_type, 38);
    assert_null(quant_mix_find("Q3_K_M", &err));
    assert_int_equal(err.code, ERR_ARG);
    assert_non_null(strstr(err.text, "Q5_K_M"));
}
