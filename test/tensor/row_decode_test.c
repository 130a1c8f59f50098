/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/row_decode.h"

#include "test.h"

/* Values worked out by hand: 2 x 4 floats, scale 0.5, scales of blocks of 1 x 3. */
TEST(row_decode, multiplies_by_scale_and_scales)
{
    static const float data[] = {1, 2, 3, 4, 5, 6, 7, 8}, scales[] = {2, 10, 4, 100};
    static const float want[] = {1, 2, 3, 20, 10, 12, 14, 400};
    float got[8];
    struct tensor t = {.data = data,
                       .n_rows = 2,
                       .n_cols = 4,
                       .scale = 0.5f,
                       .scales = {.data = scales, .n_rows = 1, .n_cols = 3, .stride = 2}};
    row_decode(&t, 0, 2, got);
    assert_near_f32(got, want, 8, 0, 0);
    row_decode(&t, 1, 1, got);
    assert_near_f32(got, want + 4, 4, 0, 0);
}

TEST(row_decode, turns_a_transposed_matrix)
{
    enum { N_ROWS = 700, N_COLS = 3 };
    static float data[N_COLS][N_ROWS], got[300 * N_COLS];
    struct tensor t = {.data = data, .n_rows = N_ROWS, .n_cols = N_COLS, .transposed = true};
    for (int c = 0; c < N_COLS; c++)
        for (int r = 0; r < N_ROWS; r++)
            data[c][r] = (float)(1000 * c + r);
    row_decode(&t, 390, 300, got);
    for (int r = 0; r < 300; r++)
        for (int c = 0; c < N_COLS; c++)
            assert_true(got[r * N_COLS + c] == (float)(1000 * c + 390 + r));
}

/* E2M1: the low nibble is the even element; codes 1, 2, 7, 15 are 0.5, 1, 6, -6. */
TEST(row_decode, decodes_packed_formats)
{
    static const uint8_t codes[] = {0x21, 0xf7}, scale[] = {0x40}; /* E4M3 0x40 is 2 */
    static const float want[] = {1, 2, 12, -12};
    float got[4];
    struct tensor t = {
        .data = codes,
        .dtype = DTYPE_E2M1,
        .n_rows = 1,
        .n_cols = 4,
        .scales = {.data = scale, .dtype = DTYPE_E4M3, .n_rows = 1, .n_cols = 16, .stride = 1}};
    row_decode(&t, 0, 1, got);
    assert_near_f32(got, want, 4, 0, 0);
}
