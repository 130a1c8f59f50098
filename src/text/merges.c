/* SPDX-License-Identifier: Apache-2.0 */
#include "text/merges_int.h"

#include <assert.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"

bool merges_init(struct merges *merges, size_t n, struct err *err)
{
    size_t n_slots = 16;
    *merges = (struct merges){0};
    if (n > LIMIT_MERGES)
        return err_set(err, ERR_LIMIT, "%zu merges; at most %d are read", n, LIMIT_MERGES);
    while (n_slots < n + n / 2)
        n_slots *= 2;
    merges->slots = mem_new(n_slots, sizeof *merges->slots, err);
    merges->mask = (uint32_t)n_slots - 1;
    return merges->slots != NULL;
}

void merges_free(struct merges *merges)
{
    free(merges->slots);
    *merges = (struct merges){0};
}

/* Returns the slot of that pair, or the free one where it belongs. */
static struct merge *find_slot(const struct merges *merges, int32_t left, int32_t right)
{
    /* An odd number with well mixed bits: the fraction of the golden ratio. */
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15u;
    for (uint32_t i = (uint32_t)(h >> 32) & merges->mask;; i = (i + 1) & merges->mask) {
        struct merge *slot = &merges->slots[i];
        if (!slot->order || (slot->left == left && slot->right == right))
            return slot;
    }
}

bool merges_add(struct merges *merges, const struct merge *merge)
{
    assert(merge->order);
    struct merge *slot = find_slot(merges, merge->left, merge->right);
    if (slot->order)
        return false;
    *slot = *merge;
    return true;
}

const struct merge *merges_find(const struct merges *merges, int32_t left, int32_t right)
{
    const struct merge *slot = find_slot(merges, left, right);
    return slot->order ? slot : NULL;
}
