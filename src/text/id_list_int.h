/* SPDX-License-Identifier: Apache-2.0 */
/* id_list_int.h - arrays that grow. */
#ifndef TEXT_ID_LIST_INT_H
#define TEXT_ID_LIST_INT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/* Returns items, moved where needed, with places for n_more behind its n; *n_places is how many
 * there are.  What is new is not zeroed.  Owned: free().  Errors: ERR_LIMIT; items stays valid. */
static inline void *array_more(void *items, uint32_t n, uint32_t *n_places, uint32_t n_more,
                               size_t size, struct err *err)
{
    if (n_more <= *n_places - n)
        return items;
    uint64_t want = (uint64_t)n + n_more, twice = 2 * (uint64_t)*n_places;
    want = want < twice ? twice : want;
    want = want < 16 ? 16 : want;
    if (want > UINT32_MAX / 2) {
        err_set(err, ERR_LIMIT, "an array of %llu items", (unsigned long long)want);
        return NULL;
    }
    void *more = mem_resize(items, (size_t)want, size, err);
    if (more)
        *n_places = (uint32_t)want;
    return more;
}

/* All zero is empty. */
struct id_list {
    uint32_t *ids; /* [n] */
    uint32_t n, n_places;
};

/* Appends one id.  Errors: ERR_LIMIT. */
static inline bool CHECKED id_list_add(struct id_list *list, uint32_t id, struct err *err)
{
    uint32_t *ids = array_more(list->ids, list->n, &list->n_places, 1, sizeof *ids, err);
    if (!ids)
        return false;
    list->ids = ids;
    list->ids[list->n++] = id;
    return true;
}

/* Appends ids: [n].  They may not lie in the list itself.  Errors: ERR_LIMIT. */
bool id_list_add_all(struct id_list *list, const uint32_t *ids, uint32_t n,
                     struct err *err) CHECKED;

/* Sorts list->ids[from..] and drops what is there twice. */
void id_list_make_set(struct id_list *list, uint32_t from);

#endif
