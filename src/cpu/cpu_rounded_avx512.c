/* SPDX-License-Identifier: Apache-2.0 */
/* Products of rounded activations, on AVX-512. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "cpu/cpu_panel.h"

#define INLINE static inline __attribute__((always_inline))

INLINE void dot(const struct panel *panel, const struct panel_format *format,
                const struct panel_tokens *tokens, int first, int n_tok, bool mins, bool sixteens)
{
    const size_t n_pad = tokens->n_pad, k = tokens->k;
    const int8_t *act = tokens->act + (size_t)first * act_bytes(n_pad);
    float *sums = tokens->sums + PANEL_LANES * (size_t)first;
    _Alignas(64) struct panel_extra extra[8];
    const size_t width = sixteens ? 16 : 32, bytes = act_bytes(n_pad);
    __m512 total[8];
#pragma GCC unroll 8
    for (int t = 0; t < n_tok; t++) {
        cpu_panel_find_extra(&extra[t], format, act + (size_t)t * bytes, n_pad, k);
        total[t] = _mm512_load_ps(sums + PANEL_LANES * (size_t)t);
    }
    for (size_t b = 0; b < ACT_GROUP / width; b++) {
        const size_t at = b * width / 16;
        __m512i q[8];
        __m512 scale = _mm512_load_ps(panel->scale[b]);
#pragma GCC unroll 8
        for (size_t i = 0; i < width / 4; i++)
            q[i] = _mm512_load_si512(panel->q[b * width / 4 + i]);
#pragma GCC unroll 8
        for (int t = 0; t < n_tok; t++) {
            const int32_t *fours =
                (const int32_t *)(const void *)(act + (size_t)t * bytes + k + b * width);
            const float *step = act_steps(act + (size_t)t * bytes, n_pad) + k / 16 + at;
            __m512i sum = mins ? _mm512_setzero_si512() : _mm512_set1_epi32(extra[t].add[at]);
#pragma GCC unroll 8
            for (size_t i = 0; i < width / 4; i++)
                sum = _mm512_dpbusd_epi32(sum, q[i], _mm512_set1_epi32(fours[i]));
            total[t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum),
                                       _mm512_mul_ps(scale, _mm512_set1_ps(*step)), total[t]);
            if (mins)
                total[t] = _mm512_fnmadd_ps(_mm512_load_ps(panel->min[b]),
                                            _mm512_set1_ps(extra[t].sums[at]), total[t]);
        }
    }
#pragma GCC unroll 8
    for (int t = 0; t < n_tok; t++)
        _mm512_store_ps(sums + PANEL_LANES * (size_t)t, total[t]);
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
