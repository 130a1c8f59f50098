/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes by hand: a block that only one set of multiples and codes can say. */
#include "tensor/block_encode_int.h"

#include <string.h>

#include "tensor/block.h"
#include "test.h"

static struct encode_block block_of(const float *x)
{
    struct encode_block b = {.unit = 1.0f, .fit = fit_ops()};
    memcpy(b.x, x, sizeof b.x);
    for (int i = 0; i < BLOCK_MAX; i++)
        b.w[i] = 1.0f;
    return b;
}

/* Part p has scale 63 - 8 p and minimum 7 p + 14 of 2^-6. */
static void lines(float *x, int n_codes)
{
    for (int i = 0; i < 256; i++)
        x[i] = 0x1p-6f * (float)((63 - 8 * (i / 32)) * (i * 5 % n_codes) - (7 * (i / 32) + 14));
}

TEST(block_encode_k, lines_are_packed_by_hand)
{
    /* Multiples 63 55 47 39 | 31 23 15 7 and 14 21 28 35 | 42 49 56 63: four whole with the upper
     * two bits of the other four above them, then nibbles. */
    static const uint8_t want[16] = {0x00, 0x24, 0x00, 0x24, 0x7f, 0x77, 0x2f, 0x27,
                                     0x8e, 0xd5, 0xdc, 0xe3, 0xaf, 0x17, 0x8f, 0xf7};
    float x[256], back[256];
    uint8_t bytes[176];
    lines(x, 16);
    struct encode_block b = block_of(x);
    encode_q4_k(&b, bytes);
    assert_memory_equal(bytes, want, sizeof want);
    assert_int_equal(bytes[16], 0x00); /* elements 0 and 32: codes 0 and 160 % 16 */
    assert_int_equal(bytes[17], 0x55);
    block_decode(DTYPE_Q4_K, bytes, back, 256);
    assert_memory_equal(back, x, sizeof x);

    lines(x, 32);
    b = block_of(x);
    encode_q5_k(&b, bytes);
    assert_memory_equal(bytes, want, sizeof want);
    assert_int_equal(bytes[16 + 4], 0xff); /* code 20 in all parts */
    block_decode(DTYPE_Q5_K, bytes, back, 256);
    assert_memory_equal(back, x, sizeof x);
}

TEST(block_encode_k, scales_are_packed_by_hand)
{
    static const int8_t levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                      1,    13,   25,  38,  53,  69,  89,  113};
    float x[256], back[256];
    uint8_t bytes[210];
    for (int i = 0; i < 256; i++)
        x[i] = 0x1p-8f * (float)((i / 16 % 2 ? 8 * (i / 16) : -128 + 4 * (i / 16)) *
                                 (i % 16 ? i * 7 % 63 - 31 : -32));
    struct encode_block b = block_of(x);
    encode_q6_k(&b, bytes);
    for (int p = 0; p < 16; p++)
        assert_int_equal((int8_t)bytes[192 + p], p % 2 ? 8 * p : -128 + 4 * p);
    assert_int_equal(bytes[208] | bytes[209] << 8, 0x1c00); /* 2^-8 */
    block_decode(DTYPE_Q6_K, bytes, back, 256);
    assert_memory_equal(back, x, sizeof x);

    for (int i = 0; i < 256; i++)
        x[i] = 0x1p-10f * (float)((i / 32 ? 4 * (i / 32) : -32) * levels[i * 3 % 16]);
    b = block_of(x);
    encode_iq4_xs(&b, bytes);
    /* Scales + 32: 0 36 40 44 48 52 56 60; upper bits 0 2 2 2 3 3 3 3. */
    static const uint8_t want[8] = {0x00, 0x14, 0xa8, 0xff, 0x40, 0xc8, 0x40, 0xc8};
    assert_memory_equal(bytes, want, sizeof want);
    block_decode(DTYPE_IQ4_XS, bytes, back, 256);
    assert_memory_equal(back, x, sizeof x);
}

TEST(block_encode_k, parts_that_are_zero_do_not_disturb_others)
{
    float x[256] = {0}, back[256];
    uint8_t bytes[210];
    static const enum dtype types[] = {DTYPE_Q4_K, DTYPE_Q5_K, DTYPE_Q6_K, DTYPE_IQ4_XS};
    void (*const encoders[])(const struct encode_block *, uint8_t *) = {encode_q4_k, encode_q5_k,
                                                                        encode_q6_k, encode_iq4_xs};
    for (int i = 96; i < 128; i++)
        x[i] = (float)(i - 110) / 8.0f;
    struct encode_block b = block_of(x);
    for (int t = 0; t < 4; t++) {
        encoders[t](&b, bytes);
        block_decode(types[t], bytes, back, 256);
        for (int i = 0; i < 256; i++)
            if (i < 96 || i >= 128)
                assert_true(back[i] == 0.0f);
        assert_near_f32(back + 96, x + 96, 32, 0.2f, 0.0f);
    }
}
