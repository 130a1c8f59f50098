/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_part_amx.h - attention of a generated token on tiles: what its two files share.
 *
 * Four heads meet a block of keys: products with the tiles of keys, scores, weights, and sums of
 * the tiles of values.  Thread: any; tiles are the calling thread's. */
#ifndef CPU_CPU_PART_AMX_H
#define CPU_CPU_PART_AMX_H

#if defined(__x86_64__)
#include "cpu/cpu_amx.h"
#include "cpu/cpu_ops.h"

#define HEADS       4
#define COLUMNS     (2 * HEADS) /* of queries: the high parts, then the low ones */
#define BLOCK_KEYS  128
#define BLOCK_PAGES (BLOCK_KEYS / ATTEND_ROWS)
#define STEP        ((size_t)32) /* elements of a row of a tile of keys, and of a block of Q8_0 */
#define STEPS       (PART_DIM / STEP)
#define Q8_BYTES    34
#define Q8_HIGH     128 /* what the high part of an 8-bit query counts */

/* What a thread needs for it. */
struct part_room {
    _Alignas(64) uint32_t q[STEPS][16][COLUMNS]; /* tiles of turned queries */
    _Alignas(64) uint32_t products[BLOCK_PAGES][STEPS][ATTEND_ROWS][COLUMNS];
    _Alignas(64) float weights[HEADS][BLOCK_PAGES][ATTEND_ROWS]; /* scores at first */
    _Alignas(64) float out[STEPS][HEADS][4][16];                 /* sums */
    float max[HEADS], sum[HEADS], factor[HEADS];
};

/* Four heads, or those that are left, and a block. */
struct fours {
    const struct part_job *job;
    struct part_room *room;
    int head, n_heads;
    size_t n_steps;        /* of a row */
    size_t share;          /* bytes of a page's keys or values: there are two for each step */
    int key0, first, last; /* a block, and its pages of which keys are seen */
};

/* Returns where the keys of a page of the block, or of one behind it, lie.  Borrowed: from f. */
INLINE const uint8_t *page_at(const struct fours *f, int page)
{
    const struct part_job *job = f->job;
    return job->keys + job->page_ids[f->key0 / ATTEND_ROWS + page] * job->page_bytes;
}

/* Returns the keys of a page that are seen. */
INLINE __mmask16 seen_of(const struct fours *f, int page)
{
    int key = f->key0 + page * ATTEND_ROWS, skip = f->job->begin - key, n = f->job->end - key;
    unsigned from = skip > 0 ? 0xffffu << skip : 0xffffu;
    return (__mmask16)(n < ATTEND_ROWS ? from & ((1u << n) - 1) : from);
}

/* Asks for share i of a page's keys or values, if it is one of the part: little by little, so that
 * loads of what is computed with find room beside them. */
INLINE void fetch(const struct fours *f, int page, size_t at, size_t i)
{
    if (f->key0 + page * ATTEND_ROWS >= f->job->end)
        return;
    const char *rows = (const char *)page_at(f, page) + at + i * f->share;
    for (size_t k = 0; k < f->share; k += 64)
        _mm_prefetch(rows + k, _MM_HINT_T0);
}

/* Values of this block are fetched while keys are met, ... */
INLINE void fetch_values(const struct fours *f, int page, size_t i)
{
    fetch(f, page, f->job->values_at, i);
}

/* ... and keys of the next block behind that. */
INLINE void fetch_keys(const struct fours *f, int page, size_t i)
{
    fetch(f, page + BLOCK_PAGES, 0, i);
}

/* The parts that differ for keys and values in blocks of 8 bits, and that need tile registers as
 * they please. */

/* Fills factor and column h of q from the head's query: [dim]; parts: see start(). */
float part_q8_step(const float *q, int n, float *per_step);
void part_q8_split(const float *q, float per_step, __m512i parts[2]);

/* Fills products[page][0] with sums as float, keys scaled. */
void part_q8_multiply(const struct fours *f);

/* Adds the weighted values of a block to out. */
void part_q8_add(const struct fours *f);

/* Puts the sums of a head in order: out: [dim]. */
void part_q8_order(const struct fours *f, int head, float *out);

#endif
#endif
