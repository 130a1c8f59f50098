/* SPDX-License-Identifier: Apache-2.0 */
/* merges_int.h - which two pieces merge, and in which order, where a file lists that.
 *
 * In tekken.json and .model files any two pieces that make a piece may merge, in the order
 * of what they make.  A Hugging Face file lists the pairs, and two ways to make one piece
 * may stand far apart. */
#ifndef TEXT_MERGES_INT_H
#define TEXT_MERGES_INT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct merge {
    int32_t left, right, id; /* the pieces and what they make */
    uint32_t order;          /* place in the list, from 1; 0 in a free slot */
};

/* A hash table with open addressing.  All zero: the file has no list. */
struct merges {
    struct merge *slots; /* [mask + 1] */
    uint32_t mask;
};

/* Makes an empty table for at most n merges.  Owned: merges_free().  Errors: ERR_LIMIT. */
bool merges_init(struct merges *merges, size_t n, struct err *err) CHECKED;
void merges_free(struct merges *merges);

/* Enters a merge, order > 0.  Returns false when the table has one of those pieces. */
bool merges_add(struct merges *merges, const struct merge *merge) CHECKED;

/* Finds the merge of two ids, either may be -1.  Borrowed: until merges_free(), NULL when
 * there is none. */
const struct merge *merges_find(const struct merges *merges, int32_t left, int32_t right);

#endif
