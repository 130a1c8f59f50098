/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/prefix_cache.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "engine/kv_pool.h"
#include "engine/sequence.h"
#include "tensor/backend.h"

#define NO_ENTRY UINT32_MAX

enum { PAGE = BACKEND_PAGE_TOKENS };

struct entry {
    uint64_t space, serial, before; /* before: serial of the page before, 0 for the first */
    int32_t ids[PAGE];
    uint32_t page_id, parent, n_children;
    uint32_t next;         /* in its bucket, or among the free */
    uint32_t older, newer; /* by last use */
};

struct prefix_cache {
    struct kv_pool *pool;
    struct entry *entries; /* [pool->n_pages] */
    uint32_t *buckets;     /* [n_buckets], a power of two */
    uint32_t n_buckets, n_used, free;
    uint32_t oldest, newest;
    uint64_t serial; /* the last that was given */
    uint64_t key[2];
};

static uint64_t rotate(uint64_t x, int n)
{
    return x << n | x >> (64 - n);
}

/* One round of SipHash (Aumasson, Bernstein 2012). */
static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* SipHash-2-4 of space, the serial before and the tokens, as words of 64 bits. */
static uint64_t hash(const struct prefix_cache *c, uint64_t space, uint64_t before,
                     const int32_t *ids)
{
    uint64_t words[2 + PAGE / 2 + 1] = {space, before};
    memcpy(words + 2, ids, PAGE * sizeof *ids);
    words[2 + PAGE / 2] = (uint64_t)(sizeof words - sizeof *words) << 56;
    uint64_t v[4] = {c->key[0] ^ 0x736f6d6570736575u, c->key[1] ^ 0x646f72616e646f6du,
                     c->key[0] ^ 0x6c7967656e657261u, c->key[1] ^ 0x7465646279746573u};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        v[3] ^= words[i];
        sip_round(v);
        sip_round(v);
        v[0] ^= words[i];
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint32_t *bucket_of(const struct prefix_cache *c, uint64_t space, uint64_t before,
                           const int32_t *ids)
{
    return &c->buckets[hash(c, space, before, ids) & (c->n_buckets - 1)];
}

struct prefix_cache *prefix_cache_open(struct kv_pool *pool, struct err *err)
{
    struct prefix_cache *c = mem_new(1, sizeof *c, err);
    if (!c)
        return NULL;
    c->pool = pool;
    c->n_buckets = 1;
    while (c->n_buckets < pool->n_pages)
        c->n_buckets *= 2;
    c->oldest = c->newest = NO_ENTRY;
    c->entries = mem_new(pool->n_pages, sizeof *c->entries, err);
    if (!c->entries)
        goto fail;
    c->buckets = mem_new(c->n_buckets, sizeof *c->buckets, err);
    if (!c->buckets)
        goto fail;
    if (!random_bytes(c->key, sizeof c->key, err))
        goto fail;
    for (uint32_t i = 0; i < c->n_buckets; i++)
        c->buckets[i] = NO_ENTRY;
    for (uint32_t i = 0; i < pool->n_pages; i++)
        c->entries[i].next = i + 1 < pool->n_pages ? i + 1 : NO_ENTRY;
    return c;
fail:
    prefix_cache_close(c);
    return NULL;
}

void prefix_cache_close(struct prefix_cache *cache)
{
    if (!cache)
        return;
    if (cache->entries && cache->buckets)
        for (uint32_t i = cache->newest; i != NO_ENTRY; i = cache->entries[i].older)
            kv_pool_unref(cache->pool, cache->entries[i].page_id);
    free(cache->entries);
    free(cache->buckets);
    free(cache);
}

static void unlink_use(struct prefix_cache *c, uint32_t i)
{
    const struct entry *e = &c->entries[i];
    *(e->older == NO_ENTRY ? &c->oldest : &c->entries[e->older].newer) = e->newer;
    *(e->newer == NO_ENTRY ? &c->newest : &c->entries[e->newer].older) = e->older;
}

static void link_newest(struct prefix_cache *c, uint32_t i)
{
    struct entry *e = &c->entries[i];
    e->older = c->newest;
    e->newer = NO_ENTRY;
    *(c->newest == NO_ENTRY ? &c->oldest : &c->entries[c->newest].newer) = i;
    c->newest = i;
}

/* Marks the page and those before it as used, the first last: it shall stay longest. */
static void use(struct prefix_cache *c, uint32_t i)
{
    for (; i != NO_ENTRY; i = c->entries[i].parent) {
        unlink_use(c, i);
        link_newest(c, i);
    }
}

static uint32_t find(const struct prefix_cache *c, uint64_t space, uint64_t before,
                     const int32_t *ids)
{
    uint32_t i = *bucket_of(c, space, before, ids);
    for (; i != NO_ENTRY; i = c->entries[i].next) {
        const struct entry *e = &c->entries[i];
        if (e->space == space && e->before == before && memcmp(e->ids, ids, sizeof e->ids) == 0)
            break;
    }
    return i;
}

uint32_t prefix_cache_count(const struct prefix_cache *cache, uint64_t space, const int32_t *ids,
                            size_t n)
{
    uint32_t n_pages = 0;
    for (uint64_t before = 0; n >= PAGE; n -= PAGE, ids += PAGE, n_pages++) {
        uint32_t i = find(cache, space, before, ids);
        if (i == NO_ENTRY)
            break;
        before = cache->entries[i].serial;
    }
    return n_pages;
}

uint32_t prefix_cache_share(struct prefix_cache *cache, uint64_t space, const int32_t *ids,
                            size_t n, struct sequence *seq, struct prefix_place *place)
{
    *place = (struct prefix_place){.entry = NO_ENTRY};
    uint32_t n_pages = 0;
    for (; n >= PAGE; n -= PAGE, ids += PAGE, n_pages++) {
        uint32_t i = find(cache, space, place->serial, ids);
        if (i == NO_ENTRY)
            break;
        sequence_share(seq, cache->entries[i].page_id);
        *place = (struct prefix_place){.serial = cache->entries[i].serial, .entry = i};
    }
    use(cache, place->entry);
    return n_pages;
}

void prefix_cache_add(struct prefix_cache *cache, uint64_t space, struct prefix_place *place,
                      const int32_t *ids, uint32_t page_id)
{
    if (!place->serial)
        place->entry = NO_ENTRY;
    else if (cache->entries[place->entry].serial != place->serial)
        place->lost = true;
    if (place->lost)
        return;
    uint32_t i = find(cache, space, place->serial, ids);
    if (i == NO_ENTRY) {
        i = cache->free; /* each entry has a page of its own, so there are enough */
        assert(i != NO_ENTRY);
        struct entry *e = &cache->entries[i];
        cache->free = e->next;
        uint32_t *bucket = bucket_of(cache, space, place->serial, ids);
        *e = (struct entry){.space = space,
                            .serial = ++cache->serial,
                            .before = place->serial,
                            .page_id = page_id,
                            .parent = place->entry,
                            .next = *bucket};
        memcpy(e->ids, ids, sizeof e->ids);
        *bucket = i;
        kv_pool_ref(cache->pool, page_id);
        if (e->parent != NO_ENTRY)
            cache->entries[e->parent].n_children++;
        link_newest(cache, i);
        cache->n_used++;
    }
    use(cache, i);
    *place = (struct prefix_place){.serial = cache->entries[i].serial, .entry = i};
}

static void drop(struct prefix_cache *c, uint32_t i)
{
    struct entry *e = &c->entries[i];
    uint32_t *at = bucket_of(c, e->space, e->before, e->ids);
    while (*at != i)
        at = &c->entries[*at].next;
    *at = e->next;
    unlink_use(c, i);
    if (e->parent != NO_ENTRY)
        c->entries[e->parent].n_children--;
    kv_pool_unref(c->pool, e->page_id);
    *e = (struct entry){.next = c->free};
    c->free = i;
    c->n_used--;
}

bool prefix_cache_evict(struct prefix_cache *cache)
{
    for (uint32_t i = cache->oldest; i != NO_ENTRY; i = cache->entries[i].newer) {
        const struct entry *e = &cache->entries[i];
        if (!e->n_children && cache->pool->n_refs[e->page_id] == 1) {
            drop(cache, i);
            return true;
        }
    }
    return false;
}

uint32_t prefix_cache_pages(const struct prefix_cache *cache)
{
    return cache->n_used;
}
