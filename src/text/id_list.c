/* SPDX-License-Identifier: Apache-2.0 */
#include "text/id_list_int.h"

#include <stdlib.h>
#include <string.h>

bool id_list_add_all(struct id_list *list, const uint32_t *ids, uint32_t n, struct err *err)
{
    uint32_t *more = array_more(list->ids, list->n, &list->n_places, n, sizeof *more, err);
    if (!more)
        return false;
    list->ids = more;
    if (n)
        memcpy(more + list->n, ids, n * sizeof *ids);
    list->n += n;
    return true;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void id_list_make_set(struct id_list *list, uint32_t from)
{
    uint32_t *ids = list->ids + from, n = list->n - from, n_kept = 0;
    enum { FEW = 16 };
    if (n > FEW)
        qsort(ids, n, sizeof *ids, compare);
    for (uint32_t i = 1; n <= FEW && i < n; i++) {
        uint32_t id = ids[i], at = i;
        for (; at && ids[at - 1] > id; at--)
            ids[at] = ids[at - 1];
        ids[at] = id;
    }
    for (uint32_t i = 0; i < n; i++)
        if (!i || ids[i] != ids[i - 1])
            ids[n_kept++] = ids[i];
    list->n = from + n_kept;
}
