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

/* The tokens that a block meets, from its first column on. */
struct block_tokens {
    const int8_t *act;
    size_t act_bytes; /* from one token to the next */
    int n;
};

/* What a token has in four columns. */
INLINE __m256i four_columns(const struct block_tokens *tokens, int t, size_t quad)
{
    int32_t four;
    memcpy(&four, tokens->act + (size_t)t * tokens->act_bytes + 4 * quad, sizeof four);
    return _mm256_set1_epi32(four);
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

#endif
#endif
