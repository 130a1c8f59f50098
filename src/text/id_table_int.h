/* SPDX-License-Identifier: Apache-2.0 */
/* id_table_int.h - finds the number of a thing that was seen before, by its hash.
 *
 * The things lie elsewhere: the table holds their numbers, and who searches compares.
 *
 *     uint32_t id;
 *     for (uint32_t at = hash; id_table_probe(&table, hash, &at, &id);)
 *         if (is_same(things[id], wanted)) return id;
 *     ... make it, then id_table_add(&table, hash, id, err) */
#ifndef TEXT_ID_TABLE_INT_H
#define TEXT_ID_TABLE_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* All zero is empty. */
struct id_table {
    uint64_t *slots; /* [mask + 1] hash in the upper half, id + 1 in the lower; 0 = free */
    uint32_t mask, n;
};

/* Gives the next id with that hash; *at starts as the hash.  Returns false when there is none. */
static inline bool id_table_probe(const struct id_table *table, uint32_t hash, uint32_t *at,
                                  uint32_t *id)
{
    if (!table->slots)
        return false;
    for (;; ++*at) {
        uint64_t slot = table->slots[*at & table->mask];
        if (!slot)
            return false;
        if (slot >> 32 != hash)
            continue;
        *id = (uint32_t)slot - 1;
        ++*at;
        return true;
    }
}

/* Enters an id (below UINT32_MAX).  Errors: ERR_LIMIT. */
bool id_table_add(struct id_table *table, uint32_t hash, uint32_t id, struct err *err) CHECKED;

/* Forgets every id, keeps the memory. */
void id_table_clear(struct id_table *table);
void id_table_free(struct id_table *table);

/* Returns what the table occupies. */
size_t id_table_bytes(const struct id_table *table);

/* Mixes one more word into a hash; start with any constant. */
static inline uint32_t id_hash(uint32_t hash, uint32_t word)
{
    uint64_t x = ((uint64_t)hash << 32 | word) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(x >> 32) ^ (uint32_t)x;
}

/* The same for words: [n]. */
static inline uint32_t id_hash_all(uint32_t hash, const uint32_t *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hash = id_hash(hash, words[i]);
    return hash;
}

#endif
