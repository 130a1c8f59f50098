/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/chat_log.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "test.h"

static struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

/* A conversation with every kind of message. */
static bool build(struct chat_log *log, struct err *err)
{
    const struct chat_call call = {.id = SPAN("abcdefghi"), .name = SPAN("f")};
    struct buf json;
    buf_init(&json, 1000);
    bool ok = chat_log_say(log, SPAN("What is \"f\"?\n"), err) &&
              chat_log_set_system(log, SPAN("Be long."), err) &&
              chat_log_set_system(log, SPAN("Be brief."), err) &&
              buf_add(&json, "{\"role\": \"assistant\", \"tool_calls\": []}", 39, err) &&
              chat_log_add(log, CHAT_ASSISTANT, &json, err) &&
              chat_log_result(log, &call, span_of("{\"x\": 1}"), err) &&
              chat_log_set_effort(log, "high", err);
    buf_free(&json);
    return ok;
}

static const char request[] =
    "{\"messages\": [\n"
    "{\"role\": \"system\", \"content\": \"Be brief.\"},\n"
    "{\"role\": \"user\", \"content\": \"What is \\\"f\\\"?\\n\"},\n"
    "{\"role\": \"assistant\", \"tool_calls\": []},\n"
    "{\"role\": \"tool\", \"content\": \"{\\\"x\\\": 1}\", \"tool_call_id\": \"abcdefghi\", "
    "\"name\": \"f\"}\n"
    "], \"reasoning_effort\": \"high\"}\n";

TEST(chat_log, messages_are_kept_as_the_api_spells_them)
{
    struct chat_log log = {0}, copy;
    struct err err = {0};
    struct buf json;
    buf_init(&json, 4000);
    assert_true(build(&log, &err));
    assert_true(chat_log_has_system(&log));
    assert_true(chat_log_copy(&copy, &log, &err));
    chat_log_free(&log);
    assert_true(chat_log_request(&copy, &json, &err));
    assert_string_equal(json.data, request);
    chat_log_cut(&copy, 1);
    assert_int_equal(copy.n, 1);
    chat_log_cut(&copy, 0);
    assert_false(chat_log_has_system(&copy));
    buf_clear(&json);
    assert_true(chat_log_set_effort(&copy, NULL, &err));
    assert_true(chat_log_request(&copy, &json, &err));
    assert_string_equal(json.data, "{\"messages\": [\n]}\n");
    buf_free(&json);
    chat_log_free(&copy);
}

/* The effort of the file counts, and that of the log where the file has none. */
TEST(chat_log, a_conversation_is_saved_with_its_effort)
{
    struct chat_log log = {0}, loaded = {0};
    struct err err = {0};
    struct buf json;
    const char *path = test_tmp("chat.json");
    buf_init(&json, 4000);
    assert_true(build(&log, &err));
    assert_true(chat_log_save(&log, path, &err));
    assert_true(chat_log_set_effort(&loaded, "none", &err));
    assert_true(chat_log_load(&loaded, path, &err));
    assert_true(chat_log_request(&loaded, &json, &err));
    assert_string_equal(json.data, request);
    assert_true(chat_log_set_effort(&log, NULL, &err));
    assert_true(chat_log_save(&log, path, &err));
    chat_log_cut(&loaded, 0);
    assert_true(chat_log_load(&loaded, path, &err));
    buf_clear(&json);
    assert_true(chat_log_request(&loaded, &json, &err));
    assert_string_equal(json.data, request);
    buf_free(&json);
    chat_log_free(&log);
    chat_log_free(&loaded);
}

TEST(chat_log, a_conversation_has_a_limit)
{
    struct chat_log log = {0};
    struct err err = {0};
    for (unsigned i = 0; i < LIMIT_MESSAGES; i++)
        assert_true(chat_log_say(&log, SPAN("x"), &err));
    assert_false(chat_log_say(&log, SPAN("x"), &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(log.n, LIMIT_MESSAGES);
    chat_log_free(&log);
}

TEST(chat_log, missing_memory_is_an_error)
{
    bool done = false;
    for (size_t n = 0; !done; n++) {
        struct chat_log log = {0}, copy = {0};
        struct err err = {0};
        struct buf json;
        buf_init(&json, 4000);
        mem_fail_after(n);
        done = build(&log, &err) && chat_log_copy(&copy, &log, &err) &&
               chat_log_request(&copy, &json, &err);
        mem_fail_never();
        assert_int_equal(err.code, done ? ERR_NONE : ERR_LIMIT);
        assert_true(!done || n > 10);
        buf_free(&json);
        chat_log_free(&log);
        chat_log_free(&copy);
    }
}
