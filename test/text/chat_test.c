/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as clients send them: the forms are those of the official OpenAI and Mistral
 * libraries for Python and JavaScript, from their source and recorded on the wire. */
#include "text/chat.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "test.h"
#include "text/call_id.h"
#include "text/prompt_fixture.h"

static bool read_chat(struct chat *chat, enum chat_spelling spelling, const char *text,
                      struct err *err)
{
    return chat_read(chat, spelling, "request", text, strlen(text), err);
}

static void assert_span(struct span got, const char *want)
{
    if (!span_is(got, want))
        fail_msg("\"%.*s\", not \"%s\"", (int)got.n, got.s ? got.s : "", want);
}

/* A request of openai 6.49 for JavaScript: a tool loop with what its types add. */
static const char openai[] =
    "{\"model\": \"m\", \"stream\": false, \"temperature\": 0.2, \"max_completion_tokens\": 100,"
    "\"tool_choice\": {\"type\": \"function\", \"function\": {\"name\": \"f\"}},"
    "\"parallel_tool_calls\": true, \"response_format\": {\"type\": \"text\"}, \"user\": \"u\","
    "\"reasoning_effort\": \"medium\", \"messages\": ["
    "{\"role\": \"developer\", \"content\": \"Be brief.\"},"
    "{\"role\": \"user\", \"name\": \"Ada\", \"content\": [{\"type\": \"text\", \"text\": "
    "\"What?\"},"
    "{\"type\": \"image_url\", \"image_url\": {\"url\": \"data:image/png;base64,AA==\", "
    "\"detail\": "
    "\"low\"}}, {\"type\": \"input_audio\", \"input_audio\": {\"data\": \"QUJD\", \"format\": "
    "\"wav\"}}]},"
    "{\"role\": \"assistant\", \"content\": null, \"refusal\": null, \"annotations\": [],"
    "\"reasoning_content\": \"Hm.\", \"audio\": null, \"function_call\": null, \"tool_calls\": ["
    "{\"id\": \"call_Ab12Cd34Ef56Gh78\", \"type\": \"function\", \"index\": 0, \"function\": "
    "{\"name\": \"f\", \"arguments\": \"{\\\"a\\\":1}\"}},"
    "{\"id\": \"chatcmpl-tool-0123456789\", \"type\": \"function\", \"function\": {\"name\": \"g\","
    "\"arguments\": {\"b\": [1, 2.50, \"\\u00e9\"]}}}]},"
    "{\"role\": \"tool\", \"tool_call_id\": \"chatcmpl-tool-0123456789\", \"content\": \"2\"},"
    "{\"role\": \"tool\", \"tool_call_id\": \"call_Ab12Cd34Ef56Gh78\", \"content\": "
    "[{\"type\": \"text\", \"text\": \"1\"}]},"
    "{\"role\": \"assistant\", \"content\": [{\"type\": \"refusal\", \"refusal\": \"No.\"}]},"
    "{\"role\": \"user\", \"content\": \"Go on\"}],"
    "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\"}},"
    "{\"type\": \"function\", \"function\": {\"name\": \"g\", \"description\": null, \"strict\": "
    "true, \"parameters\": {\"type\": \"object\"}}},"
    "{\"type\": \"function\", \"function\": {\"name\": \"h\", \"description\": \"d\", \"strict\": "
    "null, \"parameters\": null}}]}";

TEST(chat, reads_what_openai_s_clients_send)
{
    struct chat chat;
    struct err err = {0};
    if (!read_chat(&chat, CHAT_OPENAI, openai, &err))
        fail_msg("%s", err.text);
    const struct chat_message *m = chat.messages;
    assert_int_equal(chat.n_messages, 7);
    assert_true(chat.has_model && !chat.continue_final && !chat.truncate);
    assert_span(chat.reasoning_effort, "high");
    assert_int_equal(m[0].role, CHAT_SYSTEM);
    assert_false(m[0].is_list);
    assert_span(m[0].parts[0].text, "Be brief.");
    assert_int_equal(m[1].n_parts, 3);
    assert_true(m[1].is_list);
    assert_int_equal(m[1].parts[1].kind, PART_IMAGE);
    assert_span(m[1].parts[1].text, "data:image/png;base64,AA==");
    assert_int_equal(m[1].parts[2].kind, PART_AUDIO);
    assert_span(m[1].parts[2].text, "QUJD");
    assert_int_equal(m[2].n_parts, 1);
    assert_int_equal(m[2].parts[0].kind, PART_THINKING);
    assert_true(m[2].parts[0].closed);
    assert_span(m[2].parts[0].text, "Hm.");
    assert_int_equal(m[2].n_calls, 2);
    assert_span(m[2].calls[0].arguments, "{\"a\":1}");
    assert_span(m[2].calls[1].arguments, "{\"b\": [1, 2.5, \"\xc3\xa9\"]}");
    assert_true(call_id_is_valid(m[2].calls[0].id) && call_id_is_valid(m[2].calls[1].id));
    assert_false(span_same(m[2].calls[0].id, m[2].calls[1].id));
    assert_true(span_same(m[3].call_id, m[2].calls[1].id));
    assert_true(span_same(m[4].call_id, m[2].calls[0].id));
    assert_span(m[4].parts[0].text, "1");
    assert_span(m[5].parts[0].text, "No.");
    assert_int_equal(chat.n_tools, 3);
    for (size_t i = 0; i < 3; i++)
        assert_span(chat.tools[i].description, i < 2 ? "" : "d");
    assert_null(chat.tools[0].parameters);
    assert_non_null(chat.tools[1].parameters);
    assert_null(chat.tools[2].parameters);
    chat_free(&chat);
}

/* The same conversation in both spellings gives the same ids; those of calls are in v11's. */
TEST(chat, maps_ids_of_calls_in_prompts)
{
    static const char form[] =
        "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", "
        "\"tool_calls\": [{\"id\": \"%s\", \"function\": {\"name\": \"f\", \"arguments\": "
        "\"{}\"}}, "
        "{\"id\": \"%s\", \"function\": {\"name\": \"g\", \"arguments\": \"{}\"}}]}, {\"role\": "
        "\"tool\", \"tool_call_id\": \"%s\", \"content\": \"2\"}, {\"role\": \"tool\", "
        "\"tool_call_id\": \"%s\", \"content\": \"1\"}]}";
    static const char one[] = "call_1", two[] = "550e8400-e29b-41d4-a716-446655440000";
    static const char *const templates[] = {"spm-v3", "spm-v7", "tekken-v11-image", "tekken-v13"};
    char first[CALL_ID_BYTES + 1], second[CALL_ID_BYTES + 1], request[1000];
    call_id_of(SPAN("call_1"), first);
    call_id_of(SPAN("550e8400-e29b-41d4-a716-446655440000"), second);
    for (size_t i = 0; i < 4; i++) {
        const struct prompt_format format = fixture_format(templates[i]);
        struct prompt got, want;
        struct err err = {0};
        snprintf(request, sizeof request, form, one, two, two, one);
        assert_true(fixture_prompt(&format, CHAT_OPENAI, request, NULL, &got, &err));
        assert_false(fixture_prompt(&format, CHAT_MISTRAL, request, NULL, &want, &err));
        assert_non_null(strstr(err.text, "Tool call id was call_1 but must be"));
        snprintf(request, sizeof request, form, first, second, second, first);
        err = (struct err){0};
        assert_true(fixture_prompt(&format, CHAT_MISTRAL, request, NULL, &want, &err));
        assert_same_ids(templates[i], &got.ids, &want.ids);
        prompt_free(&got);
        prompt_free(&want);
    }
}

TEST(chat, reads_what_mistral_s_clients_send)
{
    static const char text[] =
        "{\"model\": null, \"continue_final_message\": true, \"truncate_for_context_length\": true,"
        "\"prompt_mode\": \"reasoning\", \"safe_prompt\": false, \"tools\": [], \"messages\": ["
        "{\"role\": \"user\", \"content\": [{\"type\": \"image_url\", \"image_url\": "
        "\"http://x\"}, "
        "{\"type\": \"audio_url\", \"audio_url\": \"http://y\"}]},"
        "{\"role\": \"assistant\", \"prefix\": true, \"tool_calls\": null, \"content\": "
        "[{\"type\": "
        "\"thinking\", \"closed\": false, \"thinking\": [{\"type\": \"text\", \"text\": \"a\"}, "
        "{\"type\": \"text\", \"text\": \"b\"}]}, {\"type\": \"text\", \"text\": \"c\"}]}]}";
    struct chat chat;
    struct err err = {0};
    if (!read_chat(&chat, CHAT_MISTRAL, text, &err))
        fail_msg("%s", err.text);
    assert_true(!chat.has_model && chat.continue_final && chat.truncate);
    assert_null(chat.reasoning_effort.s);
    assert_span(chat.messages[0].parts[0].text, "http://x");
    assert_span(chat.messages[0].parts[1].text, "http://y");
    assert_true(chat.messages[1].prefix);
    assert_int_equal(chat.messages[1].n_parts, 2);
    assert_false(chat.messages[1].parts[0].closed);
    assert_span(chat.messages[1].parts[0].text, "ab");
    assert_span(chat.messages[1].parts[1].text, "c");
    chat_free(&chat);
}

TEST(chat, knows_openai_s_degrees_of_effort)
{
    static const char *const degrees[][2] = {
        {"none", "none"}, {"minimal", "none"}, {"low", "high"}, {"medium", "high"},
        {"high", "high"}, {"xhigh", "high"},   {"max", "high"}};
    for (size_t i = 0; i < sizeof degrees / sizeof *degrees; i++) {
        char text[200];
        struct chat chat;
        struct err err = {0};
        snprintf(text, sizeof text, "{\"messages\": [], \"reasoning_effort\": \"%s\"}",
                 degrees[i][0]);
        assert_true(read_chat(&chat, CHAT_OPENAI, text, &err));
        assert_span(chat.reasoning_effort, degrees[i][1]);
        chat_free(&chat);
        bool is_ours = strcmp(degrees[i][0], degrees[i][1]) == 0;
        assert_int_equal(read_chat(&chat, CHAT_MISTRAL, text, &err), is_ours);
        chat_free(&chat);
    }
}

TEST(chat, refuses_what_it_does_not_understand)
{
#define ONE(message) "{\"messages\": [" message "]}"
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"[", "request: line 1"},
        {"[]", "expected an object with messages"},
        {"{}", "messages: missing"},
        {"{\"messages\": null}", "messages: missing"},
        {"{\"messages\": {}}", "messages: expected a list"},
        {ONE("1"), "messages[0]: expected an object with role and content"},
        {ONE("{}"), "messages[0]: expected a role"},
        {ONE("{\"role\": 1}"), "messages[0].role: expected a role"},
        {ONE("{\"role\": \"function\", \"content\": \"\"}"), "\"function\" is no role"},
        {ONE("{\"role\": \"developer\", \"content\": \"\"}"), "\"developer\" is no role"},
        {ONE("{\"role\": \"user\"}"), "messages[0]: content: missing"},
        {ONE("{\"role\": \"user\", \"content\": 1}"), "expected a text or a list of parts"},
        {ONE("{\"role\": \"user\", \"content\": [{\"type\": \"thinking\", \"thinking\": \"\"}]}"),
         "thinking cannot be part of a user message"},
        {ONE("{\"role\": \"tool\", \"content\": \"\", \"tool_call_id\": 1}"), "expected a text"},
        {ONE("{\"role\": \"tool\", \"content\": \"\", \"name\": []}"), "expected a text"},
        {ONE("{\"role\": \"assistant\", \"prefix\": 1}"), "prefix: expected true or false"},
        {ONE("{\"role\": \"assistant\", \"tool_calls\": {}}"), "tool_calls: expected a list"},
        {ONE("{\"role\": \"assistant\", \"tool_calls\": [1]}"), "expected an object"},
        {ONE("{\"role\": \"assistant\", \"tool_calls\": [{}]}"), "expected a function"},
        {ONE("{\"role\": \"assistant\", \"tool_calls\": [{\"type\": \"custom\"}]}"),
         "tool_calls[0].type: expected \"function\""},
        {ONE("{\"role\": \"assistant\", \"tool_calls\": [{\"function\": {}}]}"),
         "expected the name"},
        {ONE("{\"role\": \"assistant\", \"tool_calls\": [{\"function\": {\"name\": 1}}]}"),
         "function.name: expected the name"},
        {ONE("{\"role\": \"assistant\", \"tool_calls\": [{\"id\": 1, \"function\": {\"name\": "
             "\"f\"}}]}"),
         "id: expected a text"},
        {ONE("{\"role\": \"assistant\", \"reasoning\": \"a\", \"reasoning_content\": \"b\"}"),
         "differ; give one"},
        {ONE("{\"role\": \"assistant\", \"reasoning\": 1}"), "reasoning: expected a text"},
        {ONE("{\"role\": \"assistant\", \"reasoning\": \"a\", \"content\": [{\"type\": "
             "\"thinking\", "
             "\"thinking\": \"b\"}]}"),
         "beside thinking parts"},
        {"{\"messages\": [], \"tools\": 1}", "tools: expected a list"},
        {"{\"messages\": [], \"tools\": [1]}", "tools[0]: expected an object"},
        {"{\"messages\": [], \"tools\": [{\"function\": {\"name\": \"f\", \"description\": 1}}]}",
         "description: expected a text"},
        {"{\"messages\": [], \"tools\": [{\"function\": {\"name\": \"f\", \"parameters\": []}}]}",
         "parameters: expected a JSON Schema"},
        {"{\"messages\": [], \"tools\": [{\"type\": \"web_search\"}]}", "expected \"function\""},
        {"{\"messages\": [], \"reasoning_effort\": 1}", "reasoning_effort: expected a text"},
        {"{\"messages\": [], \"model\": 1}", "model: expected a text"},
        {"{\"messages\": [], \"continue_final_message\": \"yes\"}", "expected true or false"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chat chat;
        struct err err = {0};
        if (read_chat(&chat, CHAT_MISTRAL, cases[i].text, &err))
            fail_msg("%s: accepted", cases[i].text);
        if (!strstr(err.text, cases[i].want))
            fail_msg("%s: %s", cases[i].text, err.text);
        chat_free(&chat);
    }
}

TEST(chat, bounds_its_lists)
{
    struct buf text;
    struct chat chat;
    struct err err = {0};
    buf_init(&text, 1 << 20);
    assert_true(buf_add(&text, "{\"messages\": [0", 15, &err));
    for (unsigned i = 0; i < LIMIT_MESSAGES; i++)
        assert_true(buf_add(&text, ",0", 2, &err));
    assert_true(buf_add(&text, "]}", 2, &err));
    assert_false(read_chat(&chat, CHAT_MISTRAL, text.data, &err));
    assert_string_equal(err.text, "request: messages: 10001 items; at most 10000 are taken");
    chat_free(&chat);
    buf_free(&text);
}

TEST(chat, names_its_roles)
{
    assert_string_equal(chat_role_name(CHAT_SYSTEM), "system");
    assert_string_equal(chat_role_name(CHAT_TOOL), "tool");
}
