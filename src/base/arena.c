/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#if defined(__has_feature) /* clang says it this way, gcc the other */
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
enum { RED_ZONE = 32 }; /* so ASan sees overruns inside a block */
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
enum { RED_ZONE = 0 };
#define POISON(p, n)   ((void)0)
#define UNPOISON(p, n) ((void)0)
#endif

enum { ALIGN = 16, BLOCK_BYTES = 64 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t size, used;
    _Alignas(ALIGN) char bytes[];
};

static struct arena_block *add_block(struct arena *arena, size_t need, struct err *err)
{
    size_t size = need > BLOCK_BYTES ? need : BLOCK_BYTES;
    size_t total;
    if (!size_add(size, sizeof(struct arena_block), &total)) {
        err_set(err, ERR_LIMIT, "out of memory: %zu bytes", size);
        return NULL;
    }
    struct arena_block *b = mem_new(1, total, err);
    if (!b)
        return NULL;
    *b = (struct arena_block){.next = arena->blocks, .size = size};
    POISON(b->bytes, size);
    arena->blocks = b;
    return b;
}

void *arena_new(struct arena *arena, size_t n, size_t size, struct err *err)
{
    size_t bytes, want;
    if (!size_mul(n, size, &bytes) || !size_add(bytes, RED_ZONE + ALIGN - 1, &want)) {
        err_set(err, ERR_LIMIT, "out of memory: %zu x %zu bytes", n, size);
        return NULL;
    }
    want &= ~(size_t)(ALIGN - 1);
    struct arena_block *b = arena->blocks;
    if (!b || b->size - b->used < want)
        b = add_block(arena, want, err);
    if (!b)
        return NULL;
    void *p = b->bytes + b->used;
    b->used += want;
    arena->n_bytes += bytes;
    UNPOISON(p, bytes);
    return memset(p, 0, bytes);
}

char *arena_string(struct arena *arena, const char *bytes, size_t n, struct err *err)
{
    size_t size;
    if (!size_add(n, 1, &size)) {
        err_set(err, ERR_LIMIT, "out of memory: %zu bytes", n);
        return NULL;
    }
    char *s = arena_new(arena, size, 1, err);
    if (s && n)
        memcpy(s, bytes, n);
    return s;
}

static void drop_blocks(struct arena_block *b)
{
    while (b) {
        struct arena_block *next = b->next;
        UNPOISON(b->bytes, b->size);
        free(b);
        b = next;
    }
}

void arena_reset(struct arena *arena)
{
    struct arena_block *b = arena->blocks;
    arena->n_bytes = 0;
    if (!b)
        return;
    drop_blocks(b->next);
    b->next = NULL;
    b->used = 0;
    POISON(b->bytes, b->size);
}

void arena_free(struct arena *arena)
{
    drop_blocks(arena->blocks);
    *arena = (struct arena){0};
}
