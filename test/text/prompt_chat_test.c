/* SPDX-License-Identifier: Apache-2.0 */
/* Every conversation of the golden files, as the reference library encodes or refuses it. */
#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"
#include "text/prompt.h"
#include "text/tokenizer_fixture.h"

static const char folder[] = "test/data/golden/";

/* Encodes a request as the command line does.  Owned: prompt_free(). */
static bool encode(const char *template, const json_t *request, enum chat_mode mode,
                   uint32_t max_tokens, struct prompt *prompt, struct err *err)
{
    struct prompt_format format;
    struct prompt_options options = {.mode = mode, .max_tokens = max_tokens};
    struct chat chat;
    char *text = json_dumps(request, 0);
    *prompt = (struct prompt){0};
    assert_true(
        prompt_format_init(&format, fixture_generation(template), fixture_version(template), err));
    bool ok = chat_read(&chat, CHAT_MISTRAL, "request", text, strlen(text), err) &&
              prompt_chat(&format, &chat, &options, prompt, err);
    chat_free(&chat);
    free(text);
    return ok;
}

static void assert_prompt(const char *name, const struct prompt *prompt, const json_t *ids)
{
    size_t n = json_array_size(ids), i = 0;
    while (i < n && i < prompt->ids.n &&
           prompt->ids.ids[i] == json_integer_value(json_array_get(ids, i)))
        i++;
    if (i < n || prompt->ids.n != n)
        fail_msg("%s: %zu ids, want %zu; they part at %zu", name, prompt->ids.n, n, i);
}

/* The text view is the reference's: every token as its piece. */
static void assert_text(const char *template, const char *name, const struct prompt *prompt,
                        const json_t *want)
{
    struct prompt_format format;
    struct buf text;
    struct err err = {0};
    buf_init(&text, 1 << 24);
    assert_true(
        prompt_format_init(&format, fixture_generation(template), fixture_version(template), &err));
    assert_true(prompt_text(&format, &prompt->ids, &text, &err));
    if (strcmp(text.data, json_string_value(want)) != 0)
        fail_msg("%s: text %s\nwant %s", name, text.data, json_string_value(want));
    buf_free(&text);
}

static void check_vector(const char *template, const json_t *v)
{
    struct prompt prompt;
    struct err err = {0};
    const char *name = json_string_value(json_object_get(v, "name"));
    char full[200];
    snprintf(full, sizeof full, "%s/%s", template, name);
    uint32_t max = (uint32_t)json_integer_value(json_object_get(v, "max_model_input_len"));
    if (!encode(template, json_object_get(v, "request"), CHAT_TEST, max, &prompt, &err))
        fail_msg("%s: %s", full, err.text);
    assert_prompt(full, &prompt, json_object_get(v, "ids"));
    if (json_object_get(v, "text"))
        assert_text(template, full, &prompt, json_object_get(v, "text"));
    if (json_object_get(v, "n_prefix_ids"))
        assert_int_equal(prompt.n_prefix, json_integer_value(json_object_get(v, "n_prefix_ids")));
    prompt_free(&prompt);
}

static json_t *load(const char *file)
{
    char path[300];
    snprintf(path, sizeof path, "%s%s", folder, file);
    json_t *root = json_load_file(path, 0, NULL);
    assert_non_null(root);
    return root;
}

TEST(prompt_chat, encodes_every_conversation_as_the_reference)
{
    DIR *dir = opendir(folder);
    size_t n = 0;
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t i;
        json_t *v;
        if (strncmp(entry->d_name, "chat-", 5) != 0 || strstr(entry->d_name, "errors"))
            continue;
        json_t *root = load(entry->d_name);
        const char *template = json_string_value(json_object_get(root, "template"));
        json_array_foreach(json_object_get(root, "vectors"), i, v)
        {
            check_vector(template, v);
            n++;
        }
        json_decref(root);
    }
    closedir(dir);
    assert_int_equal(n, 361);
}

TEST(prompt_chat, encodes_the_reference_library_s_own_samples)
{
    json_t *root = load("upstream-samples.json"), *v;
    size_t i;
    json_array_foreach(json_object_get(root, "vectors"), i, v)
        check_vector(json_string_value(json_object_get(v, "template")), v);
    assert_int_equal(i, 13);
    json_decref(root);
}

static enum chat_mode mode_of(const json_t *v)
{
    const char *mode = json_string_value(json_object_get(v, "mode"));
    return strcmp(mode, "serving") == 0      ? CHAT_SERVING
           : strcmp(mode, "finetuning") == 0 ? CHAT_FINETUNING
                                             : CHAT_TEST;
}

/* Says whether our sentence is the reference's.  Its assertions and its schema layer's
 * messages are for programmers; ours say the same in words of their own. */
static bool says_the_same(const json_t *v, const char *text)
{
    const char *error = json_string_value(json_object_get(v, "error"));
    const char *message = json_string_value(json_object_get(v, "message"));
    if (strcmp(error, "AssertionError") == 0)
        return strstr(text, strstr(message, "image") ? "takes no pictures" : "takes no sound");
    if (strcmp(error, "ValidationError") == 0)
        return strstr(text, "expected") || strstr(text, "cannot be") || strstr(text, "is no role");
    if (strcmp(error, "InvalidToolSchemaException") == 0)
        return strstr(text, "Invalid tool schema: ");
    if (strncmp(message, "Invalid assistant message", 25) == 0)
        return strstr(text, "Invalid assistant message");
    if (strncmp(message, "System messages are not yet allowed", 35) == 0)
        return strstr(text, "Found system messages");
    return strstr(text, message);
}

TEST(prompt_chat, refuses_what_the_reference_refuses)
{
    json_t *root = load("chat-errors.json"), *v, *template;
    size_t i, k, n = 0;
    json_array_foreach(json_object_get(root, "vectors"), i, v)
        json_array_foreach(json_object_get(v, "templates"), k, template)
    {
        struct prompt prompt;
        struct err err = {0};
        const char *name = json_string_value(template);
        uint32_t max = (uint32_t)json_integer_value(json_object_get(v, "max_model_input_len"));
        bool ok = encode(name, json_object_get(v, "request"), mode_of(v), max, &prompt, &err);
        n++;
        if (ok != json_is_true(json_object_get(v, "ok")))
            fail_msg("%zu, %s: %s", i, name, ok ? "accepted" : err.text);
        if (ok && json_object_get(v, "ids"))
            assert_prompt(name, &prompt, json_object_get(v, "ids"));
        if (!ok && !says_the_same(v, err.text))
            fail_msg("%zu, %s: %s", i, name, err.text);
        prompt_free(&prompt);
    }
    assert_int_equal(i, 111);
    assert_true(n > 400);
    json_decref(root);
}

/* --- settings that released files do not have ----------------------------------------- */

/* Builds a prompt with settings of that form; want NULL: it can be built. */
static void check_effort(struct effort_traits effort, const char *request, const char *want)
{
    struct prompt_format format;
    struct chat chat;
    struct prompt prompt = {0};
    const struct prompt_options options = {0};
    struct err err = {0};
    assert_true(prompt_format_init(&format, fixture_generation("tekken-v15-image"), 0, &err));
    struct traits traits = *format.traits;
    traits.effort = effort;
    format.traits = &traits;
    assert_true(chat_read(&chat, CHAT_MISTRAL, "request", request, strlen(request), &err));
    bool ok = prompt_chat(&format, &chat, &options, &prompt, &err);
    if (ok != !want || (want && strcmp(err.text, want) != 0))
        fail_msg("%s: %s", request, ok ? "accepted" : err.text);
    for (size_t i = 0; ok && i < prompt.ids.n; i++)
        assert_int_not_equal(prompt.ids.ids[i], format.ids[CONTROL_SETTINGS]);
    prompt_free(&prompt);
    chat_free(&chat);
}

/* mistral-common, tokens/tokenizers/model_settings_builder.py. */
TEST(prompt_chat, settings_follow_the_file)
{
    static const char without[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}";
    static const char system[] = "{\"messages\": [{\"role\": \"system\", \"content\": \"a\"}]}";
    static const char high[] = "{\"reasoning_effort\": \"high\", \"messages\": [{\"role\": "
                               "\"user\", \"content\": \"a\"}]}";
    const struct span none = SPAN("none");
    const struct effort_traits must = {.present = true, .values = &none, .n_values = 1};
    const struct effort_traits may = {.present = true, .accepts_none = true};
    check_effort((struct effort_traits){0}, high, NULL);
    check_effort(may, without, NULL);
    check_effort(may, high, "reasoning_effort not supported for this model.");
    check_effort(must, without, "reasoning_effort should be set for this model.");
    check_effort(must, system, "reasoning_effort should be set for this model.");
    check_effort(must, high, "reasoning_effort 'high' is none that this model knows");
}

TEST(prompt_chat, v1_has_no_results)
{
    json_t *request = json_loads("{\"messages\": [{\"role\": \"tool\", \"content\": \"1\"}, "
                                 "{\"role\": \"user\", \"content\": \"a\"}]}",
                                 0, NULL);
    struct prompt prompt;
    struct err err = {0};
    assert_false(encode("spm-v1", request, CHAT_TEST, 0, &prompt, &err));
    assert_string_equal(err.text, "messages[0]: Tools not implemented for tokenizer V1");
    prompt_free(&prompt);
    json_decref(request);
}
