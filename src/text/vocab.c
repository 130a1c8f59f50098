/* SPDX-License-Identifier: Apache-2.0 */
#include "text/vocab_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

/* No string lies further from where it belongs: among 2 million that are not made for it,
 * none lies a quarter as far. */
enum { MAX_STEPS = 512 };

bool vocab_init(struct vocab *vocab, size_t n, struct err *err)
{
    *vocab = (struct vocab){0};
    if (n > LIMIT_VOCAB)
        return err_set(err, ERR_LIMIT, "%zu tokens; at most %d are read", n, LIMIT_VOCAB);
    vocab->n_places = (uint32_t)n;
    buf_init(&vocab->bytes, LIMIT_VOCAB_BYTES);
    vocab->at = mem_new(n + 1, sizeof *vocab->at, err);
    return vocab->at != NULL;
}

void vocab_free(struct vocab *vocab)
{
    buf_free(&vocab->bytes);
    free(vocab->at);
    *vocab = (struct vocab){0};
}

bool vocab_add(struct vocab *vocab, const char *s, size_t n, struct err *err)
{
    assert(vocab->n < vocab->n_places);
    if (n > LIMIT_TOKEN_BYTES)
        return err_set(err, ERR_LIMIT, "token %u: %zu bytes; at most %u are read", vocab->n, n,
                       LIMIT_TOKEN_BYTES);
    if (!buf_add(&vocab->bytes, s, n, err))
        return err_add(err, "token %u", vocab->n);
    vocab->at[++vocab->n] = (uint32_t)vocab->bytes.len;
    return true;
}

const char *vocab_string(const struct vocab *vocab, uint32_t id, uint32_t *n)
{
    assert(id < vocab->n);
    *n = vocab->at[id + 1] - vocab->at[id];
    return vocab->bytes.data + vocab->at[id];
}

bool vocab_index_init(struct vocab_index *index, size_t n, struct err *err)
{
    assert(n <= LIMIT_VOCAB);
    /* At most half full: most look-ups are for strings that are not there. */
    size_t n_slots = 16;
    while (n_slots < 2 * n)
        n_slots *= 2;
    *index = (struct vocab_index){.mask = (uint32_t)n_slots - 1, .max_n = (uint32_t)n};
    index->slots = mem_new(n_slots, sizeof *index->slots, err);
    return index->slots != NULL;
}

void vocab_index_free(struct vocab_index *index)
{
    free(index->slots);
    *index = (struct vocab_index){0};
}

/* The first bytes as one number; fewer than 8 are read twice rather than past the end. */
static uint64_t load_short(const char *s, size_t n)
{
    if (n >= 4) {
        uint32_t head, tail;
        memcpy(&head, s, 4);
        memcpy(&tail, s + n - 4, 4);
        return (uint64_t)head << 32 | tail;
    }
    const uint8_t *p = (const uint8_t *)s;
    return n ? (uint64_t)p[0] << 16 | (uint64_t)p[n / 2] << 8 | p[n - 1] : 0;
}

uint64_t vocab_hash(const char *s, size_t n)
{
    /* Odd numbers with well mixed bits: the fractions of the golden ratio and of pi. */
    const uint64_t a = 0x9e3779b97f4a7c15u, b = 0x243f6a8885a308d3u;
    uint64_t h = n * b;
    for (; n > 8; s += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, s, 8);
        h = (h ^ word) * a;
        h ^= h >> 29;
    }
    h = (h ^ load_short(s, n)) * a;
    h = (h ^ h >> 32) * b;
    return h ^ h >> 29;
}

/* Returns the slot that holds s[n], or the free one where it belongs, or NULL when there is
 * neither within MAX_STEPS. */
static uint64_t *find_slot(const struct vocab_index *index, const struct vocab *vocab,
                           const char *s, size_t n)
{
    uint64_t tag = vocab_hash(s, n) >> 32 << 32;
    uint32_t first = (uint32_t)(tag >> 32);
    for (uint32_t step = 0; step < MAX_STEPS; step++) {
        uint32_t i = (first + step) & index->mask;
        uint64_t slot = index->slots[i];
        if (!slot)
            return &index->slots[i];
        if ((slot ^ tag) >> 32)
            continue;
        uint32_t id = (uint32_t)slot - 1, at = vocab->at[id];
        if (vocab->at[id + 1] - at == n && (!n || memcmp(vocab->bytes.data + at, s, n) == 0))
            return &index->slots[i];
    }
    return NULL;
}

bool vocab_index_add(struct vocab_index *index, const struct vocab *vocab, uint32_t id)
{
    uint32_t n;
    const char *s = vocab_string(vocab, id, &n);
    uint64_t *slot = find_slot(index, vocab, s, n);
    if (!slot || *slot)
        return false;
    assert(index->n < index->max_n);
    *slot = vocab_hash(s, n) >> 32 << 32 | (id + 1);
    index->n++;
    if (n > index->longest)
        index->longest = n;
    return true;
}

int32_t vocab_find(const struct vocab_index *index, const struct vocab *vocab, const char *s,
                   size_t n)
{
    if (n > index->longest)
        return -1;
    const uint64_t *slot = find_slot(index, vocab, s, n);
    return slot && *slot ? (int32_t)(uint32_t)*slot - 1 : -1;
}
