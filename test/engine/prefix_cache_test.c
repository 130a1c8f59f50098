/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/prefix_cache.h"

#include "cpu/cpu_backend.h"
#include "engine/kv_pool.h"
#include "engine/sequence.h"
#include "test.h"

enum { PAGE = BACKEND_PAGE_TOKENS, N_PAGES = 6 };

struct rig {
    struct backend *backend;
    struct kv_pool pool;
    struct prefix_cache *cache;
};

static void open_rig(struct rig *rig)
{
    struct err err = {0};
    *rig = (struct rig){.backend = cpu_backend_open(&(struct cpu_options){.n_threads = 1}, &err)};
    assert_non_null(rig->backend);
    assert_true(kv_pool_init(&rig->pool, rig->backend, N_PAGES, 64, &err));
    rig->cache = prefix_cache_open(&rig->pool, &err);
    assert_non_null(rig->cache);
}

static void close_rig(struct rig *rig)
{
    prefix_cache_close(rig->cache);
    assert_int_equal(rig->pool.n_free, N_PAGES);
    kv_pool_free(&rig->pool);
    rig->backend->close(rig->backend);
}

/* Tokens of n pages; those of two lists differ from page `from` on. */
static void fill(int32_t *ids, int n, int from, int32_t mark)
{
    for (int i = 0; i < n * PAGE; i++)
        ids[i] = i + (i / PAGE >= from ? mark : 0);
}

/* Computes, as it were, n pages and hands them to the cache. */
static void keep(struct rig *rig, uint64_t space, const int32_t *ids, int n)
{
    struct err err = {0};
    struct sequence seq;
    struct prefix_place place;
    assert_true(sequence_init(&seq, &rig->pool, N_PAGES * PAGE, &err));
    uint32_t n_shared = prefix_cache_share(rig->cache, space, ids, (size_t)n * PAGE, &seq, &place);
    assert_true(sequence_hold(&seq, (uint32_t)n * PAGE, &err));
    for (uint32_t i = n_shared; i < (uint32_t)n; i++)
        prefix_cache_add(rig->cache, space, &place, ids + i * PAGE, seq.page_ids[i]);
    sequence_free(&seq);
}

TEST(prefix_cache, finds_what_begins_alike_in_one_space)
{
    struct rig rig;
    int32_t a[3 * PAGE], b[3 * PAGE];
    open_rig(&rig);
    fill(a, 3, 3, 0);
    fill(b, 3, 2, 1000);
    keep(&rig, 7, a, 3);
    assert_int_equal(prefix_cache_pages(rig.cache), 3);
    assert_int_equal(prefix_cache_count(rig.cache, 7, a, 3 * PAGE), 3);
    assert_int_equal(prefix_cache_count(rig.cache, 7, a, 3 * PAGE - 1), 2);
    assert_int_equal(prefix_cache_count(rig.cache, 7, b, 3 * PAGE), 2);
    assert_int_equal(prefix_cache_count(rig.cache, 8, a, 3 * PAGE), 0);
    assert_int_equal(prefix_cache_count(rig.cache, 7, a + PAGE, 2 * PAGE), 0); /* not the start */
    keep(&rig, 7, b, 3);
    assert_int_equal(prefix_cache_pages(rig.cache), 4); /* two of five are shared */
    assert_int_equal(rig.pool.n_free, N_PAGES - 4);
    close_rig(&rig);
}

TEST(prefix_cache, gives_back_what_was_not_used_for_longest_ends_first)
{
    struct rig rig;
    int32_t a[3 * PAGE], b[2 * PAGE];
    open_rig(&rig);
    fill(a, 3, 3, 0);
    fill(b, 2, 0, 5000);
    keep(&rig, 0, a, 3);
    keep(&rig, 0, b, 2);
    assert_true(prefix_cache_evict(rig.cache));
    assert_int_equal(prefix_cache_count(rig.cache, 0, a, 3 * PAGE), 2);
    assert_int_equal(prefix_cache_count(rig.cache, 0, b, 2 * PAGE), 2);
    keep(&rig, 0, a, 2); /* used again */
    assert_true(prefix_cache_evict(rig.cache));
    assert_int_equal(prefix_cache_count(rig.cache, 0, b, 2 * PAGE), 1);
    for (int i = 0; i < 3; i++)
        assert_true(prefix_cache_evict(rig.cache));
    assert_false(prefix_cache_evict(rig.cache));
    close_rig(&rig);
}

TEST(prefix_cache, keeps_pages_that_a_sequence_shares)
{
    struct err err = {0};
    struct rig rig;
    struct sequence seq;
    struct prefix_place place;
    int32_t a[2 * PAGE];
    open_rig(&rig);
    fill(a, 2, 2, 0);
    keep(&rig, 0, a, 2);
    assert_true(sequence_init(&seq, &rig.pool, 2 * PAGE, &err));
    assert_int_equal(prefix_cache_share(rig.cache, 0, a, PAGE, &seq, &place), 1);
    assert_true(prefix_cache_evict(rig.cache)); /* the second */
    assert_false(prefix_cache_evict(rig.cache));
    sequence_free(&seq);
    assert_true(prefix_cache_evict(rig.cache));
    close_rig(&rig);
}

TEST(prefix_cache, adds_nothing_behind_a_page_that_is_gone)
{
    struct err err = {0};
    struct rig rig;
    struct prefix_place place = {0};
    int32_t a[2 * PAGE];
    uint32_t page[2];
    open_rig(&rig);
    fill(a, 2, 2, 0);
    for (int i = 0; i < 2; i++)
        assert_true(kv_pool_take(&rig.pool, &page[i], &err));
    prefix_cache_add(rig.cache, 0, &place, a, page[0]);
    kv_pool_unref(&rig.pool, page[0]);
    assert_true(prefix_cache_evict(rig.cache));
    prefix_cache_add(rig.cache, 0, &place, a + PAGE, page[1]);
    assert_true(place.lost);
    assert_int_equal(prefix_cache_pages(rig.cache), 0);
    kv_pool_unref(&rig.pool, page[1]);
    close_rig(&rig);
}
