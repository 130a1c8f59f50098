/* SPDX-License-Identifier: Apache-2.0 */
/* kv_pool.h - fixed-size pages of keys and values in backend memory, shared by
 * reference count.
 *
 * A page may only be written while its count is 1.
 * Thread: one thread at a time. */
#ifndef ENGINE_KV_POOL_H
#define ENGINE_KV_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct backend;

/* All zero is an empty pool, which can be freed. */
struct kv_pool {
    struct backend *backend;
    void *data;         /* device, [n_pages] pages; layout: tensor/backend.h, struct kv_view */
    uint32_t *n_refs;   /* [n_pages], 0 = free */
    uint32_t *free_ids; /* [n_pages] stack, n_free used */
    uint32_t n_pages, n_free;
    size_t page_bytes;
};

/* Reserves n_pages pages of page_bytes each; the backend must outlive the pool.
 * Owned: kv_pool_free(), also after a failure.
 * Errors: ERR_ARG for an impossible size, ERR_LIMIT when memory is short. */
bool kv_pool_init(struct kv_pool *pool, struct backend *backend, uint32_t n_pages,
                  size_t page_bytes, struct err *err) CHECKED;
void kv_pool_free(struct kv_pool *pool);

/* Takes a free page with count 1 and stores its id in *id.  Its content is undefined.
 * Errors: ERR_BUSY when every page is in use. */
bool kv_pool_take(struct kv_pool *pool, uint32_t *id, struct err *err) CHECKED;

/* Adds or drops one reference; the last drop frees the page. */
void kv_pool_ref(struct kv_pool *pool, uint32_t id);
void kv_pool_unref(struct kv_pool *pool, uint32_t id);

#endif
