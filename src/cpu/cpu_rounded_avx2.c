/* SPDX-License-Identifier: Apache-2.0 */
/* Products of rounded activations, on AVX2. */
#if defined(__x86_64__)
#include "cpu/cpu_block_avx2.h"

#define N_HALVES (PANEL_LANES / HALF_LANES)

/* Asks for what the tokens behind these have in the columns of a panel: their vectors lie so far
 * apart that the processor does not guess it. */
INLINE void ask_for_next(const struct panel_tokens *all, int first)
{
    const size_t bytes = act_bytes(all->n_pad);
    for (int t = first; t < first + BLOCK_TOKENS; t++) {
        const int8_t *act = all->act + (size_t)t * bytes;
        for (size_t i = 0; i < ACT_GROUP; i += 64)
            _mm_prefetch((const char *)act + all->k + i, _MM_HINT_T0);
        _mm_prefetch((const char *)(act_steps(act, all->n_pad) + all->k / 16), _MM_HINT_T0);
        _mm_prefetch((const char *)(act_sums(act, all->n_pad) + all->k / 16), _MM_HINT_T0);
    }
}

/* Adds the products of n_tok tokens from token number first on. */
INLINE void dot(const struct panel *panel, const struct panel_format *format,
                const struct panel_tokens *all, int first, int n_tok, bool mins, size_t width,
                int run)
{
    const size_t n_pad = all->n_pad, bytes = act_bytes(n_pad);
    const int8_t *act = all->act + (size_t)first * bytes;
    const float *steps = act_steps(act, n_pad) + all->k / 16;
    float *sums = all->sums + PANEL_LANES * (size_t)first;
    struct panel_extra extra[BLOCK_TOKENS];
    for (int t = 0; t < n_tok && (mins || run); t++)
        find_extra(&extra[t], format, act + (size_t)t * bytes, n_pad, all->k, mins, width == 16);
    for (size_t b = 0; b < ACT_GROUP / width; b++) {
        const size_t at = b * width / 16;
        const struct block_tokens tokens = {act + all->k + b * width, bytes, n_tok};
        const __m256i *q = (const __m256i *)(const void *)panel->q[b * width / 4];
        __m256i dots[BLOCK_TOKENS][2];
        multiply_block(q, N_HALVES, &tokens, width / 4, run, dots);
#pragma GCC unroll 4
        for (int t = 0; t < n_tok; t++) {
            __m256 step = _mm256_broadcast_ss(steps + (size_t)t * (bytes / sizeof *steps) + at);
#pragma GCC unroll 2
            for (size_t h = 0; h < N_HALVES; h++) {
                float *sum = sums + PANEL_LANES * (size_t)t + HALF_LANES * h;
                __m256 scale = _mm256_load_ps(panel->scale[b] + HALF_LANES * h);
                __m256i d = dots[t][h];
                if (run && !mins)
                    d = _mm256_add_epi32(d, _mm256_set1_epi32(extra[t].add[at]));
                __m256 total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(d), _mm256_mul_ps(scale, step),
                                               _mm256_load_ps(sum));
                if (mins)
                    total = _mm256_fnmadd_ps(_mm256_load_ps(panel->min[b] + HALF_LANES * h),
                                             _mm256_broadcast_ss(&extra[t].sums[at]), total);
                _mm256_store_ps(sum, total);
            }
        }
    }
}

INLINE void dot_tokens(const struct panel *panel, const struct panel_format *format,
                       const struct panel_tokens *tokens, bool mins, size_t width, int run)
{
    int t = 0;
    for (; t + 4 <= tokens->n; t += 4) {
        if (t + 4 < tokens->n)
            ask_for_next(tokens, t + 4);
        dot(panel, format, tokens, t, 4, mins, width, run);
    }
    for (; t + 2 <= tokens->n; t += 2)
        dot(panel, format, tokens, t, 2, mins, width, run);
    if (t < tokens->n)
        dot(panel, format, tokens, t, 1, mins, width, run);
}

static void dot_avx2(const struct panel *panel, const struct panel_format *format,
                     const struct panel_tokens *tokens)
{
    switch (format->run) {
    case 0:
        dot_tokens(panel, format, tokens, false, 32, 0);
        break;
    case 2:
        dot_tokens(panel, format, tokens, false, 16, 2);
        break;
    case 4:
        if (format->mins)
            dot_tokens(panel, format, tokens, true, 32, 4);
        else if (format->sixteens)
            dot_tokens(panel, format, tokens, false, 16, 4);
        else
            dot_tokens(panel, format, tokens, false, 32, 4);
        break;
    default:
        if (format->mins)
            dot_tokens(panel, format, tokens, true, 32, 8);
        else
            dot_tokens(panel, format, tokens, false, 32, 8);
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
