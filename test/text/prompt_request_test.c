/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that are no conversation, as JSON: every golden vector of them. */
#include "text/prompt_request.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"
#include "text/tokenizer_fixture.h"

static bool render(struct prompt_request *out, const char *template, const char *text,
                   struct err *err)
{
    static const struct prompt_request_options options = {.spelling = CHAT_MISTRAL};
    struct prompt_format format;
    const struct tokenizer *tok = fixture_generation(template);
    *out = (struct prompt_request){0};
    return prompt_format_init(&format, tok, fixture_version(template), err) &&
           prompt_request_read(out, &format, &options, "request", text, strlen(text), err);
}

/* Renders a request that must be fine, and releases it. */
static void render_json(struct prompt_request *out, const char *template, json_t *request)
{
    struct err err = {0};
    char *text = json_dumps(request, 0);
    if (!render(out, template, text, &err))
        fail_msg("%s: %s: %s", template, text, err.text);
    free(text);
    json_decref(request);
}

static json_t *load_vectors(const char *path, json_t **root)
{
    *root = json_load_file(path, 0, NULL);
    assert_non_null(*root);
    return json_object_get(*root, "vectors");
}

static uint64_t number(const json_t *v, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(v, key));
}

/* Compares ids with those of a vector, without the slots when it leaves them out. */
static void assert_vector(const struct prompt *prompt, const json_t *v)
{
    const json_t *all = json_object_get(v, "ids"), *ids = json_object_get(v, "ids_without_audio");
    struct prompt_slot none = {0};
    const struct prompt_slot *slot = all || !prompt->n_slots ? &none : prompt->slots;
    ids = all ? all : ids;
    assert_int_equal(prompt->ids.n, json_array_size(ids) + slot->n);
    for (size_t i = 0; i < json_array_size(ids); i++)
        assert_int_equal(prompt->ids.ids[i < slot->at ? i : i + slot->n],
                         json_integer_value(json_array_get(ids, i)));
}

TEST(prompt_request, fills_in_the_middle_as_the_reference)
{
    json_t *root, *v, *vectors = load_vectors("test/data/golden/fim.json", &root);
    size_t i;
    json_array_foreach(vectors, i, v)
    {
        struct prompt_request request;
        render_json(&request, json_string_value(json_object_get(v, "template")),
                    json_pack("{s:O, s:O}", "prompt", json_object_get(v, "prompt"), "suffix",
                              json_object_get(v, "suffix")));
        assert_vector(&request.prompt, v);
        prompt_request_free(&request);
    }
    assert_int_equal(i, 24);
    json_decref(root);
}

static void check_transcription(const json_t *v)
{
    struct prompt_request request;
    render_json(&request, "tekken-v7-audio",
                json_pack("{s:{s:O, s:O}}", "transcription", "samples",
                          json_object_get(v, "samples"), "language",
                          json_object_get(v, "language")));
    assert_vector(&request.prompt, v);
    assert_int_equal(request.prompt.slots[0].n, number(v, "n_audio"));
    assert_int_equal(request.prompt.slots[0].n_samples, number(v, "padded_samples"));
    assert_false(request.is_streaming);
    prompt_request_free(&request);
}

static void check_streaming(const json_t *v)
{
    struct prompt_request request;
    bool offline = json_object_get(v, "samples") != NULL;
    render_json(&request, "tekken-v7-realtime",
                json_pack("{s:{s:O*, s:O*}}", "streaming", "samples", json_object_get(v, "samples"),
                          "delay_ms", json_object_get(v, "delay_ms")));
    const struct streaming_pads *pads = &request.pads;
    assert_true(request.is_streaming);
    assert_int_equal(request.prompt.ids.n, number(v, "n_ids"));
    if (json_is_array(json_object_get(v, "ids")))
        assert_vector(&request.prompt, v);
    if (offline)
        assert_int_equal(pads->left + number(v, "samples") + pads->right,
                         number(v, "padded_samples"));
    if (json_object_get(v, "left_pad"))
        assert_int_equal(pads->left, number(v, "left_pad"));
    if (json_object_get(v, "right_pad"))
        assert_int_equal(pads->right, number(v, "right_pad"));
    prompt_request_free(&request);
}

static void check_speech(const json_t *v)
{
    struct prompt_request request;
    render_json(&request, "tekken-v7-tts",
                json_pack("{s:{s:O*, s:O*, s:O*}}", "speech", "input", json_object_get(v, "input"),
                          "voice", json_object_get(v, "voice"), "samples",
                          json_object_get(v, "samples_24k")));
    assert_vector(&request.prompt, v);
    assert_int_equal(request.prompt.slots[0].n, number(v, "n_audio"));
    prompt_request_free(&request);
}

TEST(prompt_request, asks_about_sound_as_the_reference)
{
    json_t *root, *v, *vectors = load_vectors("test/data/golden/audio.json", &root);
    size_t i;
    json_array_foreach(vectors, i, v)
    {
        const char *kind = json_string_value(json_object_get(v, "kind"));
        if (strcmp(kind, "transcription") == 0)
            check_transcription(v);
        else if (strncmp(kind, "speech", 6) == 0)
            check_speech(v);
        else
            check_streaming(v);
    }
    assert_int_equal(i, 62);
    json_decref(root);
}

TEST(prompt_request, says_what_is_wrong_with_a_request)
{
    static const struct {
        const char *template, *text, *message;
    } bad[] = {
        {"spm-v3", "", "request: line 1, column 1: expected a value"},
        {"spm-v3", "[]",
         "request: expected an object with messages, with a prompt and its suffix, "
         "or with transcription, streaming or speech"},
        {"spm-v3", "{\"messages\": null}", "request: expected an object with messages"},
        {"spm-v3", "{\"messages\": 1}", "request: messages: expected a list"},
        {"spm-v3", "{\"prompt\": []}", "request: prompt: expected a text"},
        {"spm-v3", "{\"prompt\": \"\", \"suffix\": 1}", "request: suffix: expected a text"},
        {"spm-v1", "{\"prompt\": \"\"}", "request: prompt format v1 cannot fill in the middle"},
        {"spm-v3", "{\"transcription\": {\"samples\": 1}}", "request: this model takes no sound"},
        {"tekken-v13",
         "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"user\", "
         "\"content\": \"b\"}, {\"role\": \"assistant\", \"content\": \"c\"}, {\"role\": \"user\", "
         "\"content\": [{\"type\": \"image\", \"width\": 1, \"height\": 1}]}]}",
         "request: messages[3]: this model takes no pictures"},
        {"spm-v3", "{\"transcription\": 1}", "request: transcription: expected an object"},
        {"tekken-v7-audio", "{\"transcription\": {}}", "request: sound of 0 samples"},
        {"tekken-v7-audio", "{\"transcription\": {\"samples\": 1.0}}",
         "request: transcription.samples: expected a whole number up to 4294967296"},
        {"tekken-v7-audio", "{\"streaming\": {}}", "request: this model transcribes no streams"},
        {"tekken-v7-realtime", "{\"streaming\": {\"delay_ms\": 4294967296}}",
         "request: streaming.delay_ms: expected a whole number up to 4294967295"},
        {"tekken-v7-tts", "{\"speech\": {\"voice\": \"fr_male\"}}",
         "request: speech: input: missing; expected a text"},
        {"tekken-v7-tts", "{\"speech\": {\"input\": \"a\"}}",
         "request: speech: expected a voice, or the samples of a recording"},
        {"tekken-v7-tts",
         "{\"speech\": {\"input\": \"a\", \"samples\": 9, \"voice\": \"fr_male\"}}",
         "request: speech: expected a voice, or the samples of a recording"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct prompt_request request;
        struct err err = {0};
        if (render(&request, bad[i].template, bad[i].text, &err))
            fail_msg("accepted: %s", bad[i].text);
        if (strncmp(err.text, bad[i].message, strlen(bad[i].message)) != 0)
            fail_msg("%s: %s", bad[i].text, err.text);
        prompt_request_free(&request);
    }
}

/* A limit truncates although the request does not ask for it; the reference's ids are those
 * of a request that does. */
TEST(prompt_request, a_limit_drops_old_messages)
{
    static const char text[] =
        "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\","
        "\"content\": \"b\"}, {\"role\": \"user\", \"content\": \"c\"}]}";
    static const int32_t want[] = {1, 3, 1045, 4};
    const struct prompt_request_options options = {.max_tokens = 5};
    struct prompt_request request;
    struct prompt_format format;
    struct err err = {0};
    assert_true(prompt_format_init(&format, fixture_generation("spm-v7"), 0, &err));
    assert_true(
        prompt_request_read(&request, &format, &options, "request", text, sizeof text - 1, &err));
    assert_int_equal(request.prompt.ids.n, 4);
    assert_memory_equal(request.prompt.ids.ids, want, sizeof want);
    prompt_request_free(&request);
}

/* The whole prompt has 8 ids behind its start token, its last turn 3. */
TEST(prompt_request, a_limit_counts_what_stands_behind_the_start_token)
{
    static const char text[] =
        "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\","
        "\"content\": \"b\"}, {\"role\": \"user\", \"content\": \"c\"}]}";
    static const struct {
        const char *template;
        uint32_t max;
        size_t n; /* 0: refused */
    } cases[] = {{"spm-v7", 8, 9}, {"spm-v7", 7, 4}, {"spm-v7", 3, 4}, {"spm-v7", 2, 0},
                 {"spm-v3", 0, 9}, {"spm-v3", 8, 0}, {"spm-v1", 8, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct prompt_request_options options = {.max_tokens = cases[i].max};
        struct prompt_request request;
        struct prompt_format format;
        struct err err = {0};
        assert_true(prompt_format_init(&format, fixture_generation(cases[i].template), 0, &err));
        bool ok = prompt_request_read(&request, &format, &options, "request", text, sizeof text - 1,
                                      &err);
        if (!ok)
            assert_int_equal(err.code, format.version < 7 ? ERR_UNSUPPORTED : ERR_ARG);
        if (ok != (cases[i].n != 0) || (ok && request.prompt.ids.n != cases[i].n))
            fail_msg("case %zu: %zu ids", i, request.prompt.ids.n);
        prompt_request_free(&request);
    }
}

TEST(prompt_request, every_allocation_can_fail)
{
    static const char text[] =
        "{\"messages\": [{\"role\": \"system\", \"content\": \"a\"}, {\"role\": \"user\","
        "\"content\": [{\"type\": \"text\", \"text\": \"b\\n\"}, {\"type\": \"image\", \"width\": "
        "9,"
        "\"height\": 9}]}], \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\","
        "\"parameters\": {}}}]}";
    bool ok = false;
    fixture_generation("tekken-v15-image");
    for (size_t n = 0; !ok; n++) {
        struct prompt_request request;
        struct err err = {0};
        mem_fail_after(n);
        ok = render(&request, "tekken-v15-image", text, &err);
        mem_fail_never();
        if (!ok)
            assert_int_equal(err.code, ERR_LIMIT);
        prompt_request_free(&request);
    }
}
