/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of 256 whose parts have scales, and minima, that are small whole multiples of one
 * binary16 each.
 *
 * Each part is fitted alone; the common factor is the one whose multiples lose least by what the
 * fits say; then each part tries the multiples beside its own on its numbers, and the factor is
 * solved for the codes that follow, by turns. */
#include "tensor/block_encode_int.h"

#include <math.h>
#include <string.h>

#include "tensor/block_int.h"

#define MAX_PARTS 16
#define N_TURNS   2

/* A block without minima: parts of size numbers whose scales are low..high times a factor. */
struct scaled_format {
    struct fit_codes codes;
    int n_parts, size;
    float low, high;
};

/* One with minima: 8 parts of 32, multiples 0..63. */
#define LINE_PARTS 8
#define LINE_SIZE  32
#define LINE_MAX   63.0f

struct scaled_block {
    uint16_t factor;
    float error;
    float multiple[MAX_PARTS];
    float slope, curve; /* of the factor */
};

struct line_part {
    float scale, min; /* multiples */
    struct fit_line fit;
};

struct line_block {
    uint16_t scale, min; /* factors */
    float error;
    struct line_part part[LINE_PARTS];
};

static const struct scaled_format q6_k = {{NULL, -32, 31, 0.94f, 1.07f, 12}, 16, 16, -128, 127};
static const struct scaled_format iq4_xs = {
    {block_iq4_levels, -127, 113, 0.85f, 1.25f, 12}, 8, 32, -32, 31};
static const struct fit_codes q4_k = {NULL, 0, 15, 0.95f, 1.25f, 4};
static const struct fit_codes q5_k = {NULL, 0, 31, 0.97f, 1.12f, 4};

/* Returns the whole number in low..high nearest to v; 0 in place of what is none. */
static float nearest(float v, float low, float high)
{
    if (!(v > low))
        return v <= low ? low : 0.0f;
    return v < high ? (v + 0x1.8p23f) - 0x1.8p23f : high;
}

/* What rounding of n values to multiples low..high of factor costs. */
static float rounding_cost(const float *value, const float *curve, int n, float factor, float low,
                           float high)
{
    float cost = 0.0f;
    for (int i = 0; i < n; i++) {
        float d = value[i] - factor * nearest(value[i] / factor, low, high);
        cost += curve[i] * d * d;
    }
    return cost;
}

/* Returns the factor whose multiples say the values best; limit is the multiple of largest
 * magnitude. */
static float search_factor(const float *value, const float *curve, int n, float low, float high)
{
    float limit = -low > high ? low : high, extreme = 0.0f, best = 0.0f, least = INFINITY;
    for (int i = 0; i < n; i++)
        if (fabsf(value[i]) > fabsf(extreme))
            extreme = value[i];
    if (extreme == 0.0f)
        return 0.0f;
    for (int i = 0; i < 32; i++) {
        float factor = extreme / (limit * (1.03f - 0.01f * (float)i));
        float cost = rounding_cost(value, curve, n, factor, low, high);
        if (cost < least) {
            least = cost;
            best = factor;
        }
    }
    return best;
}

/* Gives each part the best multiple of the factor near its scale. */
static void choose_multiples(const struct scaled_format *format, const struct encode_block *b,
                             const struct fit_scale *fits, uint16_t factor,
                             struct scaled_block *out)
{
    float unit = encode_unhalf(b, factor);
    *out = (struct scaled_block){.factor = factor};
    for (int p = 0; p < format->n_parts; p++) {
        struct fit_data data = encode_part(b, p * format->size, format->size);
        struct fit_scale best = {.error = INFINITY};
        float middle = unit != 0.0f ? nearest(fits[p].scale / unit, format->low, format->high) : 0;
        for (int i = -1; i <= 1; i++) {
            float k = middle + (float)i;
            if (k < format->low || k > format->high)
                continue;
            struct fit_scale f = b->fit->scale_at(&format->codes, &data, k * unit);
            if (f.error < best.error) {
                best = f;
                out->multiple[p] = k;
            }
        }
        out->error += best.error;
        out->slope += out->multiple[p] * best.slope;
        out->curve += out->multiple[p] * out->multiple[p] * best.curve;
    }
}

/* Encodes all but the layout.  q: [256]. */
static void encode_scaled_block(const struct scaled_format *format, const struct encode_block *b,
                                struct scaled_block *best, uint8_t *q)
{
    struct fit_scale fits[MAX_PARTS];
    float scale[MAX_PARTS], curve[MAX_PARTS], values[BLOCK_MAX];
    for (int p = 0; p < format->n_parts; p++) {
        struct fit_data data = encode_part(b, p * format->size, format->size);
        fits[p] = b->fit->scale_search(&format->codes, &data);
        scale[p] = fits[p].scale;
        curve[p] = fits[p].curve;
    }
    float factor = search_factor(scale, curve, format->n_parts, format->low, format->high);
    choose_multiples(format, b, fits, encode_half(b, factor), best);
    for (int i = 1; i < N_TURNS && best->curve > 0.0f; i++) {
        struct scaled_block next;
        factor = encode_unhalf(b, best->factor) + best->slope / best->curve;
        choose_multiples(format, b, fits, encode_half(b, factor), &next);
        if (next.error < best->error)
            *best = next;
    }
    for (int p = 0; p < format->n_parts; p++) {
        struct fit_data data = encode_part(b, p * format->size, format->size);
        b->fit->round(&format->codes, &data, encode_unhalf(b, best->factor) * best->multiple[p],
                      0.0f, values + (size_t)p * (size_t)format->size);
    }
    for (int i = 0; i < BLOCK_MAX; i += 32)
        encode_indices(&format->codes, values + i, q + i);
}

void encode_q6_k(const struct encode_block *b, uint8_t *dst)
{
    struct scaled_block block;
    uint8_t q[BLOCK_MAX];
    encode_scaled_block(&q6_k, b, &block, q);
    memset(dst, 0, 192);
    for (int i = 0; i < 256; i++) {
        int half = i / 128, quarter = i / 32 % 4, l = i % 32;
        dst[64 * half + 32 * (quarter % 2) + l] |= (uint8_t)((q[i] & 15) << (4 * (quarter / 2)));
        dst[128 + 32 * half + l] |= (uint8_t)((q[i] >> 4) << (2 * quarter));
    }
    for (int p = 0; p < 16; p++)
        dst[192 + p] = (uint8_t)(int8_t)block.multiple[p];
    encode_store(dst + 208, block.factor);
}

void encode_iq4_xs(const struct encode_block *b, uint8_t *dst)
{
    struct scaled_block block;
    uint8_t q[BLOCK_MAX];
    encode_scaled_block(&iq4_xs, b, &block, q);
    encode_store(dst, block.factor);
    memset(dst + 2, 0, 6);
    for (int p = 0; p < 8; p++) {
        int scale = (int)block.multiple[p] + 32;
        dst[2 + p / 4] |= (uint8_t)((scale >> 4) << (2 * (p % 4)));
        dst[4 + p / 2] |= (uint8_t)((scale & 15) << (4 * (p % 2)));
        encode_nibbles(q + 32 * (size_t)p, dst + 8 + 16 * (size_t)p);
    }
}

/* Tries multiples of scale and minimum, and the better minimum that the codes then ask for. */
static void try_part(const struct fit_codes *codes, const struct encode_block *b,
                     const struct fit_data *data, float scale, float min, struct line_part part,
                     struct line_part *best)
{
    for (int turn = 0; turn < 2; turn++) {
        part.fit = b->fit->line_at(codes, data, part.scale * scale, -part.min * min);
        if (part.fit.error < best->fit.error)
            *best = part;
        float next = nearest(part.min - part.fit.r0 / part.fit.s0 / min, 0.0f, LINE_MAX);
        if (next == part.min)
            return;
        part.min = next;
    }
}

/* Gives each part the best multiples of the factors near its fit. */
static void choose_lines(const struct fit_codes *codes, const struct encode_block *b,
                         const struct fit_line *fits, struct line_block *out)
{
    float scale = encode_unhalf(b, out->scale), min = encode_unhalf(b, out->min);
    out->error = 0.0f;
    for (int p = 0; p < LINE_PARTS; p++) {
        const struct fit_line *f = &fits[p];
        struct fit_data data = encode_part(b, p * LINE_SIZE, LINE_SIZE);
        struct line_part best = {.fit.error = INFINITY};
        float middle = nearest(f->scale / scale, 0.0f, LINE_MAX);
        for (int i = -1; i <= 1; i++) {
            float k = middle + (float)i;
            if (k < 0.0f || k > LINE_MAX)
                continue;
            /* Where the other is off, each has its best place elsewhere. */
            float wanted = f->min - f->s1 / f->s0 * (k * scale - f->scale);
            struct line_part part = {.scale = k, .min = nearest(-wanted / min, 0.0f, LINE_MAX)};
            try_part(codes, b, &data, scale, min, part, &best);
        }
        out->part[p] = best;
        out->error += best.fit.error;
    }
}

/* Solves for both factors, all codes and multiples being as they are. */
static void solve_factors(const struct encode_block *b, struct line_block *block)
{
    double a = 0.0, m = 0.0, c = 0.0, r = 0.0, t = 0.0;
    for (int p = 0; p < LINE_PARTS; p++) {
        const struct fit_line *f = &block->part[p].fit;
        double k = (double)block->part[p].scale, l = (double)block->part[p].min;
        a += k * k * (double)f->s2;
        m -= k * l * (double)f->s1;
        c += l * l * (double)f->s0;
        r += k * (double)f->r1;
        t -= l * (double)f->r0;
    }
    double det = a * c - m * m, d_scale = a > 0.0 ? r / a : 0.0, d_min = 0.0;
    if (det > 1e-9 * a * c) {
        d_scale = (c * r - m * t) / det;
        d_min = (a * t - m * r) / det;
    }
    float scale = encode_unhalf(b, block->scale) + (float)d_scale;
    float min = encode_unhalf(b, block->min) + (float)d_min;
    block->scale = encode_half(b, fmaxf(scale, 0.0f));
    block->min = encode_half(b, fmaxf(min, 0.0f));
}

static void encode_line_block(const struct fit_codes *codes, const struct encode_block *b,
                              struct line_block *best, uint8_t *q)
{
    struct fit_line fits[LINE_PARTS];
    float value[LINE_PARTS], curve[LINE_PARTS], values[LINE_SIZE];
    for (int p = 0; p < LINE_PARTS; p++) {
        struct fit_data data = encode_part(b, p * LINE_SIZE, LINE_SIZE);
        fits[p] = b->fit->line_search(codes, &data, 0.0f);
        value[p] = fits[p].scale;
        curve[p] = fits[p].s2 - fits[p].s1 * fits[p].s1 / fits[p].s0;
    }
    best->scale = encode_half(b, search_factor(value, curve, LINE_PARTS, 0.0f, LINE_MAX));
    for (int p = 0; p < LINE_PARTS; p++) {
        value[p] = -fits[p].min;
        curve[p] = fits[p].s0;
    }
    best->min = encode_half(b, search_factor(value, curve, LINE_PARTS, 0.0f, LINE_MAX));
    choose_lines(codes, b, fits, best);
    for (int i = 1; i < N_TURNS; i++) {
        struct line_block next = *best;
        solve_factors(b, &next);
        choose_lines(codes, b, fits, &next);
        if (next.error < best->error)
            *best = next;
    }
    for (int p = 0; p < LINE_PARTS; p++) {
        struct fit_data data = encode_part(b, p * LINE_SIZE, LINE_SIZE);
        b->fit->round(codes, &data, best->part[p].fit.scale, best->part[p].fit.min, values);
        encode_indices(codes, values, q + (size_t)p * LINE_SIZE);
    }
}

/* Packs 6-bit multiples into 12 bytes, the inverse of block.c's reading. */
static void store_multiples(const struct line_block *block, uint8_t *dst)
{
    memset(dst, 0, 12);
    for (int p = 0; p < LINE_PARTS; p++) {
        int scale = (int)block->part[p].scale, min = (int)block->part[p].min;
        if (p < 4) {
            dst[p] |= (uint8_t)scale;
            dst[p + 4] |= (uint8_t)min;
            continue;
        }
        dst[p + 4] |= (uint8_t)((scale & 15) | (min & 15) << 4);
        dst[p - 4] |= (uint8_t)((scale >> 4) << 6);
        dst[p] |= (uint8_t)((min >> 4) << 6);
    }
}

static void store_line_block(const struct line_block *block, const uint8_t *q, uint8_t *dst,
                             uint8_t *nibbles)
{
    encode_store(dst, block->scale);
    encode_store(dst + 2, block->min);
    store_multiples(block, dst + 4);
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < 32; i++)
            nibbles[32 * j + i] = (uint8_t)((q[64 * j + i] & 15) | (q[64 * j + 32 + i] & 15) << 4);
}

void encode_q4_k(const struct encode_block *b, uint8_t *dst)
{
    struct line_block block;
    uint8_t q[BLOCK_MAX];
    encode_line_block(&q4_k, b, &block, q);
    store_line_block(&block, q, dst, dst + 16);
}

void encode_q5_k(const struct encode_block *b, uint8_t *dst)
{
    struct line_block block;
    uint8_t q[BLOCK_MAX];
    encode_line_block(&q5_k, b, &block, q);
    store_line_block(&block, q, dst, dst + 48);
    memset(dst + 16, 0, 32);
    for (int p = 0; p < LINE_PARTS; p++)
        for (int i = 0; i < 32; i++)
            dst[16 + i] |= (uint8_t)((q[32 * p + i] >> 4) << p);
}
