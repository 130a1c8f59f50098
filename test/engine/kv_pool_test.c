/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kv_pool.h"

#include "base/mem.h"
#include "tensor/backend.h"
#include "test.h"

static void *host_alloc(struct backend *b, size_t n_bytes, struct err *err)
{
    (void)b;
    return mem_map(n_bytes, err);
}

static void host_release(struct backend *b, void *p, size_t n_bytes)
{
    (void)b;
    mem_unmap(p, n_bytes);
}

static struct backend host = {.name = "host", .alloc = host_alloc, .release = host_release};

TEST(kv_pool, shared_page_is_freed_by_the_last_owner)
{
    struct kv_pool pool;
    struct err err = {0};
    uint32_t id;
    assert_true(kv_pool_init(&pool, &host, 1, 4096, &err));
    assert_true(kv_pool_take(&pool, &id, &err));
    kv_pool_ref(&pool, id);
    kv_pool_unref(&pool, id);
    assert_false(kv_pool_take(&pool, &id, &err));
    assert_int_equal(err.code, ERR_BUSY);
    kv_pool_unref(&pool, id);
    assert_true(kv_pool_take(&pool, &id, &err));
    kv_pool_free(&pool);
}

TEST(kv_pool, every_page_is_given_once)
{
    enum { N = 100 };
    struct kv_pool pool;
    struct err err = {0};
    bool given[N] = {false};
    assert_true(kv_pool_init(&pool, &host, N, 64, &err));
    mem_forbid(true);
    for (uint32_t i = 0; i < N; i++) {
        uint32_t id = N;
        assert_true(kv_pool_take(&pool, &id, &err));
        assert_int_equal(id, i); /* the lowest first */
        assert_false(given[id]);
        given[id] = true;
    }
    mem_forbid(false);
    assert_int_equal(pool.n_free, 0);
    ((char *)pool.data)[N * 64 - 1] = 1;
    for (uint32_t i = 0; i < N; i++)
        kv_pool_unref(&pool, i);
    assert_int_equal(pool.n_free, N);
    kv_pool_free(&pool);
}

TEST(kv_pool, impossible_sizes_and_missing_memory_are_errors)
{
    struct kv_pool pool;
    struct err err = {0};
    assert_false(kv_pool_init(&pool, &host, 0, 64, &err));
    assert_int_equal(err.code, ERR_ARG);
    kv_pool_free(&pool);
    assert_false(kv_pool_init(&pool, &host, 8, SIZE_MAX / 4, &err));
    assert_int_equal(err.code, ERR_ARG);
    kv_pool_free(&pool);
    for (size_t n = 0; n < 3; n++) {
        mem_fail_after(n);
        assert_false(kv_pool_init(&pool, &host, 8, 64, &err));
        mem_fail_never();
        assert_int_equal(err.code, ERR_LIMIT);
        kv_pool_free(&pool);
    }
}
