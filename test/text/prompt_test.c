/* SPDX-License-Identifier: Apache-2.0 */
#include "text/prompt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "test.h"
#include "text/prompt_fixture.h"
#include "text/prompt_int.h"
#include "text/tokenizer_fixture.h"

struct prompt_format fixture_format(const char *template)
{
    struct prompt_format format;
    struct err err = {0};
    if (!prompt_format_init(&format, fixture_generation(template), fixture_version(template), &err))
        fail_msg("%s: %s", template, err.text);
    return format;
}

bool fixture_prompt(const struct prompt_format *format, enum chat_spelling spelling,
                    const char *request, const struct prompt_options *options,
                    struct prompt *prompt, struct err *err)
{
    static const struct prompt_options usual = {0};
    struct chat chat;
    *prompt = (struct prompt){0};
    bool ok = chat_read(&chat, spelling, "request", request, strlen(request), err) &&
              prompt_chat(format, &chat, options ? options : &usual, prompt, err);
    chat_free(&chat);
    return ok;
}

json_t *fixture_json(const char *file)
{
    char path[300];
    json_error_t e;
    snprintf(path, sizeof path, "test/data/%s", file);
    json_t *root = json_load_file(path, JSON_ALLOW_NUL, &e);
    if (!root)
        fail_msg("%s: %s", path, e.text);
    return root;
}

void assert_prompt_ids(const char *name, const struct token_ids *got, const json_t *want)
{
    size_t n = json_array_size(want), i = 0;
    while (i < n && i < got->n && got->ids[i] == json_integer_value(json_array_get(want, i)))
        i++;
    if (i < n || got->n != n)
        fail_msg("%s: %zu ids, want %zu; they part at %zu", name, got->n, n, i);
}

void want_control(const struct prompt_format *format, struct token_ids *want, const char *name)
{
    struct err err = {0};
    int32_t id = tokenizer_control(format->tok, name);
    if (id < 0)
        fail_msg("no %s in %s", name, tokenizer_describe(format->tok));
    assert_true(token_ids_add(want, id, &err));
}

void want_text(const struct prompt_format *format, struct token_ids *want, const char *text,
               size_t n)
{
    struct err err = {0};
    size_t at = want->n;
    assert_true(tokenizer_encode(format->tok, text, n, want, &err));
    for (size_t i = at; i < want->n; i++)
        if (tokenizer_is_control(format->tok, want->ids[i]))
            fail_msg("\"%s\" becomes a control token", text);
}

void assert_same_ids(const char *name, const struct token_ids *got, const struct token_ids *want)
{
    size_t i = 0;
    while (i < want->n && i < got->n && got->ids[i] == want->ids[i])
        i++;
    if (i < want->n || got->n != want->n)
        fail_msg("%s: %zu ids, want %zu; they part at %zu", name, got->n, want->n, i);
}

/* --- slots ---------------------------------------------------------------------------- */

TEST(prompt, says_where_pictures_stand)
{
    const struct prompt_format format = fixture_format("tekken-v13-image");
    struct prompt prompt;
    struct err err = {0};
    /* 1024 x 768 is 37 x 28 slots: tokenizers.md 8.9. */
    assert_true(fixture_prompt(
        &format, CHAT_MISTRAL,
        "{\"messages\": [{\"role\": \"user\", \"content\": ["
        "{\"type\": \"image\", \"width\": 1024, \"height\": 768}, {\"type\": \"text\", \"text\":"
        "\"and\"}, {\"type\": \"image\", \"width\": 1, \"height\": 1}]}]}",
        NULL, &prompt, &err));
    assert_int_equal(prompt.n_slots, 2);
    assert_int_equal(prompt.slots[0].kind, SLOT_IMAGE);
    assert_int_equal(prompt.slots[0].at, 2);
    assert_int_equal(prompt.slots[0].n, 1064);
    assert_int_equal(prompt.slots[0].width, 37 * 28);
    assert_int_equal(prompt.slots[0].height, 28 * 28);
    assert_null(prompt.slots[0].source.s);
    assert_int_equal(prompt.slots[1].at, 2 + 1064 + 1);
    assert_int_equal(prompt.slots[1].n, 2);
    assert_int_equal(prompt.ids.ids[2 + 37], format.ids[CONTROL_IMG_BREAK]);
    assert_int_equal(prompt.ids.ids[2 + 1063], format.ids[CONTROL_IMG_END]);
    prompt_free(&prompt);
    assert_null(prompt.slots);
}

TEST(prompt, says_where_sound_stands)
{
    const struct prompt_format format = fixture_format("tekken-v7-audio");
    struct prompt prompt;
    struct err err = {0};
    assert_true(
        fixture_prompt(&format, CHAT_MISTRAL,
                       "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"audio\", "
                       "\"samples\": 16000}, {\"type\": \"text\", \"text\": \"?\"}]}]}",
                       NULL, &prompt, &err));
    assert_int_equal(prompt.n_slots, 1);
    assert_int_equal(prompt.slots[0].kind, SLOT_AUDIO);
    assert_int_equal(prompt.ids.ids[2], format.ids[CONTROL_BEGIN_AUDIO]);
    assert_int_equal(prompt.slots[0].at, 3);
    assert_int_equal(prompt.slots[0].n, 375);
    assert_int_equal(prompt.slots[0].n_samples, 480000);
    for (size_t i = 3; i < 3 + 375; i++)
        assert_int_equal(prompt.ids.ids[i], format.ids[CONTROL_AUDIO]);
    prompt_free(&prompt);
}

/* Slots move with the text when turns are dropped before them. */
TEST(prompt, moves_slots_when_it_is_cut)
{
    const struct prompt_format format = fixture_format("tekken-v13-image");
    const struct prompt_options options = {.max_tokens = 10};
    struct prompt prompt;
    struct err err = {0};
    static const char image[] = "[{\"type\": \"image\", \"width\": 30, \"height\": 1}]";
    char request[1000];
    snprintf(request, sizeof request,
             "{\"truncate_for_context_length\": true, \"messages\": ["
             "{\"role\": \"user\", \"content\": %s}, {\"role\": \"assistant\", \"content\": \"a\"},"
             "{\"role\": \"user\", \"content\": %s}, {\"role\": \"assistant\", \"content\": \"b\"},"
             "{\"role\": \"user\", \"content\": %s}]}",
             image, image, image);
    assert_true(fixture_prompt(&format, CHAT_MISTRAL, request, &options, &prompt, &err));
    assert_int_equal(prompt.ids.n, 1 + 5 + 0);
    assert_int_equal(prompt.n_slots, 1);
    assert_int_equal(prompt.slots[0].at, 2);
    assert_int_equal(prompt.slots[0].n, 3);
    prompt_free(&prompt);
}

TEST(prompt, takes_no_media_that_it_cannot_size)
{
    static const struct {
        const char *template, *part, *want;
    } cases[] = {
        {"tekken-v13", "{\"type\": \"image\", \"width\": 1, \"height\": 1}", "takes no pictures"},
        {"tekken-v13", "{\"type\": \"audio\", \"samples\": 1}", "takes no sound"},
        {"tekken-v13-image", "{\"type\": \"image_url\", \"image_url\": \"http://x\"}",
         "reads no pictures"},
        {"tekken-v7-audio", "{\"type\": \"input_audio\", \"input_audio\": \"AAAA\"}",
         "reads no sound"},
        {"tekken-v7-audio", "{\"type\": \"audio\", \"samples\": 0}", "sound of 0 samples"},
        {"tekken-v13-image", "{\"type\": \"image\", \"width\": 0, \"height\": 1}", "0 x 1"},
        {"tekken-v13-image", "{\"type\": \"image\", \"width\": 3, \"height\": 10000}", "narrow"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct prompt_format format = fixture_format(cases[i].template);
        struct prompt prompt;
        struct err err = {0};
        char request[300];
        snprintf(request, sizeof request,
                 "{\"messages\": [{\"role\": \"user\", \"content\": [%s]}]}", cases[i].part);
        assert_false(fixture_prompt(&format, CHAT_MISTRAL, request, NULL, &prompt, &err));
        if (!strstr(err.text, cases[i].want))
            fail_msg("%s: %s", cases[i].part, err.text);
        prompt_free(&prompt);
    }
}

TEST(prompt, asks_for_tokens_that_are_not_there)
{
    const struct prompt_format format = fixture_format("tekken-v7");
    struct prompt prompt = {0};
    struct err err = {0};
    struct prompt_writer w = {.format = &format, .out = &prompt, .err = &err};
    assert_false(prompt_add_control(&w, CONTROL_THINK));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "has no [THINK]"));
    assert_int_equal(prompt.ids.n, 0);
    assert_false(prompt_add_controls(&w, CONTROL_INST, LIMIT_CONTEXT + 1));
    assert_int_equal(err.code, ERR_LIMIT);
}

TEST(prompt, takes_no_endless_text)
{
    const struct prompt_format format = fixture_format("tekken-v7");
    struct prompt prompt = {0};
    struct err err = {0};
    struct prompt_writer w = {.format = &format, .out = &prompt, .err = &err};
    assert_false(prompt_add_text(&w, (struct span){"", LIMIT_PROMPT_TEXT + 1}));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(prompt.ids.n, 0);
}

TEST(prompt, shows_every_token_as_its_piece)
{
    const struct prompt_format format = fixture_format("spm-v3");
    const int32_t ids[] = {1, 3, 23325, 781, 4, 2, 99999};
    struct token_ids list = {.ids = (int32_t[7]){0}, .n = 7};
    struct buf text;
    struct err err = {0};
    memcpy(list.ids, ids, sizeof ids);
    buf_init(&text, 1 << 10);
    assert_true(prompt_text(&format, &list, &text, &err));
    assert_string_equal(text.data, "<s>[INST]\xe2\x96\x81Hello<0x0A>[/INST]</s>");
    buf_free(&text);
    buf_init(&text, 5);
    assert_false(prompt_text(&format, &list, &text, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    buf_free(&text);
}
