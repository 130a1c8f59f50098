/* SPDX-License-Identifier: Apache-2.0 */
/* Products of rounded activations, on AVX2. */
#if defined(__x86_64__)
#include "cpu/cpu_block_avx2.h"

#define N_HALVES (PANEL_LANES / HALF_LANES)

/* Asks for what the tokens behind these have in the columns of a panel: their vectors lie so far
 * apart that the processor does not guess it. */
INLINE void ask_for_next(const struct panel_tokens *all, int first)
{
    for (int t = first; t < first + BLOCK_TOKENS; t++)
        for (size_t i = 0; i < sizeof(struct act_group); i += 64)
            _mm_prefetch((const char *)all->act + (size_t)t * all->act_stride + i, _MM_HINT_T0);
}

/* Adds the products of n_tok tokens from token number first on. */
INLINE void dot(const struct panel *panel, const struct panel_format *format,
                const struct panel_tokens *all, int first, int n_tok, const struct block_kind *kind)
{
    const size_t stride = all->act_stride, width = kind->sixteens ? 16 : 32;
    const int8_t *first_act = all->act + (size_t)first * stride;
    float *sums = all->sums + PANEL_LANES * (size_t)first;
    for (size_t b = 0; b < ACT_GROUP / width; b++) {
        const struct block_tokens tokens = {first_act + b * width, stride, n_tok};
        const __m256i *q = (const __m256i *)(const void *)panel->q[b * width / 4];
        __m256i dots[BLOCK_TOKENS][2];
        multiply_block(q, N_HALVES, &tokens, width / 4, kind->run, dots);
#pragma GCC unroll 4
        for (int t = 0; t < n_tok; t++) {
            const struct act_group *act = act_group(first_act + (size_t)t * stride, 0);
#pragma GCC unroll 2
            for (size_t h = 0; h < N_HALVES; h++) {
                float *sum = sums + PANEL_LANES * (size_t)t + HALF_LANES * h;
                _mm256_store_ps(sum, add_block(_mm256_load_ps(sum), dots[t][h], panel, h, format,
                                               act, b, kind));
            }
        }
    }
}

INLINE void dot_tokens(const struct panel *panel, const struct panel_format *format,
                       const struct panel_tokens *tokens, int run, bool mins, bool sixteens)
{
    const struct block_kind kind = {run, mins, sixteens};
    int t = 0;
    for (; t + 4 <= tokens->n; t += 4) {
        if (t + 4 < tokens->n)
            ask_for_next(tokens, t + 4);
        dot(panel, format, tokens, t, 4, &kind);
    }
    for (; t + 2 <= tokens->n; t += 2)
        dot(panel, format, tokens, t, 2, &kind);
    if (t < tokens->n)
        dot(panel, format, tokens, t, 1, &kind);
}

static void dot_avx2(const struct panel *panel, const struct panel_format *format,
                     const struct panel_tokens *tokens)
{
    switch (format->run) {
    case 0:
        dot_tokens(panel, format, tokens, 0, false, false);
        break;
    case 2:
        dot_tokens(panel, format, tokens, 2, false, true);
        break;
    case 4:
        if (format->mins)
            dot_tokens(panel, format, tokens, 4, true, false);
        else if (format->sixteens)
            dot_tokens(panel, format, tokens, 4, false, true);
        else
            dot_tokens(panel, format, tokens, 4, false, false);
        break;
    default:
        if (format->mins)
            dot_tokens(panel, format, tokens, 8, true, false);
        else
            dot_tokens(panel, format, tokens, 8, false, false);
    }
}

static void narrow_rounded_avx2(const struct narrow_job *job)
{
    cpu_panel_products(job, cpu_panel_format_avx2(job->type), dot_avx2);
}

void cpu_rounded_avx2(struct cpu_ops *ops)
{
    ops->narrow_rounded = narrow_rounded_avx2;
    ops->rounds_prompts = true;
}

#endif
