/* SPDX-License-Identifier: Apache-2.0 */
/* prefix_cache.h - pages of keys and values of prompts, kept for the next prompt that begins alike.
 *
 * A page is found by what it holds and all that stands before it: a keyed hash of the page before
 * and the tokens chooses the bucket, the tokens themselves are compared.  Only pages of one space
 * are found together, so that who has another key learns nothing from the time that an answer
 * takes. What was not used for longest goes first, the end of a prompt before its beginning.
 * Thread: one thread at a time. */
#ifndef ENGINE_PREFIX_CACHE_H
#define ENGINE_PREFIX_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct kv_pool;
struct prefix_cache;
struct sequence;

/* A place in the tree of prefixes: the page that was found or added last.  All zero is the start
 * of a prompt. */
struct prefix_place {
    uint64_t serial; /* of the entry; 0: the start */
    uint32_t entry;
    bool lost; /* the page before was dropped: nothing can be added behind it */
};

/* Holds at most as many pages as pool has.  The pool must outlive the cache.
 * Owned: prefix_cache_close(), which gives every page back.
 * Errors: ERR_LIMIT; as random_bytes() for the key. */
struct prefix_cache *prefix_cache_open(struct kv_pool *pool, struct err *err) CHECKED;
void prefix_cache_close(struct prefix_cache *cache);

/* Returns how many whole pages of ids, [n], are there; takes nothing. */
uint32_t prefix_cache_count(const struct prefix_cache *cache, uint64_t space, const int32_t *ids,
                            size_t n);

/* Lets an empty sequence share the whole pages of ids, [n], that are there, and sets *place behind
 * the last.  Returns how many pages. */
uint32_t prefix_cache_share(struct prefix_cache *cache, uint64_t space, const int32_t *ids,
                            size_t n, struct sequence *seq, struct prefix_place *place);

/* Keeps a page that holds ids, [BACKEND_PAGE_TOKENS], behind place, and moves place there.  What is
 * there already stays, and the page is not kept; so does nothing when place was lost. */
void prefix_cache_add(struct prefix_cache *cache, uint64_t space, struct prefix_place *place,
                      const int32_t *ids, uint32_t page_id);

/* Gives back the page that was not used for longest and that no sequence shares.  Returns false
 * when there is none. */
bool prefix_cache_evict(struct prefix_cache *cache);

/* Returns how many pages it keeps. */
uint32_t prefix_cache_pages(const struct prefix_cache *cache);

#endif
