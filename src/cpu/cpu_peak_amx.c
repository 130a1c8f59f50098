/* SPDX-License-Identifier: Apache-2.0 */
/* Products of tiles of 16 rows of 64 bytes: from registers alone, and two by two as a product of
 * matrices has them, the right side coming from L2. */
#if defined(__x86_64__)
#include "cpu/cpu_amx.h"
#include "cpu/cpu_peak_int.h"

enum {
    SUMS = 16,
    LANES = 16,
    TILE_BYTES = 1024,
    TILE_SUMS = 256,
    LEFT_BYTES = 16384 /* tiles of the left side, which stay in L1 */
};

#define PAIR_BYTES ((size_t)2 * TILE_BYTES) /* of two tiles */

static void begin_tiles(void)
{
    _tile_loadconfig(&whole_tiles);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

static double sum_f32(const float *sums)
{
    double all = 0;
    for (int i = 0; i < TILE_SUMS; i++)
        all += (double)sums[i];
    return all;
}

static double sum_int(const int32_t *sums)
{
    double all = 0;
    for (int i = 0; i < TILE_SUMS; i++)
        all += sums[i];
    return all;
}

/* Adds up the four tiles of sums and gives the registers back. */
static double end_tiles(enum cpu_peak_type type)
{
    union {
        float f32[4][TILE_SUMS];
        int32_t int32[4][TILE_SUMS];
    } sums;
    double all = 0;
    _tile_stored(0, sums.f32[0], ROW_BYTES);
    _tile_stored(1, sums.f32[1], ROW_BYTES);
    _tile_stored(2, sums.f32[2], ROW_BYTES);
    _tile_stored(3, sums.f32[3], ROW_BYTES);
    _tile_release();
    for (int i = 0; i < 4; i++)
        all += type == CPU_PEAK_INT8 ? sum_int(sums.int32[i]) : sum_f32(sums.f32[i]);
    return all;
}

static double run_bf16_dot(int n_rounds, const void *ones)
{
    __m512bh x = (__m512bh)_mm512_load_si512(ones);
    __m512 sums[SUMS];
    double all = 0;
    for (int i = 0; i < SUMS; i++)
        sums[i] = _mm512_setzero_ps();
    for (int k = 0; k < n_rounds; k++)
        for (int i = 0; i < SUMS; i++)
            sums[i] = _mm512_dpbf16_ps(sums[i], x, x);
    for (int i = 0; i < SUMS; i++)
        all += (double)_mm512_reduce_add_ps(sums[i]);
    return all;
}

static double run_bf16(int n_rounds, const void *ones)
{
    begin_tiles();
    _tile_loadd(4, ones, ROW_BYTES);
    _tile_loadd(5, ones, ROW_BYTES);
    for (int k = 0; k < n_rounds; k++) {
        _tile_dpbf16ps(0, 4, 5);
        _tile_dpbf16ps(1, 4, 5);
        _tile_dpbf16ps(2, 4, 5);
        _tile_dpbf16ps(3, 4, 5);
    }
    return end_tiles(CPU_PEAK_BF16);
}

static double run_int8(int n_rounds, const void *ones)
{
    begin_tiles();
    _tile_loadd(4, ones, ROW_BYTES);
    _tile_loadd(5, ones, ROW_BYTES);
    for (int k = 0; k < n_rounds; k++) {
        _tile_dpbssd(0, 4, 5);
        _tile_dpbssd(1, 4, 5);
        _tile_dpbssd(2, 4, 5);
        _tile_dpbssd(3, 4, 5);
    }
    return end_tiles(CPU_PEAK_INT8);
}

static double run_bf16_l2(int n_rounds, const void *ones)
{
    const uint8_t *left = ones, *right = left + LEFT_BYTES;
    size_t i = 0, j = 0;
    begin_tiles();
    for (int k = 0; k < n_rounds; k++) {
        _tile_loadd(6, right + j, ROW_BYTES);
        _tile_loadd(4, left + i, ROW_BYTES);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, right + j + TILE_BYTES, ROW_BYTES);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, left + i + TILE_BYTES, ROW_BYTES);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        i = (i + PAIR_BYTES) % LEFT_BYTES;
        j = (j + PAIR_BYTES) % (CPU_PEAK_BYTES - LEFT_BYTES);
    }
    return end_tiles(CPU_PEAK_BF16);
}

static double run_int8_l2(int n_rounds, const void *ones)
{
    const uint8_t *left = ones, *right = left + LEFT_BYTES;
    size_t i = 0, j = 0;
    begin_tiles();
    for (int k = 0; k < n_rounds; k++) {
        _tile_loadd(6, right + j, ROW_BYTES);
        _tile_loadd(4, left + i, ROW_BYTES);
        _tile_dpbssd(0, 4, 6);
        _tile_loadd(7, right + j + TILE_BYTES, ROW_BYTES);
        _tile_dpbssd(1, 4, 7);
        _tile_loadd(5, left + i + TILE_BYTES, ROW_BYTES);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
        i = (i + PAIR_BYTES) % LEFT_BYTES;
        j = (j + PAIR_BYTES) % (CPU_PEAK_BYTES - LEFT_BYTES);
    }
    return end_tiles(CPU_PEAK_INT8);
}

int cpu_peaks_amx(struct cpu_peak *peaks)
{
    const double bf16 = 4.0 * TILE_SUMS * 32, int8 = 4.0 * TILE_SUMS * 64;
    peaks[0] = (struct cpu_peak){"AVX-512 bf16", "avx512_bf16", CPU_PEAK_BF16, SUMS * LANES * 2,
                                 run_bf16_dot};
    peaks[1] = (struct cpu_peak){"AMX bf16", "amx_bf16", CPU_PEAK_BF16, bf16, run_bf16};
    peaks[2] = (struct cpu_peak){"AMX int8", "amx_int8", CPU_PEAK_INT8, int8, run_int8};
    peaks[3] =
        (struct cpu_peak){"AMX bf16 from L2", "amx_bf16_l2", CPU_PEAK_BF16, bf16, run_bf16_l2};
    peaks[4] =
        (struct cpu_peak){"AMX int8 from L2", "amx_int8_l2", CPU_PEAK_INT8, int8, run_int8_l2};
    return 5;
}

#endif
