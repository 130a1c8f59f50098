/* SPDX-License-Identifier: Apache-2.0 */
/* small_languages.h - languages over {a, b} cut to texts of at most 5 letters, as sets of bits.
 *
 * The oracle of the algebra: every operation is done text by text.  Text number i has the length
 * of the highest bit of i + 1, and its letters are the bits below. */
#ifndef SMALL_LANGUAGES_H
#define SMALL_LANGUAGES_H

#include <stdint.h>

#include "test.h"

enum { SMALL_LETTERS = 5, SMALL_TEXTS = 63 };

#define SMALL_ALL ((UINT64_C(1) << SMALL_TEXTS) - 1)

/* Writes text number i to s: [SMALL_LETTERS + 1].  Returns its length. */
static inline int small_text_of(int i, char *s)
{
    int n = 31 - __builtin_clz((unsigned)i + 1);
    for (int k = 0; k < n; k++)
        s[k] = (i + 1) >> (n - 1 - k) & 1 ? 'b' : 'a';
    s[n] = 0;
    return n;
}

/* The number of the two texts in a row, or -1 when that is too long. */
static inline int small_join(int i, int k)
{
    int n_k = 31 - __builtin_clz((unsigned)k + 1), n_i = 31 - __builtin_clz((unsigned)i + 1);
    if (n_i + n_k > SMALL_LETTERS)
        return -1;
    return (((i + 1) << n_k) | ((k + 1) & ((1 << n_k) - 1))) - 1;
}

static inline uint64_t small_cat(uint64_t a, uint64_t b)
{
    uint64_t all = 0;
    for (int i = 0; i < SMALL_TEXTS; i++)
        for (int k = 0; a >> i & 1 && k < SMALL_TEXTS; k++) {
            int text = b >> k & 1 ? small_join(i, k) : -1;
            all |= text < 0 ? 0 : UINT64_C(1) << text;
        }
    return all;
}

static inline uint64_t small_repeat(uint64_t a, uint32_t lo, uint32_t hi)
{
    uint64_t all = lo ? 0 : 1, power = 1;
    /* Beyond 5 + lo times nothing short is new. */
    for (uint32_t n = 1; n <= hi && n <= lo + SMALL_LETTERS + 1; n++) {
        power = small_cat(power, a);
        all |= n >= lo ? power : 0;
    }
    return all;
}

#endif
