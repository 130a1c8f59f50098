/* SPDX-License-Identifier: Apache-2.0 */
/* Products of E4M3 codes with few tokens, on AMX: codes become tiles two columns of tiles at a
 * time, which the first-level cache keeps, while the unit multiplies the two before. */
#if defined(__x86_64__)
#include <assert.h>

#include "cpu/cpu_amx.h"
#include "cpu/cpu_e4m3_avx512.h"

#define PAIR_COLS ((size_t)2 * TILE_COLS)
#define PAIR_ROWS ((size_t)2 * TILE_ROWS)

/* Of what is read behind the job, as much as a pair of columns of tiles is. */
struct ahead {
    const uint8_t *at; /* or NULL */
    size_t run;
};

/* [row of tiles][column of tiles]. */
INLINE void lay(uint16_t *w, const uint8_t *codes, size_t row_bytes, const struct ahead *ahead)
{
    const size_t piece = PAIR_ROWS / AHEAD_RUNS;
    for (size_t r = 0; r < PAIR_ROWS; r++, codes += row_bytes) {
        if (ahead->at)
            cpu_prefetch(ahead->at + r / piece * ahead->run + r % piece * PAIR_COLS, PAIR_COLS);
        e4m3_64(w + r / TILE_ROWS * 2 * TILE_INPUTS + r % TILE_ROWS * TILE_COLS, codes);
    }
}

/* One column of tiles; x1: of the second tile of tokens. */
#define PRODUCTS(w, x0, x1, two)                                                                   \
    do {                                                                                           \
        _tile_loadd(4, w, ROW_BYTES);                                                              \
        _tile_loadd(6, x0, ROW_BYTES);                                                             \
        _tile_dpbf16ps(0, 4, 6);                                                                   \
        _tile_loadd(5, (w) + 2 * TILE_INPUTS, ROW_BYTES);                                          \
        _tile_dpbf16ps(1, 5, 6);                                                                   \
        if (two) {                                                                                 \
            _tile_loadd(7, x1, ROW_BYTES);                                                         \
            _tile_dpbf16ps(2, 4, 7);                                                               \
            _tile_dpbf16ps(3, 5, 7);                                                               \
        }                                                                                          \
    } while (0)

INLINE void products(const struct tile_job *job, uint16_t *w, const uint8_t *codes,
                     size_t row_bytes, bool two)
{
    const size_t n = (size_t)job->n_col_tiles;
    const uint16_t *x0 = job->x, *x1 = x0 + n * TILE_INPUTS;
    struct ahead ahead = {job->ahead, n / 2 * PAIR_COLS * PAIR_ROWS / AHEAD_RUNS};
    lay(w, codes, row_bytes, &ahead);
    for (size_t i = 0; i < n; i += 2) {
        const uint16_t *now = w + i / 2 % 2 * TILE_E4M3 * TILE_INPUTS;
        if (ahead.at)
            ahead.at += PAIR_ROWS * PAIR_COLS / AHEAD_RUNS;
        if (i + 2 < n)
            lay(w + (i / 2 + 1) % 2 * TILE_E4M3 * TILE_INPUTS, codes + (i + 2) * TILE_COLS,
                row_bytes, &ahead);
        PRODUCTS(now, x0, x1, two);
        PRODUCTS(now + TILE_INPUTS, x0 + TILE_INPUTS, x1 + TILE_INPUTS, two);
        x0 += 2 * TILE_INPUTS;
        x1 += 2 * TILE_INPUTS;
    }
}

static void tile_e4m3_amx(const struct tile_job *job, uint16_t *w, const uint8_t *codes,
                          size_t row_bytes)
{
    float *y = job->y;
    bool two = job->n_tok_tiles == 2;
    assert(job->n_tok_tiles <= 2 && job->n_col_tiles % 2 == 0);
    _tile_loadconfig(&whole_tiles);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    if (job->add) {
        _tile_loadd(0, y, ROW_BYTES);
        _tile_loadd(1, y + TILE_SUMS, ROW_BYTES);
    }
    if (job->add && two) {
        _tile_loadd(2, y + 2 * TILE_SUMS, ROW_BYTES);
        _tile_loadd(3, y + 3 * TILE_SUMS, ROW_BYTES);
    }
    if (two)
        products(job, w, codes, row_bytes, true);
    else
        products(job, w, codes, row_bytes, false);
    _tile_stored(0, y, ROW_BYTES);
    _tile_stored(1, y + TILE_SUMS, ROW_BYTES);
    if (two) {
        _tile_stored(2, y + 2 * TILE_SUMS, ROW_BYTES);
        _tile_stored(3, y + 3 * TILE_SUMS, ROW_BYTES);
    }
    _tile_release();
}

void cpu_codes_amx(struct cpu_ops *ops)
{
    ops->tile_e4m3 = tile_e4m3_amx;
}

#endif
