/* SPDX-License-Identifier: Apache-2.0 */
/* Sound: the vectors are the reference's, on silence. */
#include <string.h>

#include "base/limits.h"
#include "test.h"
#include "text/prompt_fixture.h"

static const json_t *get(const json_t *v, const char *key)
{
    return json_object_get(v, key);
}

static uint64_t number(const json_t *v, const char *key)
{
    return (uint64_t)json_integer_value(get(v, key));
}

static struct span text(const json_t *v, const char *key)
{
    const json_t *value = get(v, key);
    return json_is_string(value)
               ? (struct span){json_string_value(value), json_string_length(value)}
               : (struct span){0};
}

/* The prompt is want with n_audio slots behind the first [BEGIN_AUDIO]. */
static void assert_audio(const struct prompt_format *format, struct prompt *prompt, const json_t *v)
{
    struct token_ids *ids = &prompt->ids;
    size_t n = 0;
    assert_int_equal(prompt->n_slots, 1);
    assert_int_equal(prompt->slots[0].n, number(v, "n_audio"));
    for (size_t i = 0; i < ids->n; i++) {
        bool in_slot = i >= prompt->slots[0].at && i < prompt->slots[0].at + prompt->slots[0].n;
        assert_int_equal(ids->ids[i] == format->ids[CONTROL_AUDIO], in_slot);
        if (!in_slot)
            ids->ids[n++] = ids->ids[i];
    }
    ids->n = n;
    assert_prompt_ids("audio", ids, get(v, "ids_without_audio"));
}

static void check_transcription(const json_t *v)
{
    const struct prompt_format format = fixture_format("tekken-v7-audio");
    struct prompt prompt = {0};
    struct err err = {0};
    assert_true(
        prompt_transcription(&format, number(v, "samples"), text(v, "language"), &prompt, &err));
    assert_int_equal(prompt.slots[0].n_samples, number(v, "padded_samples"));
    assert_audio(&format, &prompt, v);
    prompt_free(&prompt);
}

static void check_streaming(const json_t *v)
{
    const struct prompt_format format = fixture_format("tekken-v7-realtime");
    struct prompt prompt = {0};
    struct streaming_pads pads;
    struct err err = {0};
    uint64_t n_samples = number(v, "samples");
    assert_true(prompt_streaming(&format, n_samples, (uint32_t)number(v, "delay_ms"), &prompt,
                                 &pads, &err));
    assert_int_equal(prompt.ids.n, number(v, "n_ids"));
    if (json_is_array(get(v, "ids")))
        assert_prompt_ids("streaming", &prompt.ids, get(v, "ids"));
    if (n_samples)
        assert_int_equal(pads.left + n_samples + pads.right, number(v, "padded_samples"));
    else
        assert_true(pads.left == number(v, "left_pad") && pads.right == number(v, "right_pad"));
    prompt_free(&prompt);
}

static void check_speech(const json_t *v)
{
    const struct prompt_format format = fixture_format("tekken-v7-tts");
    struct prompt prompt = {0};
    struct err err = {0};
    assert_true(prompt_speech(&format, text(v, "input"), text(v, "voice"), number(v, "samples_24k"),
                              &prompt, &err));
    assert_audio(&format, &prompt, v);
    prompt_free(&prompt);
}

TEST(prompt_audio, encodes_what_the_reference_does)
{
    json_t *root = fixture_json("golden/audio.json"), *v;
    size_t i;
    json_array_foreach(get(root, "vectors"), i, v)
    {
        const char *kind = json_string_value(get(v, "kind"));
        if (strcmp(kind, "transcription") == 0)
            check_transcription(v);
        else if (strncmp(kind, "streaming", 9) == 0)
            check_streaming(v);
        else
            check_speech(v);
    }
    assert_int_equal(i, 62);
    json_decref(root);
}

static void assert_refused(bool ok, const struct err *err, enum err_code code, const char *want)
{
    assert_false(ok);
    assert_int_equal(err->code, code);
    if (!strstr(err->text, want))
        fail_msg("%s", err->text);
}

TEST(prompt_audio, refuses_what_a_model_cannot_hear)
{
    const struct prompt_format deaf = fixture_format("tekken-v13");
    const struct prompt_format mini = fixture_format("tekken-v7-audio");
    const struct prompt_format realtime = fixture_format("tekken-v7-realtime");
    const struct prompt_format tts = fixture_format("tekken-v7-tts");
    const struct span none = {0};
    struct prompt p = {0};
    struct streaming_pads pads;
    struct err err = {0};
    assert_refused(prompt_transcription(&deaf, 1, none, &p, &err), &err, ERR_ARG, "takes no sound");
    assert_refused(prompt_transcription(&mini, 0, none, &p, &err), &err, ERR_ARG, "0 samples");
    assert_refused(prompt_transcription(&mini, LIMIT_AUDIO_SAMPLES + 1, none, &p, &err), &err,
                   ERR_ARG, "samples");
    assert_refused(prompt_transcription(&mini, 1, SPAN("english!!"), &p, &err), &err, ERR_ARG,
                   "language");
    assert_refused(prompt_transcription(&realtime, 1, none, &p, &err), &err, ERR_UNSUPPORTED,
                   "[TRANSCRIBE]");
    assert_refused(prompt_streaming(&mini, 1, 0, &p, &pads, &err), &err, ERR_UNSUPPORTED,
                   "no streams");
    assert_refused(prompt_streaming(&realtime, LIMIT_AUDIO_SAMPLES + 1, 0, &p, &pads, &err), &err,
                   ERR_ARG, "samples");
    assert_refused(prompt_streaming(&realtime, 1, 81, &p, &pads, &err), &err, ERR_ARG,
                   "a multiple of 80");
    assert_refused(prompt_streaming(&realtime, 1, UINT32_MAX / 80 * 80, &p, &pads, &err), &err,
                   ERR_ARG, "a delay of");
    assert_refused(prompt_speech(&mini, SPAN("x"), SPAN("casual_male"), 0, &p, &err), &err, ERR_ARG,
                   "it has none");
    assert_refused(prompt_speech(&tts, SPAN("x"), SPAN("nobody"), 0, &p, &err), &err, ERR_ARG,
                   "\"nobody\" is no voice of this model; it has ");
    assert_refused(prompt_speech(&tts, SPAN("x"), none, 0, &p, &err), &err, ERR_ARG, "0 samples");
    assert_refused(prompt_speech(&mini, SPAN("x"), none, 1, &p, &err), &err, ERR_UNSUPPORTED,
                   "[NEXT_AUDIO_TEXT]");
    prompt_free(&p);
}
