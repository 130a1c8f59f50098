/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/block_encode.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "tensor/block_encode_int.h"
#include "tensor/block_int.h"

/* The levels of E2M1 in halves. */
static const int8_t e2m1_levels[16] = {-12, -8, -6, -4, -3, -2, -1, 0, 0, 1, 2, 3, 4, 6, 8, 12};

static const struct fit_codes q4_0_codes = {NULL, -8, 7, 0.85f, 1.25f, 12};
static const struct fit_codes q5_0_codes = {NULL, -16, 15, 0.9f, 1.15f, 12};
static const struct fit_codes q8_0_codes = {NULL, -128, 127, 0.995f, 1.01f, 2};
static const struct fit_codes q4_1_codes = {NULL, 0, 15, 0.95f, 1.25f, 4};
static const struct fit_codes q5_1_codes = {NULL, 0, 31, 0.97f, 1.12f, 4};
static const struct fit_codes iq4_nl_codes = {block_iq4_levels, -127, 113, 0.85f, 1.25f, 12};
static const struct fit_codes e2m1_codes = {e2m1_levels, -12, 12, 0, 0, 0};

void encode_indices(const struct fit_codes *codes, const float *values, uint8_t *out)
{
    for (int i = 0; i < 32; i++) {
        int q = (int)(values[i] - codes->low);
        if (codes->levels)
            for (q = 0; (float)codes->levels[q] < values[i];)
                q++;
        out[i] = (uint8_t)q;
    }
}

static void store_u32(uint8_t *dst, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        dst[i] = (uint8_t)(v >> (8 * i));
}

static void store_fifth_bits(const uint8_t *q, uint8_t *dst)
{
    uint32_t bits = 0;
    for (int i = 0; i < 32; i++)
        bits |= (uint32_t)(q[i] >> 4) << i;
    store_u32(dst, bits);
}

/* Stores the scale of a block of 32 and finds its indices.  A subnormal scale is coarse, so its
 * neighbours are tried too. */
static void encode_scaled(const struct encode_block *b, const struct fit_codes *codes,
                          uint8_t *scale, uint8_t *q)
{
    struct fit_data data = encode_part(b, 0, 32);
    uint16_t nearest = encode_half(b, b->fit->scale_search(codes, &data).scale), best = nearest;
    float least = INFINITY, values[32];
    for (int i = -1; i <= 1; i++) {
        uint16_t half = (uint16_t)(nearest + i);
        if ((half & 0x7fff) > 0x7bff)
            continue;
        float error = b->fit->scale_at(codes, &data, encode_unhalf(b, half)).error;
        if (error < least) {
            least = error;
            best = half;
        }
    }
    encode_store(scale, best);
    b->fit->round(codes, &data, encode_unhalf(b, best), 0.0f, values);
    encode_indices(codes, values, q);
}

/* The same with a minimum behind the scale. */
static void encode_line(const struct encode_block *b, const struct fit_codes *codes, uint8_t *dst,
                        uint8_t *q)
{
    struct fit_data data = encode_part(b, 0, 32);
    struct fit_line f = b->fit->line_search(codes, &data, INFINITY);
    uint16_t nearest = encode_half(b, f.scale), best = nearest, best_min = 0;
    float least = INFINITY, values[32];
    for (int i = -1; i <= 1; i++) {
        uint16_t half = (uint16_t)(nearest + i);
        if (half > 0x7bff)
            continue;
        float scale = encode_unhalf(b, half);
        struct fit_line g = b->fit->line_at(codes, &data, scale, f.min);
        uint16_t min = encode_half(b, f.min + g.r0 / g.s0);
        g = b->fit->line_at(codes, &data, scale, encode_unhalf(b, min));
        if (g.error < least) {
            least = g.error;
            best = half;
            best_min = min;
        }
    }
    encode_store(dst, best);
    encode_store(dst + 2, best_min);
    b->fit->round(codes, &data, encode_unhalf(b, best), encode_unhalf(b, best_min), values);
    encode_indices(codes, values, q);
}

static void encode_q4_0(const struct encode_block *b, uint8_t *dst)
{
    uint8_t q[32];
    encode_scaled(b, &q4_0_codes, dst, q);
    encode_nibbles(q, dst + 2);
}

static void encode_q4_1(const struct encode_block *b, uint8_t *dst)
{
    uint8_t q[32];
    encode_line(b, &q4_1_codes, dst, q);
    encode_nibbles(q, dst + 4);
}

static void encode_q5_0(const struct encode_block *b, uint8_t *dst)
{
    uint8_t q[32];
    encode_scaled(b, &q5_0_codes, dst, q);
    store_fifth_bits(q, dst + 2);
    encode_nibbles(q, dst + 6);
}

static void encode_q5_1(const struct encode_block *b, uint8_t *dst)
{
    uint8_t q[32];
    encode_line(b, &q5_1_codes, dst, q);
    store_fifth_bits(q, dst + 4);
    encode_nibbles(q, dst + 8);
}

static void encode_q8_0(const struct encode_block *b, uint8_t *dst)
{
    uint8_t q[32];
    encode_scaled(b, &q8_0_codes, dst, q);
    for (int i = 0; i < 32; i++)
        dst[2 + i] = q[i] ^ 0x80u;
}

static void encode_iq4_nl(const struct encode_block *b, uint8_t *dst)
{
    uint8_t q[32];
    encode_scaled(b, &iq4_nl_codes, dst, q);
    encode_nibbles(q, dst + 2);
}

#define MXFP4_EXPONENT_MAX 252 /* 6 times a greater power of two is infinite */

/* Tries the power of two under which the largest number lies between 4 and 8, and its neighbours.
 */
static void encode_mxfp4(const struct encode_block *b, uint8_t *dst)
{
    struct fit_data data = encode_part(b, 0, 32);
    float largest = 0.0f, least = INFINITY, values[32];
    for (int i = 0; i < 32; i++)
        largest = fmaxf(largest, fabsf(b->x[i]));
    int exponent = largest > 0.0f ? ilogbf(largest * b->unit) - 2 + 127 : 0, best = 0;
    for (int e = exponent - 1; e <= exponent + 1; e++) {
        if (e < 0 || e > MXFP4_EXPONENT_MAX)
            continue;
        float scale = 0.5f * (number_from_e8m0((uint8_t)e) / b->unit);
        float error = b->fit->scale_at(&e2m1_codes, &data, scale).error;
        if (error < least) {
            least = error;
            best = e;
        }
    }
    uint8_t q[32];
    dst[0] = (uint8_t)best;
    b->fit->round(&e2m1_codes, &data, 0.5f * (number_from_e8m0(dst[0]) / b->unit), 0.0f, values);
    for (int i = 0; i < 32; i++)
        q[i] = number_to_e2m1(0.5f * values[i]);
    encode_nibbles(q, dst + 1);
}

typedef void encode_fn(const struct encode_block *b, uint8_t *dst);

/* largest: what the format can hold. */
static const struct encoder {
    encode_fn *encode; /* of a block, or NULL for single numbers */
    float largest;
} encoders[DTYPE_COUNT] = {
    [DTYPE_F32] = {NULL, FLT_MAX},
    [DTYPE_F16] = {NULL, 65504},
    [DTYPE_BF16] = {NULL, 0x1.fep127f},
    [DTYPE_E4M3] = {NULL, 448},
    [DTYPE_Q4_0] = {encode_q4_0, 7 * 65504},
    [DTYPE_Q4_1] = {encode_q4_1, 65504},
    [DTYPE_Q5_0] = {encode_q5_0, 15 * 65504},
    [DTYPE_Q5_1] = {encode_q5_1, 65504},
    [DTYPE_Q8_0] = {encode_q8_0, 127 * 65504},
    [DTYPE_Q4_K] = {encode_q4_k, 63 * 65504},
    [DTYPE_Q5_K] = {encode_q5_k, 63 * 65504},
    [DTYPE_Q6_K] = {encode_q6_k, 31 * 127 * 65504},
    [DTYPE_IQ4_NL] = {encode_iq4_nl, 113 * 65504},
    [DTYPE_IQ4_XS] = {encode_iq4_xs, 113 * 31 * 65504.0f},
    [DTYPE_MXFP4] = {encode_mxfp4, FLT_MAX},
};

bool block_encodes(enum dtype type)
{
    return encoders[type].largest > 0.0f;
}

static bool in_range(const float *v, int64_t n, float low, float high)
{
    int outside = 0;
    for (int64_t i = 0; i < n; i++)
        outside |= !(v[i] >= low && v[i] <= high);
    return !outside;
}

static bool check(enum dtype type, const float *src, const float *importance, int64_t n,
                  struct err *err)
{
    const char *name = dtype_info(type)->name;
    float largest = encoders[type].largest;
    if (!block_encodes(type))
        return err_set(err, ERR_UNSUPPORTED, "%s: weights are not written in this format", name);
    if (!in_range(src, n, -largest, largest))
        for (int64_t i = 0; i < n; i++) {
            if (!isfinite(src[i]))
                return err_set(err, ERR_FORMAT, "element %lld is %g", (long long)i, (double)src[i]);
            if (fabsf(src[i]) > largest)
                return err_set(err, ERR_UNSUPPORTED, "element %lld, %g, exceeds %g, the most of %s",
                               (long long)i, (double)src[i], (double)largest, name);
        }
    if (importance && !in_range(importance, n, 0.0f, FLT_MAX))
        for (int64_t i = 0; i < n; i++)
            if (!(importance[i] >= 0.0f && importance[i] <= FLT_MAX))
                return err_set(err, ERR_FORMAT, "the importance of element %lld is %g",
                               (long long)i, (double)importance[i]);
    return true;
}

static void encode_single(enum dtype type, const float *src, uint8_t *dst, int64_t n)
{
    if (type == DTYPE_F32 && n)
        memcpy(dst, src, (size_t)n * sizeof *src);
    for (int64_t i = 0; i < n && type == DTYPE_F16; i++)
        encode_store(dst + 2 * i, number_to_f16(src[i]));
    for (int64_t i = 0; i < n && type == DTYPE_BF16; i++)
        encode_store(dst + 2 * i, number_to_bf16(src[i]));
    for (int64_t i = 0; i < n && type == DTYPE_E4M3; i++)
        dst[i] = number_to_e4m3(src[i]);
}

static float largest_of(const float *v, int n)
{
    float largest = 0.0f;
    for (int i = 0; i < n; i++) {
        float a = fabsf(v[i]);
        largest = a > largest ? a : largest;
    }
    return largest;
}

/* Elements 2^-60 below the largest count as zero, so that no quotient overflows.  A weight of zero
 * becomes so small that it never outweighs others, but the element is still rounded well. */
static void prepare(const float *src, const float *importance, int n, struct encode_block *b)
{
    float largest = largest_of(src, n);
    int exponent = largest > 0x1p-100f ? ilogbf(largest) : -100;
    float inverse = ldexpf(1.0f, -(exponent > 100 ? 100 : exponent));
    b->unit = 1.0f / inverse;
    for (int i = 0; i < n; i++) {
        float v = src[i] * inverse;
        b->x[i] = fabsf(v) < 0x1p-60f ? 0.0f : v;
    }
    float most = importance ? largest_of(importance, n) : 0.0f;
    for (int i = 0; i < n; i++)
        b->w[i] = importance && most > 0.0f ? importance[i] / most + 0x1p-40f : 1.0f;
}

bool block_encode(enum dtype type, const float *src, const float *importance, void *dst, int64_t n,
                  struct err *err)
{
    const struct dtype_info *info = dtype_info(type);
    assert(n >= 0 && n % info->block == 0);
    if (!check(type, src, importance, n, err))
        return false;
    uint8_t *to = dst;
    if (!encoders[type].encode) {
        encode_single(type, src, to, n);
        return true;
    }
    const struct fit_ops *fit = fit_ops();
    for (int64_t i = 0; i < n; i += info->block, to += info->bytes) {
        struct encode_block b;
        b.fit = fit;
        prepare(src + i, importance ? importance + i : NULL, info->block, &b);
        encoders[type].encode(&b, to);
    }
    return true;
}
