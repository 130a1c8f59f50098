/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"

TEST(arena, objects_are_zeroed_aligned_and_apart)
{
    struct arena arena = {0};
    struct err err = {0};
    char *last = NULL;
    for (size_t i = 1; i < 3000; i++) {
        char *p = arena_new(&arena, i, 1, &err);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t j = 0; j < i; j++)
            assert_int_equal(p[j], 0);
        memset(p, 0xff, i);
        for (size_t j = 0; j + 1 < i; j++)
            assert_int_equal(last[j], (char)0xff);
        last = p;
    }
    arena_free(&arena);
    assert_null(arena.blocks);
}

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
TEST(arena, red_zones_lie_behind_every_object)
{
    struct arena arena = {0};
    struct err err = {0};
    for (size_t i = 1; i < 100; i++) {
        char *p = arena_new(&arena, i, 1, &err);
        assert_null(__asan_region_is_poisoned(p, i));
        assert_true(__asan_address_is_poisoned(p + i));
        assert_true(__asan_address_is_poisoned(p + i + 16));
    }
    char *p = arena_new(&arena, 1, 1, &err);
    arena_reset(&arena);
    assert_true(__asan_address_is_poisoned(p));
    arena_free(&arena);
}
#endif

TEST(arena, reset_forgets_and_reuses)
{
    struct arena arena = {0};
    struct err err = {0};
    char *a = arena_new(&arena, 10, 10, &err);
    memset(a, 1, 100);
    assert_int_equal(arena.n_bytes, 100);
    arena_reset(&arena);
    assert_int_equal(arena.n_bytes, 0);
    char *b = arena_new(&arena, 10, 10, &err);
    assert_ptr_equal(a, b);
    assert_int_equal(b[99], 0);
    arena_free(&arena);
    arena_reset(&arena);
}

TEST(arena, impossible_sizes_and_short_memory_are_errors)
{
    struct arena arena = {0};
    struct err err = {0};
    assert_null(arena_new(&arena, SIZE_MAX / 8, 16, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_null(arena_new(&arena, SIZE_MAX - 50, 1, &err));
    assert_null(arena_string(&arena, "", SIZE_MAX, &err));
    mem_fail_after(0);
    void *p = arena_new(&arena, 1, 1, &err);
    mem_fail_never();
    assert_null(p);
    assert_string_equal(arena_string(&arena, "mistral", 3, &err), "mis");
    arena_free(&arena);
}
