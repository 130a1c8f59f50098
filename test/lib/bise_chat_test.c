/* SPDX-License-Identifier: Apache-2.0 */
/* Prompts and replies by the public header only; the ids are those of the golden files. */
#include "bise.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "test.h"
#include "text/tokenizer_fixture.h"

enum { N_IDS = 4096 };

static void copy(const char *from, const char *to)
{
    size_t n;
    char *bytes = test_read(from, &n);
    test_write(to, bytes, n);
    free(bytes);
}

/* Opens random weights with the tokenizer of a template: "spm-v3" or "tekken-v13".  The weights'
 * vocabulary is smaller, but nothing is computed here. */
static struct bise_model *open_model(const char *template)
{
    char dir[512], file[600];
    struct bise_error error = {0};
    struct buf json;
    snprintf(dir, sizeof dir, "%s", test_tmp(template));
    mkdir(dir, 0700);
    snprintf(file, sizeof file, "%s/params.json", dir);
    copy("test/data/oracle/mistral/params.json", file);
    snprintf(file, sizeof file, "%s/consolidated.safetensors", dir);
    copy("test/data/oracle/mistral/consolidated.safetensors", file);
    if (strcmp(template, "spm-v3") == 0) {
        snprintf(file, sizeof file, "%s/tokenizer.model.v3", dir);
        copy("test/data/tokenizers/mistral_instruct_tokenizer_240323.model.v3", file);
    } else {
        snprintf(file, sizeof file, "%s/tekken.json", dir);
        fixture_heads(&json, template + strlen("tekken-"));
        test_write(file, json.data, json.len);
        buf_free(&json);
    }
    struct bise_model *model = bise_model_open(dir, NULL, &error);
    if (!model)
        fail_msg("%s", error.text);
    return model;
}

static json_t *load(const char *path)
{
    json_t *root = json_load_file(path, 0, NULL);
    assert_non_null(root);
    return root;
}

static size_t read_ids(const json_t *array, int32_t ids[N_IDS])
{
    size_t n = json_array_size(array);
    assert_true(n < N_IDS);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(array, i));
    return n;
}

static void check_prompts(const char *template, const char *path)
{
    struct bise_model *model = open_model(template);
    json_t *root = load(path), *v;
    size_t i;
    json_array_foreach(json_object_get(root, "vectors"), i, v)
    {
        static int32_t ids[N_IDS], want[N_IDS];
        struct bise_error error = {0};
        struct bise_render_options options = {
            .max_tokens = (uint32_t)json_integer_value(json_object_get(v, "max_model_input_len"))};
        char *text = json_dumps(json_object_get(v, "request"), 0);
        size_t n_want = read_ids(json_object_get(v, "ids"), want);
        int64_t n = bise_render(model, text, strlen(text), &options, ids, N_IDS, &error);
        if (n != (int64_t)n_want)
            fail_msg("%s: %d ids, want %zu: %s", text, (int)n, n_want, error.text);
        assert_memory_equal(ids, want, n_want * sizeof *ids);
        free(text);
    }
    assert_true(i > 20);
    json_decref(root);
    bise_model_close(model);
}

TEST(bise_chat, renders_requests_as_the_reference)
{
    check_prompts("spm-v3", "test/data/golden/chat-spm-v3.json");
    check_prompts("tekken-v13", "test/data/golden/chat-tekken-v13.json");
}

/* A message as it is collected from events. */
struct message {
    json_t *chunks, *calls;
    char text[512], arguments[512], error[512];
    bool any_thinking, stopped, over;
};

static void append(char text[512], const struct bise_event *event)
{
    size_t n = strlen(text);
    assert_true(n + event->n_text < 512);
    if (event->n_text)
        memcpy(text + n, event->text, event->n_text);
    text[n + event->n_text] = '\0';
}

static void end_text(struct message *m)
{
    if (m->text[0])
        json_array_append_new(m->chunks, json_pack("{s:s, s:s}", "type", "text", "text", m->text));
    m->text[0] = '\0';
}

static void end_thought(struct message *m, bool closed)
{
    json_array_append_new(m->chunks, json_pack("{s:s, s:s, s:b}", "type", "thinking", "thinking",
                                               m->text, "closed", closed));
    m->text[0] = '\0';
}

static void take(struct message *m, const struct bise_event *event, bool *in_thought)
{
    switch (event->kind) {
    case BISE_EVENT_TEXT:
    case BISE_EVENT_THINKING:
        append(m->text, event);
        return;
    case BISE_EVENT_THINKING_BEGIN:
        end_text(m);
        m->any_thinking = *in_thought = true;
        return;
    case BISE_EVENT_THINKING_END:
        end_thought(m, true);
        *in_thought = false;
        return;
    case BISE_EVENT_CALL:
        assert_int_equal(event->call, json_array_size(m->calls));
        json_array_append_new(m->calls, json_pack("{s:s%}", "name", event->name, event->n_name));
        m->arguments[0] = '\0';
        return;
    case BISE_EVENT_ARGUMENTS:
        append(m->arguments, event);
        return;
    case BISE_EVENT_CALL_END:
        json_object_set_new(json_array_get(m->calls, event->call), "arguments",
                            json_loads(m->arguments, 0, NULL));
        return;
    case BISE_EVENT_ERROR:
        append(m->error, event);
        return;
    case BISE_EVENT_END:
        if (*in_thought)
            end_thought(m, false);
        end_text(m);
        m->stopped = event->stopped;
        m->over = true;
        return;
    }
}

static void collect(struct message *m, const struct bise_model *model, const int32_t *ids, size_t n)
{
    struct bise_error error = {0};
    struct bise_event event;
    bool in_thought = false;
    struct bise_reply *reply = bise_reply_open(model, 0, &error);
    *m = (struct message){.chunks = json_array(), .calls = json_array()};
    for (size_t i = 0; i <= n; i++) {
        enum bise_code code =
            i < n ? bise_reply_add(reply, ids[i], &error) : bise_reply_end(reply, 0, &error);
        assert_int_equal(code, BISE_OK);
        while (bise_reply_next(reply, &event))
            take(m, &event, &in_thought);
    }
    assert_true(m->over);
    bise_reply_close(reply);
}

/* The reference's message in the form of ours: arguments as values, no ids. */
static void assert_message(const struct message *m, const json_t *parsed, const char *name)
{
    json_t *want, *content = json_object_get(parsed, "content"), *call;
    json_t *calls = json_array();
    size_t i;
    if (json_is_array(content))
        want = json_incref(content);
    else if (content)
        want = json_pack("[{s:s, s:O}]", "type", "text", "text", content);
    else
        want = json_array();
    json_array_foreach(json_object_get(parsed, "tool_calls"), i, call)
    {
        json_t *f = json_object_get(call, "function");
        const char *arguments = json_string_value(json_object_get(f, "arguments"));
        json_array_append_new(calls, json_pack("{s:O, s:o}", "name", json_object_get(f, "name"),
                                               "arguments", json_loads(arguments, 0, NULL)));
    }
    if (!json_equal(want, m->chunks) || !json_equal(calls, m->calls) || m->error[0])
        fail_msg("%s: %s %s %s", name, json_dumps(m->chunks, 0), json_dumps(m->calls, 0), m->error);
    assert_int_equal(m->stopped, json_is_false(json_object_get(parsed, "prefix")));
    json_decref(want);
    json_decref(calls);
}

/* Calls that the reference refuses and we do not: one alone without its list, and arguments right
 * behind the name. */
static bool is_understood(const char *name)
{
    return strcmp(name, "old_object_not_list") == 0 || strcmp(name, "missing_args_token") == 0;
}

static void check_replies(const char *template, size_t n_want)
{
    struct bise_model *model = open_model(template);
    json_t *root = load("test/data/golden/parse.json"), *v;
    size_t i, n_seen = 0;
    json_array_foreach(json_object_get(root, "vectors"), i, v)
    {
        static int32_t ids[N_IDS];
        struct message m;
        const json_t *parsed = json_object_get(v, "parsed");
        if (strcmp(json_string_value(json_object_get(v, "template")), template) != 0)
            continue;
        collect(&m, model, ids, read_ids(json_object_get(v, "ids"), ids));
        if (is_understood(json_string_value(json_object_get(v, "name"))))
            assert_int_equal(json_array_size(m.calls), 1);
        else if (json_object_get(parsed, "error"))
            assert_string_not_equal(m.error, "");
        else
            assert_message(&m, parsed, json_string_value(json_object_get(v, "name")));
        json_decref(m.chunks);
        json_decref(m.calls);
        n_seen++;
    }
    assert_int_equal(n_seen, n_want);
    json_decref(root);
    bise_model_close(model);
}

TEST(bise_chat, understands_replies_as_the_reference)
{
    check_replies("spm-v3", 9);
    check_replies("tekken-v13", 18);
}

TEST(bise_chat, writes_no_more_ids_than_fit)
{
    static const char text[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}";
    static const int32_t want[] = {1, 3, 1032, 4};
    int32_t ids[5] = {-1, -1, -1, -1, -1};
    struct bise_model *model = open_model("spm-v3");
    assert_int_equal(bise_render(model, text, sizeof text - 1, NULL, NULL, 0, NULL), 4);
    assert_int_equal(bise_render(model, text, sizeof text - 1, NULL, ids, 2, NULL), 4);
    assert_int_equal(ids[2], -1);
    assert_int_equal(bise_render(model, text, sizeof text - 1, NULL, ids, 5, NULL), 4);
    assert_memory_equal(ids, want, sizeof want);
    assert_int_equal(ids[4], -1);
    bise_model_close(model);
}

TEST(bise_chat, says_what_is_wrong_with_a_request)
{
    static const char developer[] =
        "{\"messages\": [{\"role\": \"developer\", \"content\": \"a\"}, {\"role\": \"user\","
        "\"content\": \"b\"}]}";
    struct bise_render_options openai = {.openai = 1}, none = {.version = 4};
    struct bise_error error = {0};
    struct bise_model *model = open_model("spm-v3");
    size_t n = sizeof developer - 1;
    assert_int_equal(bise_render(model, developer, n, NULL, NULL, 0, &error), -1);
    assert_int_equal(error.code, BISE_ERROR_ARGUMENT);
    assert_non_null(strstr(error.text, "request: messages[0].role"));
    assert_true(bise_render(model, developer, n, &openai, NULL, 0, &error) > 0);
    assert_int_equal(bise_render(model, "{", 1, NULL, NULL, 0, &error), -1);
    assert_int_equal(error.code, BISE_ERROR_FORMAT);
    assert_int_equal(bise_render(model, developer, n, &none, NULL, 0, &error), -1);
    assert_int_equal(error.code, BISE_ERROR_UNSUPPORTED);
    assert_int_equal(bise_render(NULL, developer, n, NULL, NULL, 0, &error), -1);
    assert_string_equal(error.text, "model: is NULL");
    assert_int_equal(bise_render(model, NULL, 1, NULL, NULL, 0, &error), -1);
    assert_string_equal(error.text, "request: is NULL");
    assert_int_equal(bise_render(model, developer, n, NULL, NULL, 1, &error), -1);
    assert_string_equal(error.text, "ids: is NULL");
    assert_null(bise_reply_open(NULL, 0, &error));
    assert_string_equal(error.text, "model: is NULL");
    assert_null(bise_reply_open(model, 4, &error));
    assert_int_equal(error.code, BISE_ERROR_UNSUPPORTED);
    assert_int_equal(bise_reply_add(NULL, 1, &error), BISE_ERROR_ARGUMENT);
    assert_int_equal(bise_reply_end(NULL, 1, &error), BISE_ERROR_ARGUMENT);
    bise_reply_close(NULL);
    bise_model_close(model);
}

TEST(bise_chat, a_model_without_a_prompt_format_says_so)
{
    static const char text[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}";
    struct bise_render_options v1 = {.version = 1};
    struct bise_error error = {0};
    struct bise_model *model = bise_model_open("models/stories260K.gguf", NULL, NULL);
    assert_int_equal(bise_render(model, text, sizeof text - 1, NULL, NULL, 0, &error), -1);
    assert_int_equal(error.code, BISE_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.text, "belongs to no known prompt format"));
    assert_true(bise_render(model, text, sizeof text - 1, &v1, NULL, 0, &error) > 4);
    bise_model_close(model);
    model = bise_model_open("test/data/oracle/mistral", NULL, NULL);
    assert_int_equal(bise_render(model, text, sizeof text - 1, NULL, NULL, 0, &error), -1);
    assert_int_equal(error.code, BISE_ERROR_UNSUPPORTED);
    bise_model_close(model);
}

/* The answer to a request is that to its ids, but begins as a text of its own. */
TEST(bise_chat, an_answer_can_start_from_a_request)
{
    static const char text[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"Once\"}]}";
    const struct bise_render_options v1 = {.version = 1};
    const struct bise_answer_options four = {.max_tokens = 4};
    struct bise_error error = {0};
    int32_t ids[64];
    struct bise_model *model = bise_model_open("models/stories260K.gguf", NULL, NULL);
    int64_t n = bise_render(model, text, sizeof text - 1, &v1, ids, 64, NULL);
    struct bise_answer *a =
        bise_answer_from_request(model, text, sizeof text - 1, &v1, &four, &error);
    struct bise_answer *b = bise_answer_from_ids(model, ids, (size_t)n, &four, &error);
    struct bise_piece x = {0}, y = {0};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(bise_answer_next(a, &x, NULL), BISE_OK);
        assert_int_equal(bise_answer_next(b, &y, NULL), BISE_OK);
        assert_int_equal(x.id, y.id);
        if (i == 0)
            assert_string_equal(x.text, y.text + (*y.text == ' '));
    }
    assert_true(x.is_last && y.is_last);
    bise_answer_close(a);
    bise_answer_close(b);
    assert_null(bise_answer_from_request(model, text, sizeof text - 1, NULL, NULL, &error));
    assert_int_equal(error.code, BISE_ERROR_UNSUPPORTED);
    assert_null(bise_answer_from_request(model, "{}", 2, &v1, NULL, &error));
    assert_int_equal(error.code, BISE_ERROR_ARGUMENT);
    assert_null(bise_answer_from_request(model, NULL, 2, &v1, NULL, &error));
    assert_string_equal(error.text, "request: is NULL");
    bise_model_close(model);
}

TEST(bise_chat, every_allocation_can_fail)
{
    static const char text[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}";
    struct bise_model *model = open_model("spm-v3");
    bool ok = false;
    for (size_t n = 0; !ok; n++) {
        struct bise_error error = {0};
        mem_fail_after(n);
        struct bise_reply *reply = bise_reply_open(model, 0, &error);
        ok = reply && bise_render(model, text, sizeof text - 1, NULL, NULL, 0, &error) == 4;
        mem_fail_never();
        if (!ok)
            assert_int_equal(error.code, BISE_ERROR_LIMIT);
        bise_reply_close(reply);
    }
    bise_model_close(model);
}

TEST(bise_chat, no_answer_to_pictures_that_it_cannot_see)
{
    static const char text[] = "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": "
                               "\"image\", \"width\": 9, \"height\": 9}]}]}";
    struct bise_error error = {0};
    struct bise_model *model = open_model("tekken-v3-image");
    assert_true(bise_render(model, text, sizeof text - 1, NULL, NULL, 0, &error) > 0);
    assert_null(bise_answer_from_request(model, text, sizeof text - 1, NULL, NULL, &error));
    assert_int_equal(error.code, BISE_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.text, "pictures"));
    bise_model_close(model);
}
