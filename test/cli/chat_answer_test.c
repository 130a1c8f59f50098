/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a model says, the conversation can go on with it. */
#include "cli/chat_answer.h"

#include <string.h>

#include "base/limits.h"
#include "test.h"
#include "text/reply.h"
#include "text/tokenizer_fixture.h"

static struct prompt_format format_of(const char *name)
{
    struct prompt_format format;
    struct err err = {0};
    if (!prompt_format_init(&format, fixture_generation(name), fixture_version(name), &err))
        fail_msg("%s: %s", name, err.text);
    return format;
}

static void take_events(struct reply *reply, struct chat_answer *a)
{
    struct err err = {0};
    for (struct reply_event e; reply_next(reply, &e);) {
        if (e.kind == REPLY_CALL_END)
            e.id = SPAN("abcdefghi");
        assert_true(buf_add(e.kind == REPLY_TEXT ? &a->flat : &a->calls, e.raw.s, e.raw.n, &err));
        assert_true(reply_message_add(&a->said, &e, &err));
    }
}

/* Says ids, and then asks on. */
static void check_answer(struct chat_session *s, const int32_t *ids, size_t n, bool is_whole,
                         int round)
{
    struct err err = {0};
    struct chat_answer a = {.is_whole = is_whole};
    struct reply *reply = reply_open(&s->format, &(struct reply_options){round & 2}, &err);
    bool said;
    buf_init(&a.flat, LIMIT_TEXT_BYTES);
    buf_init(&a.calls, LIMIT_TEXT_BYTES);
    assert_non_null(reply);
    for (size_t i = 0; i < n; i++) {
        assert_true(reply_add(reply, ids[i], &err));
        take_events(reply, &a);
    }
    assert_true(reply_end(reply, is_whole, &err));
    take_events(reply, &a);
    assert_true(chat_log_say(&s->log, SPAN("?"), &err));
    assert_true(chat_answer_log(&a, s, &said, &err));
    assert_int_equal(s->log.n, said ? 2 : 1);
    if (!chat_session_check(s, &s->log, &err))
        fail_msg("v%d, round %d: %s: %s", s->format.version, round, err.text,
                 s->log.entries[s->log.n - 1].json);
    chat_log_cut(&s->log, 0);
    chat_answer_free(&a);
    reply_close(reply);
}

/* Markers, parts of calls, bytes. */
static int32_t random_id(const struct prompt_format *format, const struct token_ids *parts,
                         uint64_t *seed)
{
    static const enum prompt_control controls[] = {CONTROL_CALLS, CONTROL_CALL_ID, CONTROL_ARGS,
                                                   CONTROL_THINK, CONTROL_END_THINK};
    uint32_t which = test_random(seed);
    if (test_random(seed) % 4)
        return parts->ids[which % parts->n];
    return which % 8 < 5 ? format->ids[controls[which % 8]]
                         : (int32_t)(which / 8 % (uint32_t)tokenizer_n_vocab(format->tok));
}

TEST(chat_answer, any_answer_can_be_said_again)
{
    static const char *const names[] = {"spm-v1",     "spm-v2",          "spm-v3",
                                        "spm-v7",     "tekken-v7",       "tekken-v11-image",
                                        "tekken-v13", "tekken-v15-image"};
    static const char text[] = "[{\"name\": \"f\", \"arguments\": {\"a\": 1}}] f {} g {\"a\": 1} f"
                               " <think> </think> h!";
    uint64_t seed = 1;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        struct run run = {0};
        struct err err = {0};
        struct chat_session s = {.run = &run, .format = format_of(names[k])};
        struct token_ids parts = {0};
        assert_true(tokenizer_encode(s.format.tok, text, strlen(text), &parts, &err));
        for (int round = 0; round < 5000; round++) {
            int32_t ids[24];
            size_t n = test_random(&seed) % 24;
            for (size_t i = 0; i < n; i++)
                ids[i] = random_id(&s.format, &parts, &seed);
            check_answer(&s, ids, n, round & 1, round);
        }
        token_ids_free(&parts);
        chat_log_free(&s.log);
    }
}
