/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/id_table_int.h"

static void put(uint64_t *slots, uint32_t mask, uint64_t slot)
{
    uint32_t at = (uint32_t)(slot >> 32);
    while (slots[at & mask])
        at++;
    slots[at & mask] = slot;
}

static bool grow(struct id_table *table, struct err *err)
{
    size_t n_slots = table->slots ? ((size_t)table->mask + 1) * 2 : 64;
    if (n_slots > (size_t)1 << 30)
        return err_set(err, ERR_LIMIT, "a table of more than %zu entries", n_slots / 4);
    uint64_t *slots = mem_new(n_slots, sizeof *slots, err);
    if (!slots)
        return false;
    for (size_t i = 0; table->slots && i <= table->mask; i++)
        if (table->slots[i])
            put(slots, (uint32_t)n_slots - 1, table->slots[i]);
    free(table->slots);
    table->slots = slots;
    table->mask = (uint32_t)n_slots - 1;
    return true;
}

bool id_table_add(struct id_table *table, uint32_t hash, uint32_t id, struct err *err)
{
    /* At most half full: most searches are for what is not there. */
    if ((!table->slots || table->n > table->mask / 2) && !grow(table, err))
        return false;
    put(table->slots, table->mask, (uint64_t)hash << 32 | (id + 1));
    table->n++;
    return true;
}

void id_table_clear(struct id_table *table)
{
    if (table->slots)
        memset(table->slots, 0, ((size_t)table->mask + 1) * sizeof *table->slots);
    table->n = 0;
}

void id_table_free(struct id_table *table)
{
    free(table->slots);
    *table = (struct id_table){0};
}

size_t id_table_bytes(const struct id_table *table)
{
    return table->slots ? ((size_t)table->mask + 1) * sizeof *table->slots : 0;
}
