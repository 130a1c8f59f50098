/* SPDX-License-Identifier: Apache-2.0 */
/* expert_cache.h - the experts of a mixture that does not fit in memory, read when a token
 * chooses them.
 *
 * Memory of a fixed size holds whole experts; those that were not used for the longest time make
 * room.  A layer's step is
 *
 *     n_asked = 0
 *     for each active expert i, in ascending order:
 *         n_asked += expert_cache_ask(cache, layer, ids + n_asked, n - n_asked)
 *         ffn = expert_cache_wait(cache, layer, ids[i], err)
 *         ... compute with ffn, and with those after it which are ready ...
 *         expert_cache_release(cache, layer, ids[i])
 *
 * so that the disk reads the next experts while one is computed with, also where a step chooses
 * more than the cache holds.  Nothing is allocated after opening.
 * Thread: one thread at a time. */
#ifndef MODEL_EXPERT_CACHE_H
#define MODEL_EXPERT_CACHE_H

#include <stdint.h>

#include "base/err.h"
#include "model/checkpoint.h"

struct adapter;
struct expert_cache;

/* What a cache would be for a checkpoint. */
struct expert_sizes {
    uint64_t n_experts;  /* in all layers */
    uint64_t n_bytes;    /* of their tensors */
    uint64_t slot_bytes; /* memory for one of them */
    uint64_t min_bytes;  /* the smallest cache */
    uint64_t max_bytes;  /* with all of them, more would stay unused */
};

struct expert_cache_stats {
    uint64_t n_slots;      /* experts that there is room for */
    uint64_t hits, misses; /* experts asked for that were there, and that were not */
    uint64_t n_read;       /* bytes */
    double read_s;         /* seconds in which the disk was reading */
    double wait_s;         /* of them, those in which the caller waited for it */
};

/* Returns the sizes, all 0 for a model without experts. */
struct expert_sizes expert_cache_sizes(const struct checkpoint *ckpt);

/* Makes an empty cache of at most n_bytes, which outlives neither ckpt nor adapters, what the
 * experts are changed by, adopted by the backend, or NULL.
 * Owned: expert_cache_close().
 * Errors: ERR_ARG for a model without experts or less than min_bytes, ERR_LIMIT, and those of
 * opening its files again. */
struct expert_cache *expert_cache_open(const struct checkpoint *ckpt,
                                       const struct adapter *adapters, uint64_t n_bytes,
                                       struct err *err) CHECKED;
void expert_cache_close(struct expert_cache *cache);

/* Asks for experts ids [n] of a layer, in the order in which they will be waited for; each once.
 * Returns how many from the first are there or on their way; as many as there is room for, at
 * least one unless n is 0 or all room is taken by others that were not released yet. */
int expert_cache_ask(struct expert_cache *cache, uint32_t layer, const int32_t *ids, int n) CHECKED;

/* Waits for an expert that was asked for.  Its matrices are as in the checkpoint, with data in
 * the cache.  After a failure nothing is asked for any more.
 * Borrowed: until expert_cache_release().
 * Errors: ERR_IO naming layer, expert and file; the next try may succeed. */
const struct ffn_tensors *expert_cache_wait(struct expert_cache *cache, uint32_t layer, int32_t id,
                                            struct err *err) CHECKED;

/* Says whether expert_cache_wait() for an expert that was asked for would return at once. */
bool expert_cache_is_ready(const struct expert_cache *cache, uint32_t layer, int32_t id);

/* Says that an expert which was waited for may make room for others. */
void expert_cache_release(struct expert_cache *cache, uint32_t layer, int32_t id);

/* Returns what was done since the cache opened. */
struct expert_cache_stats expert_cache_stats(const struct expert_cache *cache);

/* Reads all that every token needs and keeps it in memory, as far as the system allows.
 * Returns the bytes that it does not. */
uint64_t expert_cache_pin_rest(const struct checkpoint *ckpt);

#endif
