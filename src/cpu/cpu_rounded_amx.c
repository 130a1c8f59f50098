/* SPDX-License-Identifier: Apache-2.0 */
/* Products of rounded activations of many tokens, on AMX.  A tile multiplies one block of 16 rows
 * with 16 tokens; its integers then go the way that those of fewer tokens go. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "cpu/cpu_panel.h"

#define INLINE static inline __attribute__((always_inline))

#define TILE_TOKENS 16
#define FEW_TOKENS  4 /* fewer are faster without tiles */

/* The integer products of 16 tokens with a panel: [block][token][row]. */
struct products {
    _Alignas(64) int32_t of[ACT_GROUP / 16][TILE_TOKENS][PANEL_LANES];
};

/* Shapes of the tiles: 0, 2 and 4 are products and activations of whole and of n_rest tokens,
 * and weights; 1 and 3 those of n_rest tokens. */
static void configure(int n_rest, int width)
{
    _Alignas(64) struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1,
                .bytes = {64, n_rest ? 64 : 0, (uint16_t)width, n_rest ? (uint16_t)width : 0, 64},
                .rows = {TILE_TOKENS, (uint8_t)n_rest, TILE_TOKENS, (uint8_t)n_rest,
                         (uint8_t)(width / 4)}};
    _tile_loadconfig(&config);
}

/* Multiplies a block of all tokens of a tile. */
#define BLOCK_PRODUCT(sums, acts, act, stride, weights, to)                                        \
    do {                                                                                           \
        _tile_loadd(acts, act, stride);                                                            \
        _tile_loadd(4, weights, 64);                                                               \
        _tile_zero(sums);                                                                          \
        _tile_dpbsud(sums, acts, 4);                                                               \
        _tile_stored(sums, to, 64);                                                                \
    } while (0)

INLINE void multiply(const struct panel *panel, const int8_t *act, size_t stride, bool whole,
                     size_t width, struct products *products)
{
    for (size_t b = 0; b < ACT_GROUP / width; b++) {
        if (whole)
            BLOCK_PRODUCT(0, 2, act + b * width, stride, panel->q[b * width / 4],
                          products->of[b]);
        else
            BLOCK_PRODUCT(1, 3, act + b * width, stride, panel->q[b * width / 4],
                          products->of[b]);
    }
}

/* Adds the products of one token to its sums. */
INLINE void add_up(const struct panel *panel, const struct panel_format *format,
                   const struct products *products, int t, const int8_t *act, size_t n_pad,
                   size_t k, float *sums, bool mins, size_t width)
{
    struct panel_extra extra;
    cpu_panel_find_extra(&extra, format, act, n_pad, k);
    const float *steps = act_steps(act, n_pad) + k / 16;
    __m512 total = _mm512_load_ps(sums);
#pragma GCC unroll 16
    for (size_t b = 0; b < ACT_GROUP / width; b++) {
        size_t at = b * width / 16;
        __m512i dot = _mm512_load_si512(products->of[b][t]);
        if (!mins)
            dot = _mm512_add_epi32(dot, _mm512_set1_epi32(extra.add[at]));
        __m512 scale =
            _mm512_mul_ps(_mm512_load_ps(panel->scale[b]), _mm512_set1_ps(steps[at]));
        total = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), scale, total);
        if (mins)
            total = _mm512_fnmadd_ps(_mm512_load_ps(panel->min[b]),
                                     _mm512_set1_ps(extra.sums[at]), total);
    }
    _mm512_store_ps(sums, total);
}

INLINE void dot(const struct panel *panel, const struct panel_format *format, const int8_t *act,
                size_t n_pad, size_t k, int n_tok, float *sums, bool mins, size_t width)
{
    struct products products;
    const size_t bytes = act_bytes(n_pad);
    for (int t0 = 0; t0 < n_tok; t0 += TILE_TOKENS, act += TILE_TOKENS * bytes) {
        int n = n_tok - t0 < TILE_TOKENS ? n_tok - t0 : TILE_TOKENS;
        multiply(panel, act + k, bytes, n == TILE_TOKENS, width, &products);
        for (int t = 0; t < n; t++)
            add_up(panel, format, &products, t, act + (size_t)t * bytes, n_pad, k,
                   sums + (t0 + t) * PANEL_LANES, mins, width);
    }
}

static void dot_amx(const struct panel *panel, const struct panel_format *format,
                    const int8_t *act, size_t n_pad, size_t k, int n_tok, float *sums)
{
    if (format->mins)
        dot(panel, format, act, n_pad, k, n_tok, sums, true, 32);
    else if (format->sixteens)
        dot(panel, format, act, n_pad, k, n_tok, sums, false, 16);
    else
        dot(panel, format, act, n_pad, k, n_tok, sums, false, 32);
}

static void narrow_rounded_amx(const struct narrow_job *job)
{
    if (job->n_tok < FEW_TOKENS) {
        cpu_panel_products(job, cpu_panel_dot_avx512);
        return;
    }
    configure(job->n_tok % TILE_TOKENS, cpu_panel_format(job->type)->sixteens ? 16 : 32);
    cpu_panel_products(job, dot_amx);
    _tile_release();
}

void cpu_rounded_amx(struct cpu_ops *ops)
{
    ops->narrow_rounded = narrow_rounded_amx;
}

#endif
