/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kv_pool.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tensor/backend.h"

bool kv_pool_init(struct kv_pool *pool, struct backend *backend, uint32_t n_pages,
                  size_t page_bytes, struct err *err)
{
    *pool = (struct kv_pool){.backend = backend, .page_bytes = page_bytes};
    size_t n_bytes;
    if (!n_pages || !page_bytes || !size_mul(n_pages, page_bytes, &n_bytes))
        return err_set(err, ERR_ARG, "KV pool: %u pages of %zu bytes", n_pages, page_bytes);
    pool->n_refs = mem_new(n_pages, sizeof *pool->n_refs, err);
    if (!pool->n_refs)
        return false;
    pool->free_ids = mem_new(n_pages, sizeof *pool->free_ids, err);
    if (!pool->free_ids)
        return false;
    pool->data = backend->alloc(backend, n_bytes, err);
    if (!pool->data)
        return false;
    pool->n_pages = pool->n_free = n_pages;
    /* Lowest id on top: short sequences then touch little physical memory. */
    for (uint32_t i = 0; i < n_pages; i++)
        pool->free_ids[i] = n_pages - 1 - i;
    return true;
}

void kv_pool_free(struct kv_pool *pool)
{
    if (pool->data)
        pool->backend->release(pool->backend, pool->data, pool->n_pages * pool->page_bytes);
    free(pool->n_refs);
    free(pool->free_ids);
    *pool = (struct kv_pool){0};
}

bool kv_pool_take(struct kv_pool *pool, uint32_t *id, struct err *err)
{
    if (!pool->n_free)
        return err_set(err, ERR_BUSY, "all %u KV pages are in use", pool->n_pages);
    *id = pool->free_ids[--pool->n_free];
    assert(pool->n_refs[*id] == 0);
    pool->n_refs[*id] = 1;
    return true;
}

void kv_pool_ref(struct kv_pool *pool, uint32_t id)
{
    assert(id < pool->n_pages && pool->n_refs[id] > 0 && pool->n_refs[id] < UINT32_MAX);
    pool->n_refs[id]++;
}

void kv_pool_unref(struct kv_pool *pool, uint32_t id)
{
    assert(id < pool->n_pages && pool->n_refs[id] > 0);
    if (--pool->n_refs[id] == 0)
        pool->free_ids[pool->n_free++] = id;
}
