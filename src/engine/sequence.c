/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sequence.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "engine/kv_pool.h"
#include "tensor/backend.h"

static uint32_t n_pages_of(uint32_t n_positions)
{
    return n_positions / BACKEND_PAGE_TOKENS + (n_positions % BACKEND_PAGE_TOKENS != 0);
}

bool sequence_init(struct sequence *seq, struct kv_pool *pool, uint32_t max_positions,
                   struct err *err)
{
    *seq = (struct sequence){.pool = pool, .n_places = n_pages_of(max_positions)};
    seq->page_ids = mem_new(seq->n_places, sizeof *seq->page_ids, err);
    return seq->page_ids != NULL;
}

void sequence_free(struct sequence *seq)
{
    for (uint32_t i = seq->n_gone; i < seq->n_pages; i++)
        kv_pool_unref(seq->pool, seq->page_ids[i]);
    free(seq->page_ids);
    *seq = (struct sequence){0};
}

bool sequence_hold(struct sequence *seq, uint32_t n_positions, struct err *err)
{
    if (n_pages_of(n_positions) > seq->n_places)
        return err_set(err, ERR_LIMIT, "%u positions: the sequence ends at %u", n_positions,
                       seq->n_places * BACKEND_PAGE_TOKENS);
    while (seq->n_pages < n_pages_of(n_positions)) {
        if (!kv_pool_take(seq->pool, &seq->page_ids[seq->n_pages], err))
            return false;
        seq->n_pages++;
    }
    return true;
}

void sequence_share(struct sequence *seq, uint32_t page_id)
{
    assert(seq->n_pages < seq->n_places && !seq->n_gone);
    kv_pool_ref(seq->pool, page_id);
    seq->page_ids[seq->n_pages++] = page_id;
}

void sequence_forget(struct sequence *seq, uint32_t first)
{
    while (seq->n_gone < seq->n_pages && seq->n_gone < first / BACKEND_PAGE_TOKENS)
        kv_pool_unref(seq->pool, seq->page_ids[seq->n_gone++]);
}

void sequence_cut(struct sequence *seq, uint32_t n)
{
    uint32_t n_kept = n_pages_of(n);
    assert(!n || n_kept >= seq->n_gone);
    while (seq->n_pages > n_kept && seq->n_pages > seq->n_gone)
        kv_pool_unref(seq->pool, seq->page_ids[--seq->n_pages]);
    if (!n)
        seq->n_pages = seq->n_gone = 0;
}
