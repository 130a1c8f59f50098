/* SPDX-License-Identifier: Apache-2.0 */
/* vocab_int.h - byte strings by id, and ids by byte string.
 *
 * Strings lie back to back.  An index is a hash table over some of them with
 * open addressing: which strings it knows is its owner's choice, so the same
 * list can have one index for what text may produce and one for names. */
#ifndef TEXT_VOCAB_INT_H
#define TEXT_VOCAB_INT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct vocab {
    struct buf bytes;
    uint32_t *at; /* [n_places + 1], string id is bytes[at[id]..at[id + 1]) */
    uint32_t n, n_places;
};

struct vocab_index {
    uint64_t *slots; /* [mask + 1] hash in the upper half, id + 1 in the lower; 0 = free */
    uint32_t mask, n, max_n;
    uint32_t longest; /* bytes of the longest string in it */
};

/* Makes an empty list for n strings.  Owned: vocab_free().
 * Errors: ERR_LIMIT past LIMIT_VOCAB or without memory. */
bool vocab_init(struct vocab *vocab, size_t n, struct err *err) CHECKED;
void vocab_free(struct vocab *vocab);

/* Appends a string, whose id is the number of those before; there must be a place.
 * Errors: ERR_LIMIT past LIMIT_TOKEN_BYTES or LIMIT_VOCAB_BYTES, or without memory. */
bool vocab_add(struct vocab *vocab, const char *s, size_t n, struct err *err) CHECKED;

/* Returns string id and its length in *n.  Borrowed: until vocab_free(). */
const char *vocab_string(const struct vocab *vocab, uint32_t id, uint32_t *n);

/* Makes an empty index for at most n strings.  Owned: vocab_index_free().
 * Errors: ERR_LIMIT without memory. */
bool vocab_index_init(struct vocab_index *index, size_t n, struct err *err) CHECKED;
void vocab_index_free(struct vocab_index *index);

/* Enters string id.  Returns false when the index knows an equal string, or so many with
 * nearly its hash that the file was made to be slow. */
bool vocab_index_add(struct vocab_index *index, const struct vocab *vocab, uint32_t id) CHECKED;

/* Returns the id of s[n], or -1. */
int32_t vocab_find(const struct vocab_index *index, const struct vocab *vocab, const char *s,
                   size_t n);

/* Returns a hash of s[n] that is the same in every run. */
uint64_t vocab_hash(const char *s, size_t n);

#endif
