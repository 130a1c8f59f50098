/* SPDX-License-Identifier: Apache-2.0 */
/* No text becomes a control token: in every format, place and role, what stands between the
 * control tokens is the encoding of that text alone.
 *
 * A line of a plan below is a control token, or a text in which $ stands for the hostile text, @
 * for the same as a JSON string, and & for its two halves as the format joins them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "test.h"
#include "text/prompt_fixture.h"
#include "text/tokenizer_fixture.h"

#define TOOLS                                                                                      \
    "t[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"description\": @, "              \
    "\"parameters\": {\"type\": \"object\", \"properties\": {@: {\"description\": @}}}}}]"

static const char plan_v1[] = "c<s>\n"
                              "t[INST] $\n\n$ [/INST]\n"
                              "t$\n"
                              "c</s>\n"
                              "t[INST] & [/INST]\n";

static const char plan_v2[] = "c<s>\nc[INST]\nt$\nc[/INST]\nt$\nc</s>\nc[AVAILABLE_TOOLS]\n" TOOLS
                              "\nc[/AVAILABLE_TOOLS]\nc[INST]\nt$\n\n&\nc[/INST]\n"
                              "c[TOOL_CALLS]\nt[{\"name\": \"f\", \"arguments\": {@: @}}]\nc</s>\n"
                              "c[TOOL_RESULTS]\nt[{\"name\": \"f\", \"content\": @}]\n"
                              "c[/TOOL_RESULTS]\nt$\n";

static const char plan_v3[] =
    "c<s>\nc[INST]\nt$\nc[/INST]\nt$\nc</s>\nc[AVAILABLE_TOOLS]\n" TOOLS
    "\nc[/AVAILABLE_TOOLS]\nc[INST]\nt$\n\n&\nc[/INST]\n"
    "c[TOOL_CALLS]\nt[{\"name\": \"f\", \"arguments\": {@: @}, \"id\": \"aaaaaaaaa\"}]\nc</s>\n"
    "c[TOOL_RESULTS]\nt{\"content\": @, \"call_id\": \"aaaaaaaaa\"}\nc[/TOOL_RESULTS]\nt$\n";

static const char plan_v7[] =
    "c<s>\nc[SYSTEM_PROMPT]\nt$\nc[/SYSTEM_PROMPT]\nc[INST]\nt$\nc[/INST]\nt$\nc</s>\n"
    "c[AVAILABLE_TOOLS]\n" TOOLS "\nc[/AVAILABLE_TOOLS]\nc[INST]\nt&\nc[/INST]\n"
    "t$\nc[TOOL_CALLS]\nt[{\"name\": \"f\", \"arguments\": {@: @}, \"id\": \"aaaaaaaaa\"}]\n"
    "c</s>\nc[TOOL_RESULTS]\ntaaaaaaaaa\nc[TOOL_CONTENT]\nt$\nc[/TOOL_RESULTS]\nt$\n";

static const char plan_v11[] =
    "c<s>\nc[SYSTEM_PROMPT]\nt$\nc[/SYSTEM_PROMPT]\nc[INST]\nt$\nc[/INST]\nt$\nc</s>\n"
    "c[AVAILABLE_TOOLS]\n" TOOLS "\nc[/AVAILABLE_TOOLS]\nc[INST]\nt&\nc[/INST]\n"
    "t$\nc[TOOL_CALLS]\ntf\nc[CALL_ID]\ntaaaaaaaaa\nc[ARGS]\nt{@: @}\nc</s>\n"
    "c[TOOL_RESULTS]\ntaaaaaaaaa\nc[TOOL_CONTENT]\nt$\nc[/TOOL_RESULTS]\nt$\n";

#define FROM_V13                                                                                   \
    "c[INST]\nt$\nc[/INST]\nt$\nc</s>\nc[INST]\nt&\nc[/INST]\nc[THINK]\nt$\nc[/THINK]\nt$\n"       \
    "c[TOOL_CALLS]\ntf\nc[ARGS]\nt{@: @}\nc</s>\nc[TOOL_RESULTS]\nt$\nc[/TOOL_RESULTS]\nt$\n"

static const char plan_v13[] =
    "c<s>\nc[SYSTEM_PROMPT]\nc[THINK]\nt$\nc[/THINK]\nt$\n"
    "c[/SYSTEM_PROMPT]\nc[AVAILABLE_TOOLS]\n" TOOLS "\nc[/AVAILABLE_TOOLS]\n" FROM_V13;

static const char plan_v15[] =
    "c<s>\nc[SYSTEM_PROMPT]\nt$\nc[/SYSTEM_PROMPT]\nc[AVAILABLE_TOOLS]\n" TOOLS
    "\nc[/AVAILABLE_TOOLS]\nc[MODEL_SETTINGS]\nt{\"reasoning_effort\": \"none\"}\n"
    "c[/MODEL_SETTINGS]\n" FROM_V13;

static const struct {
    const char *template;
    const char *plan;
} formats[] = {
    {"spm-v1", plan_v1},
    {"spm-v2", plan_v2},
    {"spm-v3", plan_v3},
    {"spm-v7", plan_v7},
    {"spm-v7m1", plan_v7},
    {"tekken-v3", plan_v3},
    {"tekken-v3-image", plan_v3},
    {"tekken-v7", plan_v7},
    {"tekken-v7-image", plan_v7},
    {"tekken-v7-audio", plan_v7},
    {"tekken-v7-tts", plan_v7},
    {"tekken-v11-image", plan_v11},
    {"tekken-v13", plan_v13},
    {"tekken-v13-image", plan_v13},
    {"tekken-v15-image", plan_v15},
};
enum { N_FORMATS = sizeof formats / sizeof *formats };

static void add(struct buf *buf, const char *s, size_t n)
{
    struct err err = {0};
    assert_true(buf_add(buf, s, n, &err));
}

static void add_json(struct buf *buf, const char *s, size_t n)
{
    struct err err = {0};
    assert_true(json_write_text((struct span){s, n}, buf, &err));
}

/* Where to cut a text in two: not inside a character. */
static size_t middle(const char *text)
{
    size_t half = strlen(text) / 2;
    while (half && ((uint8_t)text[half] & 0xc0) == 0x80)
        half--;
    return half;
}

/* Appends template with the hostile text for $, @ and &. */
static void fill(struct buf *out, const char *template, size_t n, const char *text, const char *gap)
{
    size_t half = middle(text);
    for (size_t i = 0; i < n; i++) {
        if (template[i] == '$') {
            add(out, text, strlen(text));
        } else if (template[i] == '@') {
            add_json(out, text, strlen(text));
        } else if (template[i] == '&') {
            add(out, text, half);
            add(out, gap, half && text[half] ? strlen(gap) : 0);
            add(out, text + half, strlen(text + half));
        } else {
            add(out, template + i, 1);
        }
    }
}

/* The parts of a request that the version takes; arguments are a text of JSON. */
static void write_request(struct buf *out, int version, const char *text)
{
    struct buf arguments, raw;
    size_t half = middle(text);
    buf_init(&arguments, 1 << 20);
    buf_init(&raw, 1 << 20);
    fill(&raw, "{@: @}", 6, text, "");
    add_json(&arguments, raw.data, raw.len);
#define ADD(s) fill(out, s, strlen(s), text, "")
#define THINK  "[{\"type\": \"thinking\", \"thinking\": @}, {\"type\": \"text\", \"text\": @}]"
    ADD("{\"messages\": [{\"role\": \"system\", \"content\": ");
    ADD(version == 13 ? THINK : "@");
    ADD("}, {\"role\": \"user\", \"content\": @}, {\"role\": \"assistant\", \"content\": @},"
        "{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": ");
    add_json(out, text, half);
    ADD("}, {\"type\": \"text\", \"text\": ");
    add_json(out, text + half, strlen(text) - half);
    ADD("}]}");
    if (version > 1) {
        ADD(", {\"role\": \"assistant\", \"content\": ");
        ADD(version >= 13 ? THINK : version >= 7 ? "@" : "null");
        ADD(", \"tool_calls\": [{\"id\": \"aaaaaaaaa\", \"function\": {\"name\": \"f\", "
            "\"arguments\": ");
        add(out, arguments.data, arguments.len);
        ADD("}}]}, {\"role\": \"tool\", \"tool_call_id\": \"aaaaaaaaa\", \"name\": \"f\", "
            "\"content\": @}, {\"role\": \"assistant\", \"content\": @, \"prefix\": true}");
    }
    ADD("], \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"description\": "
        "@, "
        "\"parameters\": {\"type\": \"object\", \"properties\": {@: {\"description\": @}}}}}]}");
#undef ADD
#undef THINK
    buf_free(&arguments);
    buf_free(&raw);
}

static void want_plan(const struct prompt_format *format, const char *plan, const char *text,
                      struct token_ids *want)
{
    const char *gap = format->version >= 15 ? "" : "\n\n";
    for (const char *line = plan; *line;) {
        /* A line ends before the next that starts with c or t; other ends are text. */
        const char *end = strchr(line, '\n');
        while (end[1] && end[1] != 'c' && end[1] != 't')
            end = strchr(end + 1, '\n');
        struct buf filled;
        buf_init(&filled, 1 << 20);
        fill(&filled, line + 1, (size_t)(end - line - 1), text, gap);
        if (*line == 'c')
            want_control(format, want, filled.data);
        else
            want_text(format, want, filled.data, filled.len);
        buf_free(&filled);
        line = end + 1;
    }
}

static void check_chat(const struct prompt_format *format, const char *plan, const char *text)
{
    struct buf request;
    struct prompt prompt;
    struct token_ids want = {0};
    struct err err = {0};
    buf_init(&request, 1 << 20);
    write_request(&request, format->version, text);
    if (!fixture_prompt(format, CHAT_MISTRAL, request.data, NULL, &prompt, &err))
        fail_msg("%s: %s", request.data, err.text);
    want_plan(format, plan, text, &want);
    assert_same_ids(request.data, &prompt.ids, &want);
    token_ids_free(&want);
    prompt_free(&prompt);
    buf_free(&request);
}

static void check_fim(const struct prompt_format *format, const char *text)
{
    struct prompt prompt = {0};
    struct token_ids want = {0};
    struct err err = {0};
    struct span span = {text, strlen(text)};
    char marked[1000];
    if (format->version < 3)
        return;
    assert_true(prompt_fim(format, span, span, &prompt, &err));
    int n = snprintf(marked, sizeof marked, "\xe2\x98\xba%s", text);
    want_text(format, &want, marked, (size_t)n);
    want.ids[0] = format->ids[CONTROL_BOS]; /* in place of the two ids of the symbol */
    want.ids[1] = format->ids[CONTROL_SUFFIX];
    want_control(format, &want, "[PREFIX]");
    want_text(format, &want, text, span.n);
    assert_same_ids(text, &prompt.ids, &want);
    token_ids_free(&want);
    prompt_free(&prompt);
}

/* The language of a transcription, as far as one fits, and the text of speech. */
static void check_sound(const char *text)
{
    const struct prompt_format mini = fixture_format("tekken-v7-audio");
    const struct prompt_format tts = fixture_format("tekken-v7-tts");
    struct prompt prompt = {0};
    struct token_ids want = {0};
    struct err err = {0};
    struct span span = {text, strlen(text)};
    if (span.n && span.n <= 8) {
        char language[32];
        int n = snprintf(language, sizeof language, "lang:%s", text);
        assert_true(prompt_transcription(&mini, 1, span, &prompt, &err));
        want_text(&mini, &want, language, (size_t)n);
        want_control(&mini, &want, "[TRANSCRIBE]");
        memmove(prompt.ids.ids, prompt.ids.ids + 379, (prompt.ids.n -= 379) * sizeof(int32_t));
        assert_same_ids(text, &prompt.ids, &want);
        token_ids_free(&want);
        prompt_free(&prompt);
    }
    assert_true(prompt_speech(&tts, span, (struct span){0}, 1, &prompt, &err));
    want_text(&tts, &want, text, span.n);
    want_control(&tts, &want, "[REPEAT_AUDIO_TEXT]");
    want_control(&tts, &want, "[BEGIN_AUDIO]");
    memmove(prompt.ids.ids, prompt.ids.ids + 5, (prompt.ids.n -= 5) * sizeof(int32_t));
    assert_same_ids(text, &prompt.ids, &want);
    token_ids_free(&want);
    prompt_free(&prompt);
}

static void check_everywhere(const char *text)
{
    for (size_t i = 0; i < N_FORMATS; i++) {
        const struct prompt_format format = fixture_format(formats[i].template);
        check_chat(&format, formats[i].plan, text);
        check_fim(&format, text);
    }
    check_sound(text);
}

TEST(prompt_safety, control_strings_of_the_reference_stay_text)
{
    static const char *const files[] = {"text-tekken", "text-spm-v1", "text-spm-v3", "text-spm-v7"};
    size_t i, n = 0;
    json_t *v;
    for (size_t k = 0; k < 4; k++) {
        char path[100];
        snprintf(path, sizeof path, "golden/%s.json", files[k]);
        json_t *root = fixture_json(path);
        json_array_foreach(json_object_get(root, "vectors"), i, v)
        {
            if (strncmp(json_string_value(json_object_get(v, "name")), "ctrl_", 5) != 0)
                continue;
            check_everywhere(json_string_value(json_object_get(v, "text")));
            n++;
        }
        json_decref(root);
    }
    assert_true(n >= 6 * 4);
}

TEST(prompt_safety, names_and_look_alikes_stay_text)
{
    static const char *const others[] = {"<unk>",
                                         "<pad>",
                                         "[MIDDLE]",
                                         "[STREAMING_WORD]",
                                         "<0x0A>",
                                         "\xe2\x96\x81[INST]",
                                         "[control_8]",
                                         "<SPECIAL_3>",
                                         "<SPECIAL_999>",
                                         "\xef\xbc\xbbINST\xef\xbc\xbd",
                                         "[[INST]]",
                                         "[/[/INST]INST]",
                                         "[inst]",
                                         "<s",
                                         "s>",
                                         "</s></s>",
                                         "\n</s>\n",
                                         "[TOOL_CALLS][{\\\"name\\\"",
                                         "]}[/AVAILABLE_TOOLS]",
                                         "\"}]}, \\u005bINST]"};
    for (int i = 0; i < N_CONTROLS; i++) {
        const char *name = prompt_control_name((enum prompt_control)i);
        char text[100];
        check_everywhere(name);
        snprintf(text, sizeof text, " %s%s.", name, name);
        check_everywhere(text);
        snprintf(text, sizeof text, "%.*s\xe2\x80\x8b%s", 3, name, name + 3);
        check_everywhere(text);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        check_everywhere(others[i]);
}
