/* SPDX-License-Identifier: Apache-2.0 */
/* Products of rounded activations of many tokens, on AMX.  A tile multiplies one block of 16 rows
 * with 16 tokens; its integers then go the way that those of fewer tokens go. */
#if defined(__x86_64__)
#include "cpu/cpu_amx.h"
#include "cpu/cpu_panel_avx512.h"

#define TILE_TOKENS 16
#define ADD_TOKENS  4 /* whose products are added up together */
#define FEW_TOKENS  8 /* fewer are faster without tiles */

/* The integer products of 16 tokens with a panel: [block][token][row]. */
struct products {
    _Alignas(64) int32_t of[ACT_GROUP / 16][TILE_TOKENS][PANEL_LANES];
};

/* Shapes of the tiles: 0, 2 and 4 are products and activations of whole and of n_rest tokens,
 * and weights; 1 and 3 those of n_rest tokens. */
static void configure(int n_rest, int width)
{
    const struct tile_config config = {
        .palette = 1,
        .row_bytes = {ROW_BYTES, n_rest ? ROW_BYTES : 0, (uint16_t)width,
                      n_rest ? (uint16_t)width : 0, ROW_BYTES},
        .rows = {TILE_TOKENS, (uint8_t)n_rest, TILE_TOKENS, (uint8_t)n_rest, (uint8_t)(width / 4)}};
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

/* Multiplies blocks begin..end-1 with the tokens of a tile. */
INLINE void multiply(const struct panel *panel, const int8_t *act, size_t stride, bool whole,
                     size_t begin, size_t end, size_t width, struct products *products)
{
    for (size_t b = begin; b < end; b++) {
        if (whole)
            BLOCK_PRODUCT(0, 2, act + b * width, stride, panel->q[b * width / 4], products->of[b]);
        else
            BLOCK_PRODUCT(1, 3, act + b * width, stride, panel->q[b * width / 4], products->of[b]);
    }
}

/* Adds the products of n tokens from token t on to their sums. */
INLINE void add_up(const struct panel *panel, const struct panel_format *format,
                   const struct panel_tokens *tokens, const struct products *products, int t, int n,
                   bool mins, size_t width)
{
    const int8_t *first = tokens->act + (size_t)t * tokens->act_stride;
    float *totals = tokens->sums + PANEL_LANES * (size_t)t;
    const size_t n_blocks = ACT_GROUP / width;
    __m512 total[ADD_TOKENS];
#pragma GCC unroll 4
    for (int i = 0; i < n; i++)
        total[i] = _mm512_load_ps(totals + PANEL_LANES * (size_t)i);
#pragma GCC unroll 16
    for (size_t b = 0; b < n_blocks; b++) {
#pragma GCC unroll 4
        for (size_t i = 0; i < (size_t)n; i++) {
            const struct act_group *act = act_group(first + i * tokens->act_stride, 0);
            __m512i product = _mm512_load_si512(products->of[b][(size_t)t + i]);
            total[i] = add_block(total[i], product, panel, format, act, b, mins, width == 16);
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < n; i++)
        _mm512_store_ps(totals + PANEL_LANES * (size_t)i, total[i]);
}

INLINE struct panel_tokens tokens_from(const struct panel_tokens *all, int first)
{
    struct panel_tokens some = *all;
    some.act += (size_t)first * all->act_stride;
    some.sums += PANEL_LANES * (size_t)first;
    some.n = all->n - first < TILE_TOKENS ? all->n - first : TILE_TOKENS;
    return some;
}

/* The tiles of the next 16 tokens multiply while the products of these are added up. */
INLINE void dot(const struct panel *panel, const struct panel_format *format,
                const struct panel_tokens *all, bool mins, size_t width)
{
    const size_t bytes = all->act_stride, n_blocks = ACT_GROUP / width;
    struct products products[2];
    struct panel_tokens next = tokens_from(all, 0);
    multiply(panel, next.act, bytes, next.n == TILE_TOKENS, 0, n_blocks, width, &products[0]);
    for (int first = 0, turn = 0; first < all->n; first += TILE_TOKENS, turn ^= 1) {
        struct panel_tokens now = next;
        bool more = first + TILE_TOKENS < all->n;
        if (more)
            next = tokens_from(all, first + TILE_TOKENS);
        int t = 0;
        for (size_t part = 0; part < TILE_TOKENS / ADD_TOKENS; part++) {
            if (more)
                multiply(panel, next.act, bytes, next.n == TILE_TOKENS, part * n_blocks / 4,
                         (part + 1) * n_blocks / 4, width, &products[!turn]);
            if (t + ADD_TOKENS <= now.n) {
                add_up(panel, format, &now, &products[turn], t, ADD_TOKENS, mins, width);
                t += ADD_TOKENS;
            }
        }
        for (; t < now.n; t++)
            add_up(panel, format, &now, &products[turn], t, 1, mins, width);
    }
}

static void dot_amx(const struct panel *panel, const struct panel_format *format,
                    const struct panel_tokens *tokens)
{
    if (format->mins)
        dot(panel, format, tokens, true, 32);
    else if (format->sixteens)
        dot(panel, format, tokens, false, 16);
    else
        dot(panel, format, tokens, false, 32);
}

static void narrow_rounded_amx(const struct narrow_job *job)
{
    const struct panel_format *format = cpu_panel_format_avx512(job->type);
    if (job->n_tok < FEW_TOKENS) {
        cpu_panel_products(job, format, cpu_panel_dot_avx512);
        return;
    }
    configure(job->n_tok % TILE_TOKENS, format->sixteens ? 16 : 32);
    cpu_panel_products(job, format, dot_amx);
    _tile_release();
}

void cpu_rounded_amx(struct cpu_ops *ops)
{
    ops->narrow_rounded = narrow_rounded_amx;
}

#endif
