/* SPDX-License-Identifier: Apache-2.0 */
#include "text/chat_part_int.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"

/* What was read lives as long as these. */
static struct json_tree tree;
static struct arena arena;

static bool read_content(const char *text, struct chat_message *message, struct err *err)
{
    *message = (struct chat_message){0};
    assert_true(json_tree_parse(&tree, "c", text, strlen(text), err));
    return chat_read_content(&arena, tree.root, message, err);
}

static void forget(void)
{
    json_tree_free(&tree);
    arena_free(&arena);
}

TEST(chat_part, reads_every_type)
{
    static const struct {
        const char *text;
        enum chat_part_kind kind;
        const char *want;
    } cases[] = {
        {"{\"type\": \"text\", \"text\": \"a\"}", PART_TEXT, "a"},
        {"{\"type\": \"input_text\", \"text\": \"a\"}", PART_TEXT, "a"},
        {"{\"type\": \"output_text\", \"text\": \"a\", \"annotations\": []}", PART_TEXT, "a"},
        {"{\"type\": \"refusal\", \"refusal\": \"a\"}", PART_TEXT, "a"},
        {"{\"type\": \"thinking\", \"thinking\": \"a\"}", PART_THINKING, "a"},
        {"{\"type\": \"thinking\", \"thinking\": []}", PART_THINKING, ""},
        {"{\"type\": \"thinking\", \"thinking\": [{\"type\": \"text\", \"text\": \"a\"}, "
         "{\"text\": "
         "\"b\"}], \"signature\": null, \"closed\": true}",
         PART_THINKING, "ab"},
        {"{\"type\": \"image_url\", \"image_url\": \"u\"}", PART_IMAGE, "u"},
        {"{\"type\": \"image_url\", \"image_url\": {\"url\": \"u\", \"detail\": null}}", PART_IMAGE,
         "u"},
        {"{\"type\": \"input_image\", \"image_url\": \"u\"}", PART_IMAGE, "u"},
        {"{\"type\": \"input_audio\", \"input_audio\": \"u\"}", PART_AUDIO, "u"},
        {"{\"type\": \"input_audio\", \"input_audio\": {\"data\": \"u\", \"format\": \"mp3\"}}",
         PART_AUDIO, "u"},
        {"{\"type\": \"audio_url\", \"audio_url\": {\"url\": \"u\"}}", PART_AUDIO, "u"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[300];
        struct chat_message m;
        struct err err = {0};
        snprintf(text, sizeof text, "[%s]", cases[i].text);
        if (!read_content(text, &m, &err))
            fail_msg("%s: %s", text, err.text);
        assert_true(m.is_list && m.n_parts == 1);
        assert_int_equal(m.parts[0].kind, cases[i].kind);
        assert_true(span_is(m.parts[0].text, cases[i].want));
        assert_int_equal(m.parts[0].closed, cases[i].kind == PART_THINKING);
        forget();
    }
}

TEST(chat_part, reads_sizes_without_media)
{
    struct chat_message m;
    struct err err = {0};
    assert_true(read_content("[{\"type\": \"image\", \"width\": 65536, \"height\": 7}, "
                             "{\"type\": \"audio\", \"samples\": 4294967296}]",
                             &m, &err));
    assert_int_equal(m.parts[0].width, 65536);
    assert_int_equal(m.parts[0].height, 7);
    assert_null(m.parts[0].text.s);
    assert_int_equal(m.parts[1].n_samples, 4294967296);
    forget();
}

TEST(chat_part, has_nothing_for_nothing)
{
    static const char *const texts[] = {"null", "\"\"", "[]"};
    for (size_t i = 0; i < 3; i++) {
        struct chat_message m;
        struct err err = {0};
        assert_true(read_content(texts[i], &m, &err));
        assert_int_equal(m.n_parts, 0);
        forget();
    }
    struct chat_message m = {0};
    struct err err = {0};
    assert_true(chat_read_content(&arena, NULL, &m, &err));
    assert_int_equal(m.n_parts, 0);
}

/* Types that a model's own answers may have, such as references, are refused rather than
 * forgotten. */
TEST(chat_part, forgets_nothing)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"1", "c: expected a text or a list of parts"},
        {"{}", "c: expected a text or a list of parts"},
        {"[\"a\"]", "[0]: expected an object with a type"},
        {"[{}]", "[0]: type: missing"},
        {"[{\"type\": 1}]", "[0].type: expected a text"},
        {"[{\"type\": \"reference\", \"reference_ids\": [1]}]", "\"reference\" is no type"},
        {"[{\"type\": \"tool_reference\", \"tool\": \"web_search\", \"title\": \"t\"}]",
         "is no type"},
        {"[{\"type\": \"document_url\", \"document_url\": \"u\"}]", "is no type of content"},
        {"[{\"type\": \"file\", \"file\": {}}]", "is no type of content"},
        {"[{\"type\": \"text\"}]", "[0]: text: missing"},
        {"[{\"type\": \"text\", \"text\": null}]", "[0].text: expected a text"},
        {"[{\"type\": \"thinking\"}]", "thinking: missing"},
        {"[{\"type\": \"thinking\", \"thinking\": [{\"type\": \"reference\"}]}]",
         "thinking[0]: text: missing"},
        {"[{\"type\": \"thinking\", \"thinking\": \"\", \"closed\": 0}]", "expected true or false"},
        {"[{\"type\": \"image\", \"width\": 1}]", "height: missing"},
        {"[{\"type\": \"image\", \"width\": 1, \"height\": 65537}]", "from 0 to 65536"},
        {"[{\"type\": \"image\", \"width\": -1, \"height\": 1}]", "expected a whole number"},
        {"[{\"type\": \"audio\", \"samples\": 1.5}]", "expected a whole number"},
        {"[{\"type\": \"image_url\", \"image_url\": {}}]", "url: missing"},
        {"[{\"type\": \"image_url\"}]", "image_url: missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chat_message m;
        struct err err = {0};
        if (read_content(cases[i].text, &m, &err))
            fail_msg("%s: accepted", cases[i].text);
        assert_int_equal(err.code, ERR_ARG);
        if (!strstr(err.text, cases[i].want))
            fail_msg("%s: %s", cases[i].text, err.text);
        forget();
    }
}

TEST(chat_part, puts_reasoning_first)
{
    struct chat_message m;
    struct err err = {0};
    assert_true(read_content("\"answer\"", &m, &err));
    assert_false(m.is_list);
    assert_true(chat_add_reasoning(&arena, SPAN("thought"), &m, &err));
    assert_true(m.is_list);
    assert_int_equal(m.n_parts, 2);
    assert_int_equal(m.parts[0].kind, PART_THINKING);
    assert_true(m.parts[0].closed && span_is(m.parts[0].text, "thought"));
    assert_true(span_is(m.parts[1].text, "answer"));
    forget();
}

TEST(chat_part, survives_a_full_arena)
{
    static const char text[] = "[{\"type\": \"thinking\", \"thinking\": [{\"text\": \"a\"}]}]";
    struct err err = {0};
    assert_true(json_tree_parse(&tree, "c", text, sizeof text - 1, &err));
    for (size_t room = 0; room < 600; room += 8) {
        struct chat_message m = {0};
        err = (struct err){0};
        assert_non_null(arena_new(&arena, 1, 65536 - 600 + room, &err));
        mem_fail_once(0);
        bool ok = chat_read_content(&arena, tree.root, &m, &err) &&
                  chat_add_reasoning(&arena, SPAN("b"), &m, &err);
        size_t n_failed = mem_n_failed();
        mem_fail_never();
        assert_int_equal(ok, n_failed == 0);
        arena_free(&arena);
    }
    forget();
}
