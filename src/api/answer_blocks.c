/* SPDX-License-Identifier: Apache-2.0 */
#include "api/answer_blocks.h"

static const struct buf *text_of(const struct answer_block *block, const struct answer *answer)
{
    return block->kind == BLOCK_TEXT       ? &answer->text
           : block->kind == BLOCK_THINKING ? &answer->thinking
                                           : &block->call->arguments;
}

struct answer_block *answer_blocks_end(struct answer_blocks *blocks, const struct answer *answer,
                                       bool well)
{
    struct answer_block *block = blocks->open;
    if (!block)
        return NULL;
    block->n = text_of(block, answer)->len - block->at;
    block->ended = well;
    blocks->open = NULL;
    return block;
}

static bool begin_block(struct answer_blocks *blocks, enum answer_block_kind kind, size_t at,
                        struct arena *arena, struct err *err)
{
    struct answer_block *block = arena_new(arena, 1, sizeof *block, err);
    if (!block)
        return false;
    block->kind = kind;
    block->index = blocks->n++;
    block->at = at;
    if (blocks->last)
        blocks->last->next = block;
    else
        blocks->first = block;
    blocks->last = blocks->open = block;
    return true;
}

bool answer_blocks_add(struct answer_blocks *blocks, const struct answer *answer,
                       const struct answer_event *event, struct arena *arena,
                       struct answer_step *step, struct err *err)
{
    static const enum answer_block_kind kinds[] = {[ANSWER_TEXT] = BLOCK_TEXT,
                                                   [ANSWER_THINKING] = BLOCK_THINKING,
                                                   [ANSWER_THOUGHT] = BLOCK_TEXT,
                                                   [ANSWER_CALL] = BLOCK_CALL,
                                                   [ANSWER_ARGUMENTS] = BLOCK_CALL};
    *step = (struct answer_step){0};
    if (event->kind == ANSWER_THOUGHT || event->kind == ANSWER_CALL_END) {
        step->ended = answer_blocks_end(blocks, answer, true);
        return true;
    }
    enum answer_block_kind kind = kinds[event->kind];
    bool goes_on = blocks->open && blocks->open->kind == kind && event->kind != ANSWER_CALL;
    if (!goes_on) {
        step->ended = answer_blocks_end(blocks, answer, true);
        size_t at = kind == BLOCK_TEXT       ? answer->text.len - event->text.n
                    : kind == BLOCK_THINKING ? answer->thinking.len - event->text.n
                                             : 0;
        if (!begin_block(blocks, kind, at, arena, err))
            return false;
        step->begun = blocks->open;
        step->begun->call = event->call;
    }
    if (event->kind != ANSWER_CALL)
        step->text = event->text;
    return true;
}

struct span answer_block_text(const struct answer_block *block, const struct answer *answer)
{
    const struct buf *text = text_of(block, answer);
    return text->len ? (struct span){text->data + block->at, block->n} : SPAN("");
}
