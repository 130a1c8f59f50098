/* SPDX-License-Identifier: Apache-2.0 */
/* Random conversations, merged, encoded, cut and refused as the reference library does it:
 * which texts it encodes, each by itself, and which control tokens stand between them. */
#include "text/chat_merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"
#include "text/prompt_fixture.h"
#include "text/tokenizer_fixture.h"

/* A vocabulary of single bytes, in which the reference counted the tokens that it cut. */
static struct tokenizer *open_bytes(void)
{
    static const char settings[] =
        ", \"model_settings_builder\": {\"reasoning_effort\": {\"type\": \"enum\", \"values\": "
        "[\"none\", \"high\"], \"accepts_none\": true, \"default\": \"none\"}}}";
    struct buf lines, json, names;
    struct err err = {0};
    buf_init(&names, 1 << 20);
    for (int i = 0; i < N_CONTROLS; i++) {
        char item[100];
        int n = snprintf(item, sizeof item,
                         "%c{\"rank\": %d, \"token_str\": \"%s\", \"is_control\": true}",
                         i ? ',' : '[', i, prompt_control_name((enum prompt_control)i));
        assert_true(buf_add(&names, item, (size_t)n, &err));
    }
    assert_true(buf_add(&names, "]", 1, &err));
    fixture_byte_lines(&lines);
    fixture_tekken(&json, "v15", names.data, N_CONTROLS, lines.data);
    json.len--; /* the last brace */
    assert_true(buf_add(&json, settings, sizeof settings - 1, &err));
    struct tokenizer *tok = tokenizer_from_tekken("bytes", json.data, json.len, &err);
    if (!tok)
        fail_msg("%s", err.text);
    buf_free(&names);
    buf_free(&lines);
    buf_free(&json);
    return tok;
}

static void add_segment(const struct prompt_format *format, const char *segment,
                        struct token_ids *want)
{
    if (*segment == 'c')
        want_control(format, want, segment + 1);
    else
        want_text(format, want, segment + 1, strlen(segment + 1));
}

static void add_segments(const struct prompt_format *format, const json_t *segments,
                         struct token_ids *want)
{
    size_t i;
    const json_t *segment;
    json_array_foreach(segments, i, segment)
    {
        bool is_run = json_is_array(segment);
        const json_t *text = is_run ? json_array_get(segment, 0) : segment;
        json_int_t n = is_run ? json_integer_value(json_array_get(segment, 1)) : 1;
        while (n-- > 0)
            add_segment(format, json_string_value(text), want);
    }
}

/* Says whether our sentence is the reference's, where that is one. */
static bool says_the_same(const char *message, const char *text)
{
    return strchr(message, '\'') || strchr(message, '=') || strstr(message, "//") ||
           strlen(message) < 28 || strstr(text, message) ||
           strstr(text, "Invalid assistant message");
}

static void check(const struct prompt_format *format, const char *request, const json_t *v)
{
    const char *mode = json_string_value(json_object_get(v, "mode"));
    const struct prompt_options options = {
        .mode = *mode == 's'   ? CHAT_SERVING
                : *mode == 'f' ? CHAT_FINETUNING
                               : CHAT_TEST,
        .max_tokens = (uint32_t)json_integer_value(json_object_get(v, "max_model_input_len"))};
    struct prompt prompt;
    struct token_ids want = {0};
    struct err err = {0};
    bool ok = fixture_prompt(format, CHAT_MISTRAL, request, &options, &prompt, &err);
    if (ok != !json_object_get(v, "error"))
        fail_msg("v%d: %s: %s", format->version, request, ok ? "accepted" : err.text);
    if (ok) {
        add_segments(format, json_object_get(v, "segments"), &want);
        assert_same_ids(request, &prompt.ids, &want);
    } else if (!says_the_same(json_string_value(json_object_get(v, "message")), err.text)) {
        fail_msg("%s: %s", request, err.text);
    }
    token_ids_free(&want);
    prompt_free(&prompt);
}

static void check_everywhere(const struct tokenizer *bytes, const json_t *v)
{
    static const struct {
        int version;
        bool has_images;
        const char *template;
    } formats[] = {
        {1, false, "spm-v1"},           {2, false, "spm-v2"},           {3, false, "spm-v3"},
        {3, false, "tekken-v3"},        {3, true, "tekken-v3-image"},   {7, false, "spm-v7"},
        {7, true, "tekken-v7-image"},   {11, true, "tekken-v11-image"}, {13, false, "tekken-v13"},
        {13, true, "tekken-v13-image"}, {15, true, "tekken-v15-image"},
    };
    char *request = json_dumps(json_object_get(v, "request"), 0);
    int version = (int)json_integer_value(json_object_get(v, "version"));
    bool has_images = strstr(request, "\"image\"");
    struct err err = {0};
    if (json_object_get(v, "max_model_input_len")) {
        struct prompt_format format;
        assert_true(prompt_format_init(&format, bytes, version, &err));
        check(&format, request, v);
    } else {
        for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
            if (formats[i].version != version || (has_images && !formats[i].has_images))
                continue;
            const struct prompt_format format = fixture_format(formats[i].template);
            check(&format, request, v);
        }
    }
    free(request);
}

TEST(chat_merge, shapes_random_conversations_as_the_reference)
{
    struct tokenizer *bytes = open_bytes();
    json_t *root = fixture_json("chat/random.json"), *v;
    size_t i;
    json_array_foreach(json_object_get(root, "vectors"), i, v) check_everywhere(bytes, v);
    assert_int_equal(i, 225);
    json_decref(root);
    tokenizer_close(bytes);
}

/* Everything that a request can hold, for the tests below. */
static const char all[] =
    "{\"model\": \"m\", \"truncate_for_context_length\": true, \"reasoning_effort\": \"high\","
    "\"messages\": [{\"role\": \"developer\", \"content\": \"s\\u00e9\"},"
    "{\"role\": \"system\", \"content\": [{\"type\": \"text\", \"text\": \"t\"}]},"
    "{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"user\", \"content\": [{\"type\": "
    "\"text\", \"text\": \"b\"}, {\"type\": \"image\", \"width\": 3, \"height\": 3}]},"
    "{\"role\": \"assistant\", \"content\": null, \"reasoning_content\": \"hm\", \"tool_calls\": ["
    "{\"id\": \"call_1\", \"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": "
    "{\"x\": 1}}}, {\"id\": \"call_2\", \"type\": \"function\", \"function\": {\"name\": \"f\", "
    "\"arguments\": \"[1,2]\"}}]},"
    "{\"role\": \"tool\", \"tool_call_id\": \"call_2\", \"content\": \"2\"},"
    "{\"role\": \"tool\", \"tool_call_id\": \"call_1\", \"content\": \"1\"},"
    "{\"role\": \"assistant\", \"content\": [{\"type\": \"thinking\", \"thinking\": [{\"type\": "
    "\"text\", \"text\": \"so\"}]}, {\"type\": \"text\", \"text\": \"c\"}]},"
    "{\"role\": \"user\", \"content\": \"d\"}],"
    "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": "
    "{\"type\":"
    "\"object\", \"required\": [\"x\", \"y\"]}}}]}";

TEST(chat_merge, survives_every_failed_allocation)
{
    const struct prompt_format format = fixture_format("tekken-v15-image");
    const struct prompt_options options = {.max_tokens = 100000};
    for (size_t n = 0;; n++) {
        struct prompt prompt;
        struct err err = {0};
        mem_fail_after(n);
        bool ok = fixture_prompt(&format, CHAT_OPENAI, all, &options, &prompt, &err);
        size_t n_failed = mem_n_failed();
        mem_fail_never();
        prompt_free(&prompt);
        if (ok != !n_failed || (!ok && err.code != ERR_LIMIT))
            fail_msg("allocation %zu: %s", n, err.text);
        if (ok)
            break;
        assert_true(n < 10000);
    }
}

/* A request of long texts, each of which needs an allocation of its own.  Owned: buf_free(). */
static void write_long(struct buf *out, size_t n)
{
    static const char form[] =
        "{\"messages\": [{\"role\": \"system\", \"content\": $}, {\"role\": \"system\", "
        "\"content\": [{\"type\": \"text\", \"text\": $}]}, {\"role\": \"user\", \"content\": $}, "
        "{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": $}]}, "
        "{\"role\": \"assistant\", \"tool_calls\": [{\"id\": \"aaaaaaaaa\", \"function\": "
        "{\"name\": \"f\", \"arguments\": $}}]}, {\"role\": \"tool\", \"tool_call_id\": "
        "\"aaaaaaaaa\", \"content\": $}, {\"role\": \"tool\", \"tool_call_id\": \"aaaaaaaaa\", "
        "\"content\": \"1\"}, {\"role\": \"user\", \"content\": $}], \"tools\": [{\"function\": "
        "{\"name\": \"f\", \"description\": $}}]}";
    struct err err = {0};
    buf_init(out, 1 << 24);
    for (const char *s = form; *s; s++) {
        if (*s != '$') {
            assert_true(buf_add(out, s, 1, &err));
            continue;
        }
        assert_true(buf_add(out, "\"", 1, &err));
        for (size_t i = 0; i < n; i++)
            assert_true(buf_add(out, "a", 1, &err));
        assert_true(buf_add(out, "\"", 1, &err));
    }
}

/* Only one allocation fails, so that what follows it goes on. */
TEST(chat_merge, survives_one_failed_allocation)
{
    static const char *const templates[] = {"spm-v2", "spm-v3", "spm-v7"};
    struct buf request;
    write_long(&request, 5000);
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
        const struct prompt_format format = fixture_format(templates[i]);
        for (size_t n = 0;; n++) {
            struct prompt prompt;
            struct err err = {0};
            mem_fail_once(n);
            bool ok = fixture_prompt(&format, CHAT_MISTRAL, request.data, NULL, &prompt, &err);
            size_t n_failed = mem_n_failed();
            mem_fail_never();
            prompt_free(&prompt);
            if (ok != !n_failed)
                fail_msg("allocation %zu: %s", n, err.text);
            if (ok)
                break;
        }
    }
    buf_free(&request);
}

/* With all kinds of room left in the arena, so that each allocation in turn is the one. */
TEST(chat_merge, survives_a_full_arena)
{
    static const char *const templates[] = {"spm-v3", "tekken-v13-image"};
    struct chat chat;
    struct err err = {0};
    assert_true(chat_read(&chat, CHAT_OPENAI, "request", all, sizeof all - 1, &err));
    for (size_t i = 0; i < 2 * 2000; i++) {
        const struct prompt_format format = fixture_format(templates[i / 2000]);
        struct arena arena = {0};
        struct chat_merged merged;
        err = (struct err){0};
        assert_non_null(arena_new(&arena, 1, 60000 + 8 * (i % 2000 / 3), &err));
        mem_fail_once(i % 3);
        bool ok = chat_merge(&format, &chat, &arena, &merged, &err);
        size_t n_failed = mem_n_failed();
        mem_fail_never();
        assert_int_equal(ok, n_failed == 0);
        arena_free(&arena);
    }
    chat_free(&chat);
}
