/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_amx.h - what the files that use AMX tiles share.  Thread: any; tiles are the calling thread's
 * from _tile_loadconfig() to _tile_release(). */
#ifndef CPU_CPU_AMX_H
#define CPU_CPU_AMX_H

#if defined(__x86_64__)
#include <immintrin.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

#define ROW_BYTES 64 /* of a whole tile */

/* Memory of ldtilecfg, for palette 1. */
struct tile_config {
    uint8_t palette, start_row, zeros[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

/* Eight tiles of 16 rows. */
static const struct tile_config whole_tiles = {
    .palette = 1,
    .row_bytes = {ROW_BYTES, ROW_BYTES, ROW_BYTES, ROW_BYTES, ROW_BYTES, ROW_BYTES, ROW_BYTES,
                  ROW_BYTES},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

/* Turns 16 rows of 16 words into columns. */
INLINE void turn(__m512i v[16])
{
    __m512i a[16];
    for (int i = 0; i < 16; i += 2) {
        a[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
        a[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
    }
    /* v[4i + j]: of rows 4i..4i+3, word j of each four. */
    for (int i = 0; i < 16; i += 4)
        for (int j = 0; j < 2; j++) {
            v[i + 2 * j] = _mm512_unpacklo_epi64(a[i + j], a[i + 2 + j]);
            v[i + 2 * j + 1] = _mm512_unpackhi_epi64(a[i + j], a[i + 2 + j]);
        }
    for (int j = 0; j < 4; j++) {
        __m512i low01 = _mm512_shuffle_i32x4(v[j], v[4 + j], 0x88);
        __m512i low23 = _mm512_shuffle_i32x4(v[8 + j], v[12 + j], 0x88);
        __m512i high01 = _mm512_shuffle_i32x4(v[j], v[4 + j], 0xdd);
        __m512i high23 = _mm512_shuffle_i32x4(v[8 + j], v[12 + j], 0xdd);
        a[j] = _mm512_shuffle_i32x4(low01, low23, 0x88);
        a[8 + j] = _mm512_shuffle_i32x4(low01, low23, 0xdd);
        a[4 + j] = _mm512_shuffle_i32x4(high01, high23, 0x88);
        a[12 + j] = _mm512_shuffle_i32x4(high01, high23, 0xdd);
    }
    for (int i = 0; i < 16; i++)
        v[i] = a[i];
}

#endif
#endif
