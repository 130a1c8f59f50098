/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_part.h - attention of a generated token over part of its keys, on vectors: what the
 * instruction sets share.
 *
 * Keys come in blocks at fixed positions.  Up to four heads meet a block at a time: scores of whole
 * pages, weights, and sums of the values that are seen.  Thread: any. */
#ifndef CPU_CPU_PART_H
#define CPU_CPU_PART_H

#include "cpu/cpu_int.h"

#define HEADS      4 /* that meet a block at a time, at most */
#define BLOCK_KEYS 64
#define Q8_COLS    32 /* of a block of Q8_0 */
#define Q8_BYTES   34
#define Q8_BLOCKS  (PART_DIM / Q8_COLS)
#define Q8_STEPS   256 /* 127 times that is less than 16 bits hold */

/* A block of keys, and which heads meet it. */
struct part_block {
    const struct part_job *job;
    size_t row_bytes;
    int key0;     /* its first key */
    int from, to; /* those of it that are seen */
    int head, n_heads;
};

/* Starts before the first block of a part. */
static inline struct part_block part_first(const struct part_job *job)
{
    return (struct part_block){.job = job,
                               .row_bytes = dtype_bytes(job->dtype, job->dim),
                               .key0 = job->begin / BLOCK_KEYS * BLOCK_KEYS};
}

/* Finds the keys that are seen; false behind the last block. */
static inline bool part_seen(struct part_block *b)
{
    int end = b->job->end - b->key0;
    b->from = b->key0 < b->job->begin ? b->job->begin - b->key0 : 0;
    b->to = end < BLOCK_KEYS ? end : BLOCK_KEYS;
    return end > 0;
}

/* The keys of the pages of which some are seen. */
static inline int part_begin(const struct part_block *b)
{
    return b->from / ATTEND_ROWS * ATTEND_ROWS;
}

static inline int part_end(const struct part_block *b)
{
    return (b->to + ATTEND_ROWS - 1) / ATTEND_ROWS * ATTEND_ROWS;
}

/* The next heads: four, or two, or one.  False after the last. */
static inline bool part_heads(struct part_block *b)
{
    int left = b->job->n_heads - b->head;
    b->n_heads = left >= HEADS ? HEADS : left >= 2 ? 2 : left;
    return left > 0;
}

/* Returns where the keys of the page that a key of the block, or of one behind it, is in lie.
 * Borrowed: from the job. */
static inline const uint8_t *part_page(const struct part_block *b, int key)
{
    const struct part_job *job = b->job;
    return job->keys + job->page_ids[(b->key0 + key) / ATTEND_ROWS] * job->page_bytes;
}

/* Asks for share i of n of a page's keys or values, if it is one of the part: little by little, so
 * that loads of what is computed with find room beside them.  The first heads do so for all. */
static inline void part_fetch(const struct part_block *b, int key, size_t at, size_t i, size_t n)
{
    if (b->head > 0 || b->key0 + key >= b->job->end)
        return;
    size_t share = ATTEND_ROWS * b->row_bytes / n;
    cpu_prefetch(part_page(b, key) + at + i * share, share);
}

/* Values of a block are fetched while its keys are met, ... */
static inline void part_fetch_values(const struct part_block *b, int key, size_t i, size_t n)
{
    part_fetch(b, key, b->job->values_at, i, n);
}

/* ... and keys of the next block behind that. */
static inline void part_fetch_keys(const struct part_block *b, int key, size_t i, size_t n)
{
    part_fetch(b, key + BLOCK_KEYS, 0, i, n);
}

#endif
