/* SPDX-License-Identifier: Apache-2.0 */
/* Layouts as GGUF stores them, little-endian; nibbles of 32-element blocks hold
 * elements 0..15 in the low halves and 16..31 in the high halves of their bytes.
 * Sums of two terms are rounded once, from double. */
#include "tensor/block.h"

#include <assert.h>
#include <string.h>

#include "tensor/block_int.h"
#include "tensor/number.h"

const int8_t block_iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                     1,    13,   25,  38,  53,  69,  89,  113};

static uint32_t load_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void decode_f32(const uint8_t *src, float *dst, int64_t n)
{
    if (n)
        memcpy(dst, src, (size_t)n * sizeof *dst);
}

static void decode_f16(const uint8_t *src, float *dst, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = number_load_f16(src + 2 * i);
}

static void decode_bf16(const uint8_t *src, float *dst, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = number_from_bf16((uint16_t)(src[2 * i] | src[2 * i + 1] << 8));
}

static void decode_e4m3(const uint8_t *src, float *dst, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = number_e4m3[src[i]];
}

static void decode_e2m1(const uint8_t *src, float *dst, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        dst[2 * i] = number_e2m1[src[i] & 15];
        dst[2 * i + 1] = number_e2m1[src[i] >> 4];
    }
}

/* f16 d; u8 q[16]: (q - 8) d. */
static void decode_q4_0(const uint8_t *src, float *dst, int64_t n)
{
    for (; n > 0; n--, src += 18, dst += 32) {
        float d = number_load_f16(src);
        for (int i = 0; i < 16; i++) {
            dst[i] = (float)((src[2 + i] & 15) - 8) * d;
            dst[i + 16] = (float)((src[2 + i] >> 4) - 8) * d;
        }
    }
}

/* f16 d, m; u8 q[16]: q d + m. */
static void decode_q4_1(const uint8_t *src, float *dst, int64_t n)
{
    for (; n > 0; n--, src += 20, dst += 32) {
        double d = (double)number_load_f16(src), m = (double)number_load_f16(src + 2);
        for (int i = 0; i < 16; i++) {
            dst[i] = (float)(d * (src[4 + i] & 15) + m);
            dst[i + 16] = (float)(d * (src[4 + i] >> 4) + m);
        }
    }
}

/* f16 d; u32 high bits; u8 q[16]: (q - 16) d. */
static void decode_q5_0(const uint8_t *src, float *dst, int64_t n)
{
    for (; n > 0; n--, src += 22, dst += 32) {
        float d = number_load_f16(src);
        uint32_t high = load_u32(src + 2);
        for (int i = 0; i < 16; i++) {
            int low = (src[6 + i] & 15) | (int)(high >> i & 1) << 4;
            int top = (src[6 + i] >> 4) | (int)(high >> (i + 16) & 1) << 4;
            dst[i] = (float)(low - 16) * d;
            dst[i + 16] = (float)(top - 16) * d;
        }
    }
}

/* f16 d, m; u32 high bits; u8 q[16]: q d + m. */
static void decode_q5_1(const uint8_t *src, float *dst, int64_t n)
{
    for (; n > 0; n--, src += 24, dst += 32) {
        double d = (double)number_load_f16(src), m = (double)number_load_f16(src + 2);
        uint32_t high = load_u32(src + 4);
        for (int i = 0; i < 16; i++) {
            int low = (src[8 + i] & 15) | (int)(high >> i & 1) << 4;
            int top = (src[8 + i] >> 4) | (int)(high >> (i + 16) & 1) << 4;
            dst[i] = (float)(d * low + m);
            dst[i + 16] = (float)(d * top + m);
        }
    }
}

/* f16 d; i8 q[32]: q d. */
static void decode_q8_0(const uint8_t *src, float *dst, int64_t n)
{
    for (; n > 0; n--, src += 34, dst += 32) {
        float d = number_load_f16(src);
        for (int i = 0; i < 32; i++)
            dst[i] = (float)(int8_t)src[2 + i] * d;
    }
}

/* Unpacks the 6-bit scale and minimum of sub-block j from 12 bytes. */
static void k_scale(const uint8_t *packed, int j, int *scale, int *min)
{
    if (j < 4) {
        *scale = packed[j] & 63;
        *min = packed[j + 4] & 63;
        return;
    }
    *scale = (packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4;
    *min = (packed[j + 4] >> 4) | (packed[j] >> 6) << 4;
}

/* Sub-blocks of 32 in pairs that share 32 bytes of nibbles; fifth: [32] bytes whose
 * bit j belongs to sub-block j, or NULL. */
static void decode_k_block(const uint8_t *src, const uint8_t *nibbles, const uint8_t *fifth,
                           float *dst)
{
    double d = (double)number_load_f16(src), dmin = (double)number_load_f16(src + 2);
    for (int j = 0; j < 8; j++) {
        int scale, min;
        k_scale(src + 4, j, &scale, &min);
        for (int i = 0; i < 32; i++) {
            int q = nibbles[32 * (j / 2) + i] >> (4 * (j % 2)) & 15;
            if (fifth)
                q += (fifth[i] >> j & 1) << 4;
            dst[32 * j + i] = (float)(d * scale * q - dmin * min);
        }
    }
}

/* f16 d, dmin; u8 scales[12]; u8 q[128]. */
static void decode_q4_k(const uint8_t *src, float *dst, int64_t n)
{
    for (; n > 0; n--, src += 144, dst += 256)
        decode_k_block(src, src + 16, NULL, dst);
}

/* f16 d, dmin; u8 scales[12]; u8 fifth[32]; u8 q[128]. */
static void decode_q5_k(const uint8_t *src, float *dst, int64_t n)
{
    for (; n > 0; n--, src += 176, dst += 256)
        decode_k_block(src, src + 48, src + 16, dst);
}

/* u8 low[128]; u8 high[64]; i8 scale[16]; f16 d: (q - 32) scale d, one scale per 16. */
static void decode_q6_k(const uint8_t *src, float *dst, int64_t n)
{
    for (; n > 0; n--, src += 210, dst += 256) {
        float d = number_load_f16(src + 208);
        for (int i = 0; i < 256; i++) {
            int half = i / 128, quarter = i / 32 % 4, l = i % 32;
            int low = src[64 * half + 32 * (quarter % 2) + l] >> (4 * (quarter / 2)) & 15;
            int high = src[128 + 32 * half + l] >> (2 * quarter) & 3;
            dst[i] = d * (float)(int8_t)src[192 + i / 16] * (float)((low | high << 4) - 32);
        }
    }
}

/* f16 d; u8 q[16]: level[q] d. */
static void decode_iq4_nl(const uint8_t *src, float *dst, int64_t n)
{
    for (; n > 0; n--, src += 18, dst += 32) {
        float d = number_load_f16(src);
        for (int i = 0; i < 16; i++) {
            dst[i] = (float)block_iq4_levels[src[2 + i] & 15] * d;
            dst[i + 16] = (float)block_iq4_levels[src[2 + i] >> 4] * d;
        }
    }
}

/* f16 d; u16 high scale bits; u8 low scale bits[4]; u8 q[128]: (scale - 32) level[q] d. */
static void decode_iq4_xs(const uint8_t *src, float *dst, int64_t n)
{
    for (; n > 0; n--, src += 136, dst += 256) {
        float d = number_load_f16(src);
        int high = src[2] | src[3] << 8;
        for (size_t j = 0; j < 8; j++) {
            int scale = (src[4 + j / 2] >> (4 * (j % 2)) & 15) | (high >> (2 * j) & 3) << 4;
            float step = d * (float)(scale - 32);
            const uint8_t *q = src + 8 + 16 * j;
            for (int i = 0; i < 16; i++) {
                dst[32 * j + i] = step * (float)block_iq4_levels[q[i] & 15];
                dst[32 * j + i + 16] = step * (float)block_iq4_levels[q[i] >> 4];
            }
        }
    }
}

/* u8 e; u8 q[16]: E2M1[q] E8M0[e]. */
static void decode_mxfp4(const uint8_t *src, float *dst, int64_t n)
{
    for (; n > 0; n--, src += 17, dst += 32) {
        float d = number_from_e8m0(src[0]);
        for (int i = 0; i < 16; i++) {
            dst[i] = number_e2m1[src[1 + i] & 15] * d;
            dst[i + 16] = number_e2m1[src[1 + i] >> 4] * d;
        }
    }
}

/* u8 d[4]; u8 q[4][8]: E2M1[q] E4M3[d], nibbles by halves of each 16 elements. */
static void decode_nvfp4(const uint8_t *src, float *dst, int64_t n)
{
    for (; n > 0; n--, src += 36)
        for (size_t s = 0; s < 4; s++, dst += 16) {
            const uint8_t *q = src + 4 + 8 * s;
            int code = src[s] & 127; /* the sign is unused, and NaN means an empty block */
            float d = code == 127 ? 0.0f : number_e4m3[code];
            for (int i = 0; i < 8; i++) {
                dst[i] = number_e2m1[q[i] & 15] * d;
                dst[i + 8] = number_e2m1[q[i] >> 4] * d;
            }
        }
}

typedef void decode_fn(const uint8_t *src, float *dst, int64_t n_blocks);

static decode_fn *const decoders[DTYPE_COUNT] = {
    [DTYPE_F32] = decode_f32,     [DTYPE_F16] = decode_f16,       [DTYPE_BF16] = decode_bf16,
    [DTYPE_E4M3] = decode_e4m3,   [DTYPE_E2M1] = decode_e2m1,     [DTYPE_Q4_0] = decode_q4_0,
    [DTYPE_Q4_1] = decode_q4_1,   [DTYPE_Q5_0] = decode_q5_0,     [DTYPE_Q5_1] = decode_q5_1,
    [DTYPE_Q8_0] = decode_q8_0,   [DTYPE_Q4_K] = decode_q4_k,     [DTYPE_Q5_K] = decode_q5_k,
    [DTYPE_Q6_K] = decode_q6_k,   [DTYPE_IQ4_NL] = decode_iq4_nl, [DTYPE_IQ4_XS] = decode_iq4_xs,
    [DTYPE_MXFP4] = decode_mxfp4, [DTYPE_NVFP4] = decode_nvfp4,
};

void block_decode(enum dtype type, const void *src, float *dst, int64_t n)
{
    int block = dtype_info(type)->block;
    assert(n >= 0 && n % block == 0);
    decoders[type](src, dst, n / block);
}
