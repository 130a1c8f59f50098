/* SPDX-License-Identifier: Apache-2.0 */
/* What the reference's vectors in reply_test.c leave open. */
#include "text/reply_message.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "test.h"

static const struct reply_event events[] = {
    {.kind = REPLY_TEXT, .text = SPAN("a\"")},
    {.kind = REPLY_TEXT, .text = SPAN("\n")},
    {.kind = REPLY_THINKING_BEGIN},
    {.kind = REPLY_THINKING, .text = SPAN("h")},
    {.kind = REPLY_THINKING, .text = SPAN("m")},
    {.kind = REPLY_THINKING_END},
    {.kind = REPLY_SYNTAX, .raw = SPAN("[")},
    {.kind = REPLY_TEXT, .text = SPAN("b")},
    {.kind = REPLY_CALL, .index = 0, .name = SPAN("f")},
    {.kind = REPLY_ARGUMENTS, .index = 0, .text = SPAN("{\"a\"")},
    {.kind = REPLY_ARGUMENTS, .index = 0, .text = SPAN(": 1}")},
    {.kind = REPLY_CALL_END, .index = 0, .id = SPAN("late")},
    {.kind = REPLY_CALL, .index = 1, .name = SPAN("g"), .id = SPAN("i")},
    {.kind = REPLY_ERROR, .text = SPAN("First.")},
    {.kind = REPLY_CALL_END, .index = 1, .id = SPAN("i")},
    {.kind = REPLY_ERROR, .text = SPAN("Second.")},
    {.kind = REPLY_TEXT, .text = SPAN("c")},
    {.kind = REPLY_THINKING_BEGIN},
    {.kind = REPLY_END, .stopped = true},
};
enum { N_EVENTS = sizeof events / sizeof *events };

static bool add_all(struct reply_message *m, struct buf *json, struct err *err)
{
    for (size_t i = 0; i < N_EVENTS; i++)
        if (!reply_message_add(m, &events[i], err))
            return false;
    return reply_message_write(m, json, err);
}

TEST(reply_message, collects_all_events)
{
    struct reply_message m = {0};
    struct err err = {0};
    struct buf json;
    buf_init(&json, LIMIT_TEXT_BYTES);
    assert_true(add_all(&m, &json, &err));
    assert_string_equal(
        json.data,
        "{\"role\": \"assistant\", \"content\": [{\"type\": \"text\", \"text\": \"a\\\"\\n\"}, "
        "{\"type\": \"thinking\", \"thinking\": \"hm\", \"closed\": true}, "
        "{\"type\": \"text\", \"text\": \"bc\"}, "
        "{\"type\": \"thinking\", \"thinking\": \"\", \"closed\": false}], "
        "\"tool_calls\": [{\"id\": \"late\", \"type\": \"function\", \"function\": "
        "{\"name\": \"f\", \"arguments\": \"{\\\"a\\\": 1}\"}}, "
        "{\"id\": \"i\", \"type\": \"function\", \"function\": "
        "{\"name\": \"g\", \"arguments\": \"\"}}], "
        "\"prefix\": false, \"parse_error\": \"First.\"}");
    assert_int_equal(m.message.role, CHAT_ASSISTANT);
    assert_true(m.message.is_list);
    assert_int_equal(m.message.n_parts, 4);
    assert_int_equal(m.message.parts[1].kind, PART_THINKING);
    assert_true(span_is(m.message.parts[2].text, "bc"));
    assert_int_equal(m.message.n_calls, 2);
    assert_true(span_is(m.message.calls[0].arguments, "{\"a\": 1}"));
    buf_free(&json);
    reply_message_free(&m);
}

TEST(reply_message, an_output_of_nothing)
{
    struct reply_message m = {0};
    struct err err = {0};
    struct buf json;
    buf_init(&json, LIMIT_TEXT_BYTES);
    assert_true(reply_message_add(&m, &(struct reply_event){.kind = REPLY_END}, &err));
    assert_true(reply_message_write(&m, &json, &err));
    assert_string_equal(json.data, "{\"role\": \"assistant\", \"prefix\": true}");
    assert_int_equal(m.message.n_parts, 0);
    buf_free(&json);
    reply_message_free(&m);
    reply_message_free(&m);
}

TEST(reply_message, reports_failed_allocations)
{
    bool ok = false;
    size_t n = 0;
    for (; !ok; n++) {
        struct reply_message m = {0};
        struct err err = {0};
        struct buf json;
        buf_init(&json, LIMIT_TEXT_BYTES);
        mem_fail_once(n);
        ok = add_all(&m, &json, &err);
        bool failed = mem_n_failed() > 0;
        mem_fail_never();
        assert_int_equal(ok, !failed);
        assert_int_equal(err.code, ok ? ERR_NONE : ERR_LIMIT);
        buf_free(&json);
        reply_message_free(&m);
    }
    assert_true(n > 5);
}
