/* SPDX-License-Identifier: Apache-2.0 */
/* writer_fixture.h - a stream of which a test says what the model does, without a model.
 * Texts are written with ' for ". */
#ifndef TEST_WRITER_FIXTURE_H
#define TEST_WRITER_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "../test.h"
#include "api/completion.h"

struct stream {
    struct call call;
    struct completion c;
    struct choice choice;
    struct api_model model;
    struct token_ids prompt;
    struct answer_call calls[4];
};

static char *unquoted(const char *text, char *out, size_t size)
{
    assert_true(strlen(text) < size);
    for (size_t i = 0; i <= strlen(text); i++)
        out[i] = text[i] == '\'' ? '"' : text[i];
    return out;
}

static void stream_begin(struct stream *s, const struct writer *writer, const char *request)
{
    static char bytes[4096];
    struct err err = {0};
    *s = (struct stream){.model = {.name = "m"}, .prompt = {.n = 7}};
    unquoted(request, bytes, sizeof bytes);
    assert_true(json_tree_parse(&s->call.body, "request", bytes, strlen(bytes), &err));
    s->c = (struct completion){.call = &s->call,
                               .model = &s->model,
                               .writer = writer,
                               .choices = &s->choice,
                               .n_choices = 1,
                               .n_left = 1,
                               .prompts = &s->prompt,
                               .n_prompts = 1,
                               .streaming = true,
                               .created = 1700000000,
                               .id = "id_1"};
    s->c.sampling = (struct sampling){.n = 1, .job = {.sampler = SAMPLER_DEFAULT, .max_tokens = 9}};
    s->choice.c = &s->c;
    s->choice.model = &s->model;
    buf_init(&s->c.buf, 1 << 20);
    s->c.out.buf = &s->c.buf;
    buf_init(&s->choice.answer.text, 1 << 20);
    buf_init(&s->choice.answer.thinking, 1 << 20);
    assert_true(writer->open(&s->c, &err));
}

static void stream_hear(struct stream *s, enum answer_event_kind kind, const char *text)
{
    struct answer *answer = &s->choice.answer;
    struct err err = {0};
    struct answer_event event = {.kind = kind, .text = {text, text ? strlen(text) : 0}};
    struct answer_call *call = answer->n_calls ? &s->calls[answer->n_calls - 1] : NULL;
    if (kind == ANSWER_CALL) { /* text is its name */
        call = &s->calls[answer->n_calls++];
        strcpy(call->id, "callid001");
        buf_init(&call->name, 1 << 10);
        buf_init(&call->arguments, 1 << 20);
        assert_true(buf_add(&call->name, text, strlen(text), &err));
        event.text = (struct span){0};
    }
    struct buf *to = kind == ANSWER_TEXT        ? &answer->text
                     : kind == ANSWER_THINKING  ? &answer->thinking
                     : kind == ANSWER_ARGUMENTS ? &call->arguments
                                                : NULL;
    if (to)
        assert_true(buf_add(to, event.text.s, event.text.n, &err));
    event.call = kind >= ANSWER_CALL ? call : NULL;
    s->c.writer->event(&s->choice, &event);
}

static void stream_end(struct stream *s, enum finish_reason finish, uint32_t n_answer)
{
    s->choice.result = (struct job_result){
        .finish = finish, .n_prompt = 7, .n_cached = 4, .n_answer = n_answer, .end_id = -1};
    s->c.writer->end(&s->choice);
    s->c.n_left = 0;
    s->c.writer->finish(&s->c);
}

/* Leaves of ids that were drawn their prefix and '#'. */
static void plain_ids(char *text)
{
    static const char *const prefixes[] = {"msg_", "rs_", "fc_"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        for (char *at = text; (at = strstr(at, prefixes[i]));) {
            at += strlen(prefixes[i]);
            size_t n = strspn(at, "0123456789abcdef");
            if (n < 32)
                continue;
            *at = '#';
            memmove(at + 1, at + n, strlen(at + n) + 1);
        }
}

/* What was written is want; then it is forgotten. */
static void stream_wrote(struct stream *s, const char *want)
{
    char text[16384];
    struct err err = {0};
    assert_int_equal(s->c.out.err.code, ERR_NONE);
    assert_true(buf_add(&s->c.buf, "", 1, &err));
    plain_ids(s->c.buf.data);
    assert_string_equal(s->c.buf.data, unquoted(want, text, sizeof text));
    buf_clear(&s->c.buf);
}

static void stream_free(struct stream *s)
{
    if (s->c.writer->free)
        s->c.writer->free(&s->c);
    for (uint32_t i = 0; i < s->choice.answer.n_calls; i++) {
        buf_free(&s->calls[i].name);
        buf_free(&s->calls[i].arguments);
    }
    buf_free(&s->choice.answer.text);
    buf_free(&s->choice.answer.thinking);
    buf_free(&s->choice.chances);
    buf_free(&s->c.buf);
    json_tree_free(&s->call.body);
    arena_free(&s->call.arena);
}

#endif
