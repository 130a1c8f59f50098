/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_part.h - attention of a token over part of its keys, on vectors: what the
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

/* Returns the rows that are asked for while keys of a page are met: its values; while its values
 * are: keys of the next block.  Or NULL: the first heads ask for all.  Borrowed: from the job. */
static inline const uint8_t *part_values_ahead(const struct part_block *b, int page)
{
    return b->head > 0 ? NULL : part_page(b, page) + b->job->values_at;
}

static inline const uint8_t *part_keys_ahead(const struct part_block *b, int page)
{
    int key = page + BLOCK_KEYS;
    return b->head > 0 || b->key0 + key >= b->job->end ? NULL : part_page(b, key);
}

/* Asks for share i of n of a page's rows: little by little, so that loads of what is computed with
 * find room beside them. */
__attribute__((always_inline)) static inline void part_fetch(const struct part_block *b,
                                                             const uint8_t *ahead, size_t i,
                                                             size_t n)
{
    size_t share = ATTEND_ROWS * b->row_bytes / n;
    if (ahead)
        cpu_prefetch(ahead + i * share, share);
}

#endif
