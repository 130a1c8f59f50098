/* SPDX-License-Identifier: Apache-2.0 */
/* sequence.h - which KV pages hold the positions of one sequence.
 *
 * Positions are held from the first that is not forgotten to the last that was
 * asked for.  Nothing is allocated after sequence_init().
 * Thread: one thread at a time. */
#ifndef ENGINE_SEQUENCE_H
#define ENGINE_SEQUENCE_H

#include <stdint.h>

#include "base/err.h"

struct kv_pool;

/* All zero is an empty sequence, which can be freed. */
struct sequence {
    struct kv_pool *pool;
    uint32_t *page_ids; /* [n_places], n_pages used; the first n_gone are given back */
    uint32_t n_places, n_pages, n_gone;
};

/* Makes room to name the pages of max_positions positions; takes none yet.
 * Owned: sequence_free(), also after a failure.  Errors: ERR_LIMIT. */
bool sequence_init(struct sequence *seq, struct kv_pool *pool, uint32_t max_positions,
                   struct err *err) CHECKED;

/* Gives every page back. */
void sequence_free(struct sequence *seq);

/* Takes pages until positions 0..n_positions-1 have a place.
 * Errors: ERR_LIMIT past max_positions, ERR_BUSY when the pool is empty. */
bool sequence_hold(struct sequence *seq, uint32_t n_positions, struct err *err) CHECKED;

/* Holds a page of the pool that others hold, too, as its next: it is full, and nobody writes it
 * again.  The sequence has room for it and has forgotten nothing. */
void sequence_share(struct sequence *seq, uint32_t page_id);

/* Gives back the pages that hold only positions before first. */
void sequence_forget(struct sequence *seq, uint32_t first);

/* Gives back the pages that hold only positions from n on.  Of a sequence with forgotten pages,
 * those of the positions before n must be held, or n is 0 and it begins again. */
void sequence_cut(struct sequence *seq, uint32_t n);

#endif
