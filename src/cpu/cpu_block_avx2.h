/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_block_avx2.h - the integer products of a block, eight rows to a vector.
 *
 * Four columns of eight rows meet the four bytes of a token.  The processor adds up two products of
 * an unsigned and a signed byte in 16 bits: as many of these as fit there are added up before they
 * are widened.  Signed weights hand their sign over to the activation; 2 * 128 * 127 just fits. */
#ifndef CPU_CPU_BLOCK_AVX2_H
#define CPU_CPU_BLOCK_AVX2_H
#if defined(__AVX2__)

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#include "cpu/cpu_panel.h"

#define INLINE static inline __attribute__((always_inline))

#define HALF_LANES   8 /* rows of a vector */
#define BLOCK_TOKENS 4 /* that a block meets at a time, at most */

/* What a format has, constants wherever it is used. */
struct block_kind {
    int run;
    bool mins, sixteens;
};

/* The tokens that a block meets, from its first column on. */
struct block_tokens {
    const int8_t *act;
    size_t act_stride;
    int n;
};

/* What a token has in four columns. */
INLINE __m256i four_columns(const struct block_tokens *tokens, int t, size_t quad)
{
    int32_t four;
    memcpy(&four, tokens->act + (size_t)t * tokens->act_stride + 4 * quad, sizeof four);
    return _mm256_set1_epi32(four);
}

/* Keeps the compiler from adding up in another order, for which it would need more registers than
 * there are. */
INLINE void in_order(__m256i *sum)
{
    __asm__("" : "+x"(*sum));
}

/* Multiplies four columns, q: [n_halves] vectors, with all tokens. */
INLINE void multiply_quad(const __m256i *q, int n_halves, const struct block_tokens *tokens,
                          size_t quad, bool is_signed, bool add, __m256i words[BLOCK_TOKENS][2])
{
#pragma GCC unroll 4
    for (int t = 0; t < tokens->n; t++) {
        __m256i act = four_columns(tokens, t, quad);
#pragma GCC unroll 2
        for (int h = 0; h < n_halves; h++) {
            __m256i pairs =
                is_signed ? _mm256_maddubs_epi16(_mm256_abs_epi8(q[h]), _mm256_sign_epi8(act, q[h]))
                          : _mm256_maddubs_epi16(q[h], act);
            words[t][h] = add ? _mm256_add_epi16(words[t][h], pairs) : pairs;
            in_order(&words[t][h]);
        }
    }
}

/* Finds the products of a block of n_quads times four columns, q: [n_quads][n_halves]. */
INLINE void multiply_block(const __m256i *q, int n_halves, const struct block_tokens *tokens,
                           size_t n_quads, int run, __m256i sums[BLOCK_TOKENS][2])
{
    const __m256i ones = _mm256_set1_epi16(1);
    const size_t step = run ? (size_t)run : 1;
#pragma GCC unroll 8
    for (size_t first = 0; first < n_quads; first += step) {
        __m256i words[BLOCK_TOKENS][2];
#pragma GCC unroll 8
        for (size_t i = first; i < first + step; i++)
            multiply_quad(q + i * (size_t)n_halves, n_halves, tokens, i, run == 0, i > first,
                          words);
#pragma GCC unroll 4
        for (int t = 0; t < tokens->n; t++)
#pragma GCC unroll 2
            for (int h = 0; h < n_halves; h++) {
                __m256i wide = _mm256_madd_epi16(words[t][h], ones);
                sums[t][h] = first ? _mm256_add_epi32(sums[t][h], wide) : wide;
            }
    }
}

/* Adds the product of block b of a group, 16 or 32 columns, to the sums of a token with half of the
 * rows. */
INLINE __m256 add_block(__m256 total, __m256i product, const struct panel *panel, size_t half,
                        const struct panel_format *format, const struct act_group *act, size_t b,
                        const struct block_kind *kind)
{
    __m256 dot = _mm256_cvtepi32_ps(product);
    __m256 scale = _mm256_load_ps(panel->scale[b] + HALF_LANES * half);
    const float *sum = kind->sixteens ? &act->sums[b] : &act->block_sums[b];
    if (kind->run && !kind->mins)
        dot = _mm256_fnmadd_ps(_mm256_set1_ps(format->bias), _mm256_broadcast_ss(sum), dot);
    scale = _mm256_mul_ps(scale, _mm256_broadcast_ss(&act->steps[kind->sixteens ? b : 2 * b]));
    total = _mm256_fmadd_ps(dot, scale, total);
    if (kind->mins)
        total = _mm256_fnmadd_ps(_mm256_load_ps(panel->min[b] + HALF_LANES * half),
                                 _mm256_broadcast_ss(&act->values[b]), total);
    return total;
}

#endif
#endif
