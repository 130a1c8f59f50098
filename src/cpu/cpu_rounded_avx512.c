/* SPDX-License-Identifier: Apache-2.0 */
/* Products of rounded activations, on AVX-512. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "cpu/cpu_panel_avx512.h"

INLINE void dot(const struct panel *panel, const struct panel_format *format,
                const struct panel_tokens *tokens, int first, int n_tok, bool mins, bool sixteens)
{
    const size_t stride = tokens->act_stride, width = sixteens ? 16 : 32;
    const size_t n_blocks = sixteens ? ACT_GROUP / 16 : ACT_GROUP / 32;
    const int8_t *first_act = tokens->act + (size_t)first * stride;
    float *totals = tokens->sums + PANEL_LANES * (size_t)first;
    __m512 total[8];
#pragma GCC unroll 8
    for (int t = 0; t < n_tok; t++)
        total[t] = _mm512_load_ps(totals + PANEL_LANES * (size_t)t);
#pragma GCC unroll 16
    for (size_t b = 0; b < n_blocks; b++) {
        __m512i q[8];
#pragma GCC unroll 8
        for (size_t i = 0; i < width / 4; i++)
            q[i] = _mm512_load_si512(panel->q[b * width / 4 + i]);
#pragma GCC unroll 8
        for (int t = 0; t < n_tok; t++) {
            const struct act_group *act = act_group(first_act + (size_t)t * stride, 0);
            __m512i product = _mm512_setzero_si512();
#pragma GCC unroll 8
            for (size_t i = 0; i < width / 4; i++)
                product = dot_four(product, q[i], act->q + b * width + 4 * i);
            total[t] = add_block(total[t], product, panel, format, act, b, mins, sixteens);
        }
    }
#pragma GCC unroll 8
    for (int t = 0; t < n_tok; t++)
        _mm512_store_ps(totals + PANEL_LANES * (size_t)t, total[t]);
}

INLINE void dot_tokens(const struct panel *panel, const struct panel_format *format,
                       const struct panel_tokens *tokens, bool mins, bool sixteens)
{
    int t = 0;
    for (; t + 8 <= tokens->n; t += 8)
        dot(panel, format, tokens, t, 8, mins, sixteens);
    for (; t + 4 <= tokens->n; t += 4)
        dot(panel, format, tokens, t, 4, mins, sixteens);
    for (; t + 2 <= tokens->n; t += 2)
        dot(panel, format, tokens, t, 2, mins, sixteens);
    if (t < tokens->n)
        dot(panel, format, tokens, t, 1, mins, sixteens);
}

void cpu_panel_dot_avx512(const struct panel *panel, const struct panel_format *format,
                          const struct panel_tokens *tokens)
{
    if (format->mins)
        dot_tokens(panel, format, tokens, true, false);
    else if (format->sixteens)
        dot_tokens(panel, format, tokens, false, true);
    else
        dot_tokens(panel, format, tokens, false, false);
}

static void narrow_rounded_avx512(const struct narrow_job *job)
{
    cpu_panel_products(job, cpu_panel_format_avx512(job->type), cpu_panel_dot_avx512);
}

void cpu_rounded_avx512(struct cpu_ops *ops)
{
    ops->narrow_rounded = narrow_rounded_avx512;
    ops->rounds_prompts = true;
}

#endif
