/* SPDX-License-Identifier: Apache-2.0 */
/* operands.h - random operands for kernel tests, in memory that ends at a guard page. */
#ifndef TEST_CPU_OPERANDS_H
#define TEST_CPU_OPERANDS_H

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tensor/dtype.h"
#include "tensor/number.h"
#include "test.h"

struct guarded {
    void *map;
    size_t map_bytes;
    void *p; /* the block; the byte behind it cannot be read */
};

static inline struct guarded guarded_new(size_t n_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), used = (n_bytes + page - 1) / page * page;
    struct guarded g = {.map_bytes = used + page};
    g.map = mmap(NULL, g.map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.map != MAP_FAILED);
    assert_int_equal(mprotect((char *)g.map + used, page, PROT_NONE), 0);
    g.p = (char *)g.map + used - n_bytes;
    return g;
}

static inline void guarded_free(struct guarded *g)
{
    munmap(g->map, g->map_bytes);
}

static inline struct guarded guarded_f32(size_t n, uint64_t *seed)
{
    struct guarded g = guarded_new(n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        ((float *)g.p)[i] = test_random_f32(seed);
    return g;
}

/* A positive half between 2^-8 and 2^-5, as bits. */
static inline void put_scale(uint8_t *p, uint64_t *seed)
{
    unsigned code = 0x1c00 + test_random(seed) % 0x0c00;
    if (test_random(seed) % 4 == 0)
        code |= 0x8000;
    p[0] = (uint8_t)code;
    p[1] = (uint8_t)(code >> 8);
}

/* Overwrites the scales of a block of random bytes with ordinary ones. */
static inline void tame_block(enum dtype type, uint8_t *block, uint64_t *seed)
{
    switch (type) {
    case DTYPE_Q4_1:
    case DTYPE_Q5_1:
    case DTYPE_Q4_K:
    case DTYPE_Q5_K:
        put_scale(block + 2, seed);
        put_scale(block, seed);
        break;
    case DTYPE_Q6_K:
        put_scale(block + 208, seed);
        break;
    case DTYPE_MXFP4:
        block[0] = (uint8_t)(120 + block[0] % 8);
        break;
    case DTYPE_NVFP4:
        for (int i = 0; i < 4; i++)
            block[i] = (uint8_t)(0x10 + block[i] % 32);
        break;
    default:
        put_scale(block, seed);
    }
}

/* n random weights without NaN or infinity. */
static inline void random_weights(enum dtype type, uint8_t *dst, int64_t n, uint64_t *seed)
{
    const struct dtype_info *info = dtype_info(type);
    size_t n_bytes = dtype_bytes(type, n);
    for (size_t i = 0; i < n_bytes; i++)
        dst[i] = (uint8_t)(test_random(seed) >> 8);
    for (size_t i = 0; i < n_bytes; i += (size_t)info->bytes) {
        float f = test_random_f32(seed);
        uint16_t half = number_to_bf16(f);
        if (type == DTYPE_F32)
            memcpy(dst + i, &f, sizeof f);
        else if (type == DTYPE_BF16)
            memcpy(dst + i, &half, sizeof half);
        else if (type == DTYPE_F16)
            dst[i + 1] &= 0xbf; /* below 2, subnormals included */
        else if (type == DTYPE_E4M3)
            dst[i] = (uint8_t)((dst[i] & 0x80) | (dst[i] & 0x7f) % 0x7f);
        else if (type != DTYPE_E2M1)
            tame_block(type, dst + i, seed);
    }
}

static inline struct guarded guarded_weights(enum dtype type, int64_t n, uint64_t *seed)
{
    struct guarded g = guarded_new(dtype_bytes(type, n));
    random_weights(type, g.p, n, seed);
    return g;
}

#endif
