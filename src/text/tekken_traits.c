/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the sections of tekken.json that say what a prompt may hold besides text. */
#include <string.h>

#include "base/limits.h"
#include "data/json.h"
#include "text/tekken_int.h"

enum { LAST_MULTIMODAL_VERSION = 11, FIRST_SETTINGS_VERSION = 15 };
enum { MAX_PATCH = 1024, MAX_MERGE = 64, MAX_RATE = 1 << 20, MAX_SLOTS = 1 << 20 };
enum { MAX_VOICES = 65536, MAX_EFFORTS = 64 };
#define MAX_SECONDS 86400.0

static bool read_image(struct traits *traits, const struct json *root, struct err *err)
{
    struct json image;
    struct image_traits *out = &traits->image;
    if (!json_find(root, "image", &image)) {
        if (!json_find(root, "multimodal", &image)) /* its name in older files */
            return true;
        if (traits->version > LAST_MULTIMODAL_VERSION)
            return json_fail(&image, err, ERR_FORMAT, "version %d calls this section image",
                             traits->version);
    }
    out->merge = 1;
    return json_u32(&image, "image_patch_size", 1, MAX_PATCH, &out->patch_size, err) &&
           json_u32(&image, "max_image_size", 1, LIMIT_IMAGE_SIDE, &out->max_size, err) &&
           json_opt_u32(&image, "spatial_merge_size", 1, MAX_MERGE, &out->merge, err);
}

/* Copies a string of the document, which is closed before the tokenizer. */
static bool keep(struct arena *arena, const char *s, struct span *out, struct err *err)
{
    out->n = strlen(s);
    out->s = arena_string(arena, s, out->n, err);
    return out->s != NULL;
}

static bool read_voices(struct traits *traits, const struct json *audio, struct err *err)
{
    struct json voices, voice;
    if (!json_find(audio, "voice_num_audio_tokens", &voices))
        return true;
    if (!json_is_object(&voices) || json_count(&voices) > MAX_VOICES)
        return json_fail(&voices, err, ERR_FORMAT, "expected an object of at most %d voices",
                         MAX_VOICES);
    struct voice_traits *list =
        arena_new(&traits->arena, json_count(&voices) + 1, sizeof *list, err);
    if (!list)
        return false;
    traits->audio.voices = list;
    for (void *it = json_first(&voices, &voice); it; it = json_next(&voices, it, &voice)) {
        int64_t n_tokens;
        if (!json_read_int(&voice, 1, MAX_SLOTS, &n_tokens, err) ||
            !keep(&traits->arena, voice.key, &list[traits->audio.n_voices].name, err))
            return false;
        list[traits->audio.n_voices++].n_tokens = (uint32_t)n_tokens;
    }
    return true;
}

static bool read_streaming(struct audio_traits *out, const struct json *audio, struct err *err)
{
    const char *format = "instruct";
    if (!json_opt_string(audio, "transcription_format", &format, err))
        return false;
    out->streaming = strcmp(format, "streaming") == 0;
    return !out->streaming ||
           (json_u32(audio, "transcription_delay_ms", 0, 1000000, &out->delay_ms, err) &&
            json_u32(audio, "streaming_n_left_pad_tokens", 0, MAX_SLOTS, &out->n_left_pad, err));
}

static bool read_audio(struct traits *traits, const struct json *root, struct err *err)
{
    struct json audio, encoding;
    struct audio_traits *out = &traits->audio;
    if (!json_find(root, "audio", &audio))
        return true;
    if (!json_u32(&audio, "sampling_rate", 1, MAX_RATE, &out->sampling_rate, err) ||
        !json_f64(&audio, "frame_rate", 1e-3, MAX_RATE, &out->frame_rate, err) ||
        !json_need(&audio, "audio_encoding_config", &encoding, err) ||
        !json_u32(&encoding, "hop_length", 1, MAX_RATE, &out->hop_length, err) ||
        !json_u32(&encoding, "window_size", 1, MAX_RATE, &out->window_size, err) ||
        !json_opt_f64(&audio, "chunk_length_s", 0, MAX_SECONDS, &out->chunk_s, err))
        return false;
    /* A slot is a whole number of hops, at least one. */
    if (out->sampling_rate / out->frame_rate < out->hop_length)
        return json_fail(&audio, err, ERR_FORMAT,
                         "a slot at frame_rate is shorter than hop_length");
    return read_streaming(out, &audio, err) && read_voices(traits, &audio, err);
}

static bool read_values(struct traits *traits, const struct json *field, struct err *err)
{
    struct json values;
    struct effort_traits *effort = &traits->effort;
    if (!json_need(field, "values", &values, err))
        return false;
    if (!json_is_array(&values) || json_count(&values) > MAX_EFFORTS)
        return json_fail(&values, err, ERR_FORMAT, "expected a list of at most %d strings",
                         MAX_EFFORTS);
    struct span *list = arena_new(&traits->arena, json_count(&values) + 1, sizeof *list, err);
    if (!list)
        return false;
    effort->values = list;
    for (size_t i = 0; i < json_count(&values); i++) {
        struct json value = json_item(&values, i);
        const char *s;
        size_t n;
        if (!json_read_string(&value, &s, &n, err) ||
            !keep(&traits->arena, s, &list[effort->n_values], err))
            return false;
        effort->n_values++;
    }
    return true;
}

static bool read_preset(struct traits *traits, const struct json *field, struct err *err)
{
    struct json preset;
    struct effort_traits *effort = &traits->effort;
    const char *s;
    size_t n;
    if (!json_find(field, "default", &preset))
        return true;
    if (!json_read_string(&preset, &s, &n, err))
        return false;
    for (size_t i = 0; i < effort->n_values; i++)
        if (span_is(effort->values[i], s))
            effort->preset = effort->values[i];
    return effort->preset.s || json_fail(&preset, err, ERR_FORMAT, "not one of the values");
}

static bool read_settings(struct traits *traits, const struct json *root, struct err *err)
{
    struct json builder, field;
    const char *type = "";
    if (!json_find(root, "model_settings_builder", &builder))
        return true;
    if (traits->version < FIRST_SETTINGS_VERSION)
        return json_fail(&builder, err, ERR_FORMAT, "version %d has no settings; %d is the first",
                         traits->version, FIRST_SETTINGS_VERSION);
    if (!json_is_object(&builder))
        return json_fail(&builder, err, ERR_FORMAT, "expected an object");
    if (!json_find(&builder, "reasoning_effort", &field))
        return true;
    if (!json_opt_string(&field, "type", &type, err))
        return false;
    if (strcmp(type, "enum") != 0)
        return json_fail(&field, err, ERR_UNSUPPORTED, "only a setting of type enum is read");
    traits->effort.present = true;
    return json_opt_bool(&field, "accepts_none", &traits->effort.accepts_none, err) &&
           read_values(traits, &field, err) && read_preset(traits, &field, err);
}

bool tekken_traits(struct tokenizer *tok, const struct json *root, struct err *err)
{
    return read_image(&tok->traits, root, err) && read_audio(&tok->traits, root, err) &&
           read_settings(&tok->traits, root, err);
}
