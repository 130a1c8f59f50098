/* SPDX-License-Identifier: Apache-2.0 */
/* gguf_builder.h - writes small GGUF files for tests, valid ones and others. */
#ifndef TEST_DATA_GGUF_BUILDER_H
#define TEST_DATA_GGUF_BUILDER_H

#include <stdlib.h>
#include <string.h>

#include "data/gguf.h"
#include "test.h"

struct gguf_builder {
    uint8_t bytes[1 << 15];
    size_t n;
};

static inline void put(struct gguf_builder *b, const void *bytes, size_t n)
{
    assert_true(b->n + n <= sizeof b->bytes);
    memcpy(b->bytes + b->n, bytes, n);
    b->n += n;
}

static inline void put_number(struct gguf_builder *b, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * i));
        put(b, &byte, 1);
    }
}

static inline void put_u32(struct gguf_builder *b, uint32_t value)
{
    put_number(b, value, 4);
}

static inline void put_u64(struct gguf_builder *b, uint64_t value)
{
    put_number(b, value, 8);
}

static inline void put_string(struct gguf_builder *b, const char *s)
{
    put_u64(b, strlen(s));
    put(b, s, strlen(s));
}

static inline void put_header(struct gguf_builder *b, uint64_t n_tensors, uint64_t n_kvs)
{
    b->n = 0;
    put(b, "GGUF", 4);
    put_u32(b, 3);
    put_u64(b, n_tensors);
    put_u64(b, n_kvs);
}

/* A metadata entry with a value of fixed size. */
static inline void put_kv(struct gguf_builder *b, const char *key, enum gguf_type type,
                          uint64_t value, size_t size)
{
    put_string(b, key);
    put_u32(b, type);
    put_number(b, value, size);
}

static inline void put_kv_string(struct gguf_builder *b, const char *key, const char *s)
{
    put_string(b, key);
    put_u32(b, GGUF_STRING);
    put_string(b, s);
}

/* A one-dimensional tensor of the table. */
static inline void put_tensor(struct gguf_builder *b, const char *name, uint64_t n, uint32_t type,
                              uint64_t offset)
{
    put_string(b, name);
    put_u32(b, 1);
    put_u64(b, n);
    put_u32(b, type);
    put_u64(b, offset);
}

static inline void put_padding(struct gguf_builder *b, size_t align)
{
    while (b->n % align)
        put(b, "", 1);
}

/* Parses an exact copy, so that a sanitizer sees a read past the end. */
static inline bool parse_bytes(struct gguf *gguf, const uint8_t *bytes, size_t n, uint8_t **copy,
                               struct err *err)
{
    *copy = malloc(n ? n : 1);
    memcpy(*copy, bytes, n);
    return gguf_parse(gguf, "t.gguf", *copy, n, err);
}

/* Expects that the file is refused with a message that holds want. */
static inline void assert_refused(const uint8_t *bytes, size_t n, const char *want)
{
    struct gguf gguf;
    struct err err = {0};
    uint8_t *copy;
    if (parse_bytes(&gguf, bytes, n, &copy, &err))
        fail_msg("accepted, but should say: %s", want);
    if (!strstr(err.text, want) || strncmp(err.text, "t.gguf: ", 8) != 0)
        fail_msg("got \"%s\", want \"%s\"", err.text, want);
    assert_null(gguf.kvs);
    assert_null(gguf.tensors.entries);
    free(copy);
}

#endif
