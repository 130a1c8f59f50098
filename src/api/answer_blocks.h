/* SPDX-License-Identifier: Apache-2.0 */
/* answer_blocks.h - an answer as a row of blocks: a text, a thought, a call, each begun and ended.
 *
 * Anthropic's content and the items of OpenAI's Responses are such rows.  One block is open at a
 * time; what is heard of an answer ends it, begins the next, adds to it.
 * Thread: as the answer's. */
#ifndef API_ANSWER_BLOCKS_H
#define API_ANSWER_BLOCKS_H

#include "api/answer.h"
#include "base/arena.h"

enum answer_block_kind { BLOCK_TEXT, BLOCK_THINKING, BLOCK_CALL };

struct answer_block {
    enum answer_block_kind kind;
    uint32_t index;                 /* from 0 */
    size_t at, n;                   /* where its text lies in the answer's; n once it has ended */
    const struct answer_call *call; /* of a call */
    bool ended;                     /* as it should, not by the end of the answer */
    char id[64];                    /* for the writer */
    size_t mark, n_mark;            /* for the writer */
    struct answer_block *next;
};

/* All zero is empty. */
struct answer_blocks {
    struct answer_block *first, *last, *open; /* open NULL: between blocks */
    uint32_t n;
};

/* What an event means, in this order: a block has ended, one begins, it goes on. */
struct answer_step {
    struct answer_block *ended, *begun;
    struct span text; /* more of the open block; s NULL: nothing */
};

/* Takes an event; the blocks lie in arena.  Errors: ERR_LIMIT. */
bool answer_blocks_add(struct answer_blocks *blocks, const struct answer *answer,
                       const struct answer_event *event, struct arena *arena,
                       struct answer_step *step, struct err *err) CHECKED;

/* The answer is over.  Returns the block that was open, or NULL; a text that the model itself ended
 * has ended as it should.  Borrowed: from the arena. */
struct answer_block *answer_blocks_end(struct answer_blocks *blocks, const struct answer *answer,
                                       bool well);

/* What a block says: its text, or the arguments of its call.  Borrowed: from the answer. */
struct span answer_block_text(const struct answer_block *block, const struct answer *answer);

#endif
