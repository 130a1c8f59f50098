/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/dtype.h"

#include "tensor/tensor.h"
#include "test.h"

TEST(dtype, names_round_trip)
{
    for (int i = 0; i < DTYPE_COUNT; i++) {
        enum dtype type;
        assert_true(dtype_from_name(dtype_info((enum dtype)i)->name, &type));
        assert_int_equal(type, i);
    }
    enum dtype type = DTYPE_Q6_K;
    assert_false(dtype_from_name("Q2_K", &type));
    assert_false(dtype_from_name("", &type));
    assert_false(dtype_from_name("bf16", &type));
    assert_int_equal(type, DTYPE_Q6_K);
}

/* Bytes of 16384 weights, from the bytes per weight that the formats are known for. */
TEST(dtype, sizes_are_those_of_the_formats)
{
    static const struct {
        enum dtype type;
        double bytes_per_weight;
    } known[] = {
        {DTYPE_F32, 4},          {DTYPE_F16, 2},         {DTYPE_BF16, 2},
        {DTYPE_E4M3, 1},         {DTYPE_E2M1, 0.5},      {DTYPE_Q4_0, 0.5625},
        {DTYPE_Q4_1, 0.625},     {DTYPE_Q5_0, 0.6875},   {DTYPE_Q5_1, 0.75},
        {DTYPE_Q8_0, 1.0625},    {DTYPE_Q4_K, 0.5625},   {DTYPE_Q5_K, 0.6875},
        {DTYPE_Q6_K, 0.8203125}, {DTYPE_IQ4_NL, 0.5625}, {DTYPE_IQ4_XS, 0.53125},
        {DTYPE_MXFP4, 0.53125},  {DTYPE_NVFP4, 0.5625},
    };
    assert_int_equal(sizeof known / sizeof known[0], DTYPE_COUNT);
    for (int i = 0; i < DTYPE_COUNT; i++)
        assert_int_equal(dtype_bytes(known[i].type, 16384),
                         (size_t)(known[i].bytes_per_weight * 16384));
    assert_int_equal(dtype_bytes(DTYPE_Q4_K, 0), 0);
}

TEST(dtype, a_row_of_a_tensor_is_whole_blocks)
{
    struct tensor t = {.dtype = DTYPE_Q8_0, .n_rows = 3, .n_cols = 96};
    assert_int_equal(tensor_row_bytes(&t), 102);
}
