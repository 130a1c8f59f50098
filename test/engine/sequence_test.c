/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sequence.h"

#include "base/mem.h"
#include "engine/kv_pool.h"
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

TEST(sequence, pages_are_taken_when_a_position_needs_them)
{
    struct kv_pool pool;
    struct sequence seq;
    struct err err = {0};
    assert_true(kv_pool_init(&pool, &host, 4, 64, &err));
    assert_true(sequence_init(&seq, &pool, 4 * BACKEND_PAGE_TOKENS, &err));
    mem_forbid(true);
    const struct {
        uint32_t n_positions, n_pages;
    } steps[] = {{1, 1}, {16, 1}, {17, 2}, {17, 2}, {3, 2}, {64, 4}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        assert_true(sequence_hold(&seq, steps[i].n_positions, &err));
        assert_int_equal(seq.n_pages, steps[i].n_pages);
        assert_int_equal(pool.n_free, 4 - steps[i].n_pages);
    }
    mem_forbid(false);
    assert_false(sequence_hold(&seq, 65, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    sequence_free(&seq);
    assert_int_equal(pool.n_free, 4);
    kv_pool_free(&pool);
}

TEST(sequence, forgotten_pages_serve_again)
{
    struct kv_pool pool;
    struct sequence seq;
    struct err err = {0};
    assert_true(kv_pool_init(&pool, &host, 2, 64, &err));
    assert_true(sequence_init(&seq, &pool, 1000, &err));
    assert_true(sequence_hold(&seq, 32, &err));
    assert_false(sequence_hold(&seq, 33, &err));
    assert_int_equal(err.code, ERR_BUSY);
    sequence_forget(&seq, 15); /* position 15 is still wanted */
    assert_int_equal(pool.n_free, 0);
    sequence_forget(&seq, 16);
    assert_int_equal(pool.n_free, 1);
    assert_true(sequence_hold(&seq, 48, &err));
    assert_int_equal(seq.page_ids[2], seq.page_ids[0]);
    sequence_forget(&seq, 1000);
    assert_int_equal(pool.n_free, 2);
    sequence_free(&seq);
    assert_int_equal(pool.n_free, 2);
    kv_pool_free(&pool);
}

TEST(sequence, a_cut_gives_back_what_lies_behind_it)
{
    struct kv_pool pool;
    struct sequence seq;
    struct err err = {0};
    assert_true(kv_pool_init(&pool, &host, 5, 64, &err));
    assert_true(sequence_init(&seq, &pool, 1000, &err));
    assert_true(sequence_hold(&seq, 80, &err));
    const struct {
        uint32_t n, n_pages;
    } cuts[] = {{80, 5}, {65, 5}, {64, 4}, {17, 2}, {16, 1}, {1, 1}, {0, 0}};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        sequence_cut(&seq, cuts[i].n);
        assert_int_equal(seq.n_pages, cuts[i].n_pages);
        assert_int_equal(pool.n_free, 5 - cuts[i].n_pages);
    }

    /* Where the first pages are forgotten, they stay so until the sequence begins again. */
    assert_true(sequence_hold(&seq, 80, &err));
    sequence_forget(&seq, 40);
    sequence_cut(&seq, 33);
    assert_int_equal(seq.n_pages, 3);
    assert_int_equal(pool.n_free, 4);
    sequence_cut(&seq, 32); /* with a window of 1 nothing before is seen */
    assert_int_equal(pool.n_free, 5);
    sequence_forget(&seq, 1000);
    sequence_cut(&seq, 0);
    assert_int_equal(pool.n_free, 5);
    assert_true(sequence_hold(&seq, 80, &err));
    assert_int_equal(pool.n_free, 0);
    sequence_free(&seq);
    assert_int_equal(pool.n_free, 5);
    kv_pool_free(&pool);
}

TEST(sequence, another_owner_keeps_its_pages)
{
    struct kv_pool pool;
    struct sequence seq;
    struct err err = {0};
    assert_true(kv_pool_init(&pool, &host, 2, 64, &err));
    assert_true(sequence_init(&seq, &pool, 32, &err));
    assert_true(sequence_hold(&seq, 32, &err));
    kv_pool_ref(&pool, seq.page_ids[0]);
    sequence_free(&seq);
    assert_int_equal(pool.n_free, 1);
    kv_pool_free(&pool);
}

TEST(sequence, missing_memory_is_an_error)
{
    struct kv_pool pool = {0};
    struct sequence seq;
    struct err err = {0};
    mem_fail_after(0);
    assert_false(sequence_init(&seq, &pool, 32, &err));
    mem_fail_never();
    assert_int_equal(err.code, ERR_LIMIT);
    sequence_free(&seq);
}
