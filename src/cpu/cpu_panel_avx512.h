/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_panel_avx512.h - what all kernels do with a block of a panel and of a token, so that they
 * give the same bits. */
#ifndef CPU_CPU_PANEL_AVX512_H
#define CPU_CPU_PANEL_AVX512_H

#if defined(__AVX512VNNI__)
#include <immintrin.h>

#include "cpu/cpu_panel.h"

#define INLINE static inline __attribute__((always_inline))

/* Adds the products of four columns of each row, q, with those of a token.  The compiler would
 * broadcast with an instruction of its own, and what these loops wait for is instructions. */
INLINE __m512i dot_four(__m512i sum, __m512i q, const int8_t *act)
{
    __asm__("vpdpbusd %2%{1to16%}, %1, %0"
            : "+v"(sum)
            : "v"(q), "m"(*(const int32_t *)(const void *)act));
    return sum;
}

/* Adds the product of block b of a group, 16 or 32 columns, to the sums of a token. */
INLINE __m512 add_block(__m512 total, __m512i product, const struct panel *panel,
                        const struct panel_format *format, const struct act_group *act, size_t b,
                        bool mins, bool sixteens)
{
    __m512 dot = _mm512_cvtepi32_ps(product), scale = _mm512_load_ps(panel->scale[b]);
    float sum = sixteens ? act->sums[b] : act->block_sums[b];
    if (!mins)
        dot = _mm512_fnmadd_ps(_mm512_set1_ps(format->bias), _mm512_set1_ps(sum), dot);
    scale = _mm512_mul_ps(scale, _mm512_set1_ps(act->steps[sixteens ? b : 2 * b]));
    total = _mm512_fmadd_ps(dot, scale, total);
    if (mins)
        total =
            _mm512_fnmadd_ps(_mm512_load_ps(panel->min[b]), _mm512_set1_ps(act->values[b]), total);
    return total;
}

#endif
#endif
