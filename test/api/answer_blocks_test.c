/* SPDX-License-Identifier: Apache-2.0 */
#include "api/answer_blocks.h"

#include <string.h>

#include "../test.h"
#include "base/mem.h"

struct heard {
    struct arena arena;
    struct answer answer;
    struct answer_blocks blocks;
    struct answer_call call;
    struct answer_step step;
};

static void begin(struct heard *h)
{
    *h = (struct heard){0};
    buf_init(&h->answer.text, 1000);
    buf_init(&h->answer.thinking, 1000);
    buf_init(&h->call.arguments, 1000);
}

static void hear(struct heard *h, enum answer_event_kind kind, const char *text)
{
    struct err err = {0};
    struct answer_event event = {
        .kind = kind, .text = {text, text ? strlen(text) : 0}, .call = &h->call};
    struct buf *to = kind == ANSWER_TEXT        ? &h->answer.text
                     : kind == ANSWER_THINKING  ? &h->answer.thinking
                     : kind == ANSWER_ARGUMENTS ? &h->call.arguments
                                                : NULL;
    if (to)
        assert_true(buf_add(to, text, strlen(text), &err));
    assert_true(answer_blocks_add(&h->blocks, &h->answer, &event, &h->arena, &h->step, &err));
}

static void says(const struct heard *h, const struct answer_block *block, const char *text)
{
    assert_non_null(block);
    assert_true(span_is(answer_block_text(block, &h->answer), text));
}

static void end(struct heard *h)
{
    buf_free(&h->answer.text);
    buf_free(&h->answer.thinking);
    buf_free(&h->call.arguments);
    arena_free(&h->arena);
}

TEST(answer_blocks, a_text_goes_on_until_something_else_comes)
{
    struct heard h;
    begin(&h);
    hear(&h, ANSWER_TEXT, "a");
    assert_null(h.step.ended);
    assert_non_null(h.step.begun);
    hear(&h, ANSWER_TEXT, "b");
    assert_null(h.step.begun);
    assert_true(span_is(h.step.text, "b"));
    hear(&h, ANSWER_CALL, NULL);
    says(&h, h.step.ended, "ab");
    assert_true(h.step.ended->ended);
    assert_int_equal(h.step.begun->kind, BLOCK_CALL);
    assert_int_equal(h.step.begun->index, 1);
    assert_null(h.step.text.s);
    hear(&h, ANSWER_ARGUMENTS, "{}");
    hear(&h, ANSWER_CALL_END, NULL);
    says(&h, h.step.ended, "{}");
    hear(&h, ANSWER_TEXT, "c");
    says(&h, answer_blocks_end(&h.blocks, &h.answer, false), "c");
    assert_false(h.blocks.last->ended);
    assert_int_equal(h.blocks.n, 3);
    assert_null(answer_blocks_end(&h.blocks, &h.answer, true));
    end(&h);
}

TEST(answer_blocks, two_calls_in_a_row_are_two)
{
    struct heard h;
    begin(&h);
    hear(&h, ANSWER_CALL, NULL);
    hear(&h, ANSWER_CALL, NULL);
    assert_non_null(h.step.ended);
    assert_non_null(h.step.begun);
    assert_int_equal(h.blocks.n, 2);
    end(&h);
}

TEST(answer_blocks, thoughts_stand_by_themselves)
{
    struct heard h;
    begin(&h);
    hear(&h, ANSWER_THOUGHT, NULL); /* an empty one */
    assert_null(h.step.ended);
    hear(&h, ANSWER_THINKING, "x");
    hear(&h, ANSWER_THINKING, "y");
    hear(&h, ANSWER_THOUGHT, NULL);
    says(&h, h.step.ended, "xy");
    hear(&h, ANSWER_THINKING, "z");
    assert_int_equal(h.step.begun->kind, BLOCK_THINKING);
    says(&h, answer_blocks_end(&h.blocks, &h.answer, true), "z");
    end(&h);
}

TEST(answer_blocks, without_memory)
{
    struct heard h;
    struct err err = {0};
    struct answer_event event = {.kind = ANSWER_CALL, .call = &h.call};
    begin(&h);
    mem_fail_after(0);
    assert_false(answer_blocks_add(&h.blocks, &h.answer, &event, &h.arena, &h.step, &err));
    mem_fail_never();
    assert_int_equal(err.code, ERR_LIMIT);
    end(&h);
}
